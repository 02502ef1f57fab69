"""Follow-up: whether the images tell a node that was missed in one study from one that is really new or gone.

    python -m Benchmarks.followup_images [--first-seed 6101] [--axial 6] [--sagittal 2] [--hard 2]

Pairs of phantoms (`Benchmarks.two_studies`), aligned and registered as the product does. Each node that is in
both studies is looked for as if the other one had not outlined it; each that is new or vanished, too; and
pieces of other tissue as bright as nodes, which stand for false finds. Each figure with DWI / from T2 alone.
Seeds 5101 to 5112, 5201 to 5205 and 5301 to 5305 chose the weights of `nodes.seen`. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.nodes.change import seen_on
from LymphNodeSegLib.nodes.evaluation import BANDS_MM
from LymphNodeSegLib.nodes.matching import in_field_of_view
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import Node
from LymphNodeSegLib.nodes.rigid import align
from LymphNodeSegLib.nodes.seen import NOT_SEEN, SEEN, UNDECIDED, Look, seen_elsewhere, smoothed
from LymphNodeSegLib.phantom import Phantom
from LymphNodeSegLib.progress import Silent
from LymphNodeSegLib.registration.register import register
from scipy import ndimage

from .two_studies import two_studies

FALSE_FINDS = 10  # looked for in each study
FATES = {
    "stays": "unchanged",
    "grown": "grown by 1.3 to 1.6",
    "new": "new or gone",
    "vanished": "new or gone",
}
OTHER_TISSUE = "other tissue"


@dataclass(frozen=True)
class Finding:
    """What was said of one node.

    Attributes:
        kind: What it really is, a value of `FATES` or `OTHER_TISSUE`.
        short_axis_mm: In the study that outlines it.
        said: What `seen_elsewhere` says, with DWI and from T2 alone.
    """

    kind: str
    short_axis_mm: float
    said: tuple[str, str]


@dataclass(frozen=True)
class _Study:
    phantom: Phantom
    t2: Image
    dwi: Image
    who: dict[int, int]


def findings(case: tuple[int, str, str]) -> list[Finding]:
    """All of a pair, by seed, difficulty and plane."""
    pair = two_studies(*case)
    to_prior = align(pair.prior.t2, pair.current.t2, Silent()).transform
    prior, current = _study(pair.prior, pair.then), _study(pair.current, pair.now)
    found = []
    for own, other, transform in ((current, prior, to_prior), (prior, current, to_prior.GetInverse())):
        rng = np.random.default_rng([case[0], own is prior])
        for node, number in _looked_for(own, rng):
            label = {n: one for one, n in other.who.items()}.get(number, -1)
            if number >= 0 and label < 0 and FATES[pair.fate[number]] != "new or gone":
                continue  # the other study does not show enough of it
            outlined = np.where(other.phantom.labels == label, 0, other.phantom.labels)
            if in_field_of_view(node, other.t2.geometry, transform) and seen_on(
                node, other.t2.geometry.spacing_mm[2]
            ):
                kind = FATES[pair.fate[number]] if number >= 0 else OTHER_TISSUE
                found.append(_finding(kind, node, own, other, other.t2.with_array(outlined), transform))
    return found


def _finding(
    kind: str, node: Node, own: _Study, other: _Study, outlined: Image, transform: object
) -> Finding:
    t2, dwi = Look(own.t2, other.t2), Look(own.dwi, other.dwi)
    said = tuple(seen_elsewhere(node, t2, one, outlined, transform) for one in (dwi, None))
    return Finding(kind, node.short_axis_mm or 0.0, said)  # type: ignore[arg-type]


def _study(phantom: Phantom, who: dict[int, int]) -> _Study:
    images = StudyImages(phantom.t2, phantom.dwi_series[-1], phantom.dwi_series, phantom.adc)
    return _Study(phantom, smoothed(phantom.t2), register(images).dwi, who)


def _looked_for(study: _Study, rng: np.random.Generator) -> Iterator[tuple[Node, int]]:
    """The nodes of a study with their number in the patient, and other tissue with -1."""
    for node in measure_nodes(study.t2.with_array(study.phantom.labels)):
        yield node, study.who[node.label]
    for node in measure_nodes(study.t2.with_array(_other_tissue(study, rng))):
        yield node, -1


def _other_tissue(study: _Study, rng: np.random.Generator) -> np.ndarray:
    """Label map of what is as bright as nodes on T2 but none, in pieces of at most 6 to 14 mm."""
    image, labels, grid = study.t2.array, study.phantom.labels, study.t2.geometry
    typical = np.median(image[labels > 0])
    alike = (np.abs(image / typical - 1) < 0.25) & ~ndimage.binary_dilation(labels > 0, iterations=3)
    alike &= ndimage.gaussian_filter(np.abs(image / typical - 1), (0.5, 4, 4)) > 0.25  # with an edge
    pieces = np.zeros(labels.shape, np.uint16)
    k, j, i = np.indices(labels.shape)
    points = np.stack([i, j, k], axis=-1) * np.array(grid.spacing_mm)
    for center in rng.permutation(np.argwhere(alike))[: 20 * FALSE_FINDS]:
        near = ((points - points[tuple(center)]) ** 2).sum(axis=-1) < (rng.uniform(6, 14) / 2) ** 2
        parts, _ = ndimage.label(near & alike)
        piece = parts == parts[tuple(center)]
        if piece.sum() * grid.voxel_volume_mm3 > 60 and not pieces[piece].any():
            pieces[piece] = pieces.max() + 1
        if pieces.max() == FALSE_FINDS:
            break
    return pieces


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=6101)
    for kind, count in (("axial", 6), ("sagittal", 2), ("hard", 2)):
        parser.add_argument(f"--{kind}", type=int, default=count)
    options = parser.parse_args()
    cases = [(s, "standard", "axial") for s in range(options.first_seed, options.first_seed + options.axial)]
    first = options.first_seed + 100
    cases += [(s, "standard", "sagittal") for s in range(first, first + options.sagittal)]
    cases += [(s, "hard", "axial") for s in range(first + 100, first + 100 + options.hard)]
    found = [one for case in cases for one in findings(case)]
    print("| what it is | short axis, mm | nodes | seen | images do not tell | surely new or gone |")
    print("|---|---|---|---|---|---|")
    rows = defaultdict(list)
    for one in found:
        band = next(name for name, low, high in BANDS_MM if low <= one.short_axis_mm < high)
        rows[one.kind, band].append(one.said)
    for kind in (*dict.fromkeys(FATES.values()), OTHER_TISSUE):
        for band, _, _ in BANDS_MM:
            said = rows[kind, band]
            cells = [
                " / ".join(str(sum(one[n] == what for one in said)) for n in (0, 1))
                for what in (SEEN, UNDECIDED, NOT_SEEN)
            ]
            print(f"| {kind} | {band} | {len(said)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
