"""On the true masks of phantoms: nodes taken apart, sides told, hints given.

    python -m Benchmarks.reading [--first-seed 301] [--cases 45]

Odd seeds are of the difficulty "standard", even ones "hard". Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from LymphNodeSegLib.nodes.blocks import blocks_of
from LymphNodeSegLib.nodes.hints import SMALLEST_SHORT_AXIS_MM, adc_hint, t2_hint
from LymphNodeSegLib.nodes.separate import MINIMUM_VOLUME_MM3, find_nodes
from LymphNodeSegLib.nodes.stations import find_landmarks, side_of
from LymphNodeSegLib.phantom import Phantom, make_phantom


def divided(phantom: Phantom) -> Counter[str]:
    """What becomes of the true nodes when all that touch are one mask."""
    from scipy import ndimage

    labels = phantom.labels
    found = find_nodes(phantom.t2.with_array((labels > 0).astype(np.float32)))
    components, _ = ndimage.label(labels > 0, ndimage.generate_binary_structure(3, 2))
    volumes_mm3 = np.bincount(labels.ravel()) * phantom.t2.geometry.voxel_volume_mm3
    members: dict[int, list[int]] = {}
    for node in phantom.nodes:
        if volumes_mm3[node.label] >= MINIMUM_VOLUME_MM3:
            where = components[labels == node.label][0]
            members.setdefault(int(where), []).append(node.label)
    counts: Counter[str] = Counter()
    for component, true in members.items():
        parts = len(np.unique(found[(components == component) & (found > 0)]))
        if len(true) == 1:
            counts.update({"alone": 1, "alone, cut": int(parts > 1)})
            continue
        owners = Counter(int(np.bincount(found[labels == label]).argmax()) for label in true)
        apart = sum(1 for count in owners.values() if count == 1)
        counts.update({"touching": len(true), "touching, apart": apart, "clumps": 1})
        counts.update({"clumps, right count": int(parts == len(true))})
    return counts


def sided(phantom: Phantom) -> Counter[str]:
    """Whether the side of each node is told rightly."""
    landmarks = find_landmarks(phantom.t2)
    counts: Counter[str] = Counter()
    for node in phantom.nodes:
        x, y, z = node.center_lps_mm
        side = side_of((-x, -y, z), landmarks)
        counts["right" if side == node.side else side if side in ("unknown", "midline") else "wrong"] += 1
    return counts


def hinted(phantom: Phantom) -> Counter[tuple[str, bool]]:
    """By the kind of node, whether a bright area inside is hinted at; nodes large enough for a hint."""
    kinds = {node.label: node for node in phantom.nodes}
    counts: Counter[tuple[str, bool]] = Counter()
    for block in blocks_of(phantom.labels):
        node = kinds[block.label]
        if node.short_axis_mm >= SMALLEST_SHORT_AXIS_MM:
            voxel_mm3 = phantom.t2.geometry.voxel_volume_mm3
            hint = t2_hint(phantom.t2.array, block, node.short_axis_mm, voxel_mm3)
            counts[node.kind, hint is not None] += 1
    return counts


def fluid_hinted(phantom: Phantom) -> Counter[bool]:
    """Whether a node would be said to have an ADC like fluid, the ADC taken where it truly lies."""
    grid, adc = phantom.t2.geometry, phantom.adc
    counts: Counter[bool] = Counter()
    for node in phantom.nodes:
        kji = np.argwhere(phantom.labels == node.label)
        lps_mm = grid.lps_from_ijk(kji[:, ::-1]) + phantom.displacement_lps_mm[tuple(kji.T)]
        index = np.round(adc.geometry.ijk_from_lps(lps_mm)).astype(int)
        index = index[np.all((index >= 0) & (index < adc.geometry.size_ijk), axis=1)]
        values_um2_s = adc.array[tuple(index.T[::-1])]
        if (values_um2_s > 0).any():
            counts[adc_hint(float(values_um2_s[values_um2_s > 0].mean())) is not None] += 1
    return counts


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=301)
    parser.add_argument("--cases", type=int, default=45)
    options = parser.parse_args()
    parts: Counter[str] = Counter()
    sides: Counter[str] = Counter()
    hints: Counter[tuple[str, bool]] = Counter()
    fluid: Counter[bool] = Counter()
    for seed in range(options.first_seed, options.first_seed + options.cases):
        phantom = make_phantom(seed, "standard" if seed % 2 else "hard")
        parts += divided(phantom)
        sides += sided(phantom)
        hints += hinted(phantom)
        fluid += fluid_hinted(phantom)
    print("| figure | nodes |\n|---|---|")
    print(f"| touching nodes taken apart | {parts['touching, apart']} of {parts['touching']} |")
    print(f"| clumps with the right number of parts | {parts['clumps, right count']} of {parts['clumps']} |")
    print(f"| single nodes cut | {parts['alone, cut']} of {parts['alone']} |")
    for side in ("right", "unknown", "midline", "wrong"):
        name = (
            "side told rightly"
            if side == "right"
            else f"side told as {side}"
            if side != "wrong"
            else "side wrong"
        )
        print(f"| {name} | {sides[side]} of {sides.total()} |")
    for kind in ("hilum", "necrotic", "plain"):
        total = hints[kind, True] + hints[kind, False]
        print(f"| hint of a bright area: {kind} | {hints[kind, True]} of {total} |")
    print(f"| hint of an ADC near that of fluid: true nodes | {fluid[True]} of {fluid.total()} |")


if __name__ == "__main__":
    main()
