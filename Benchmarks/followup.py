"""Follow-up of true masks on two grids: repeatability of sizes, and whether what changed is named exactly.

    python -m Benchmarks.followup [--patients 40] [--seed 0]

Nodes of the phantom's sizes and shapes, from 2 mm on, in two studies of one patient, pixels of 0.5 to 1 mm
and slices of 3 to 4.5 mm, turned and moved against each other; the alignment is known to a millimeter. Three
nodes grow, one vanishes, one is new, each at least 4.6 mm thick. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from unittest import mock

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes import followup
from LymphNodeSegLib.nodes.change import NodeChange, ball_diameter_mm
from LymphNodeSegLib.nodes.followup import Comparison, compare_studies
from LymphNodeSegLib.nodes.rigid import Alignment
from LymphNodeSegLib.phantom.lymph_nodes import draw_shape, draw_short_axis
from LymphNodeSegLib.phantom.shapes import Ellipsoid
from LymphNodeSegLib.phantom.truth import Draft, label_nodes

GROWTH = 1.4
NODES = 25
THINNEST_MM = 4.6  # of those that change
ALIGNED_MM = 0.6  # standard deviation of the alignment's error along each axis
TURN = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, 0.105, (7.0, -5.0, 9.0))


@dataclass(frozen=True)
class Patient:
    """Two studies of one patient, compared.

    Attributes:
        then, now: Which node each label is, in the prior and in the current study.
        grown, vanished, new: The nodes that changed.
        comparison: What the product says.
    """

    then: dict[int, int]
    now: dict[int, int]
    grown: set[int]
    vanished: int
    new: int
    comparison: Comparison

    def wrong(self) -> list[str]:
        """Everything that is not named as it is."""
        found, then, now = self.comparison, self.then, self.now
        wrong = [f"{c.verdict} {then[c.prior.label]}" for c in found.matched if self._misjudged(c)]
        new, vanished = [now[one.label] for one in found.new], [then[one.label] for one in found.vanished]
        return (
            wrong
            + [f"new {n}" for n in {*new} ^ {self.new}]
            + [f"vanished {n}" for n in {*vanished} ^ {self.vanished}]
        )

    def _misjudged(self, change: NodeChange) -> bool:
        who = self.then[change.prior.label]
        grown = change.verdict == "grown"
        return (
            who != self.now[change.current.label]
            or grown != (who in self.grown)
            or change.verdict == "shrunk"
        )


def patient(seed: int) -> Patient:
    """One patient, the same for the same seed."""
    rng = np.random.default_rng([seed, 6])
    able: list[int] = []
    while len(able) < 5:
        shapes, before, after = _shapes(rng), _grid(rng), _grid(rng)
        seen = [_inside(shape, before) and _inside(shape, _turned(after)) for shape in shapes]
        thick = [2 * shape.radii_mm.min() >= THINNEST_MM for shape in shapes]
        able = np.flatnonzero(np.logical_and(seen, thick)).tolist()
    *grown, vanished, new = rng.permutation(able)[:5].tolist()
    now = dict(enumerate(shapes))
    for number in grown:
        s = now[number]
        now[number] = Ellipsoid(s.center_mm, s.radii_mm * GROWTH, s.rotation, s.bend_per_mm / GROWTH)
    first, then_is = _labels({n: s for n, s in enumerate(shapes) if n != new}, before)
    second, now_is = _labels({n: s for n, s in now.items() if n != vanished}, _turned(after))
    to_prior = sitk.Euler3DTransform(TURN)
    to_prior.SetTranslation((np.array(TURN.GetTranslation()) + rng.normal(0, ALIGNED_MM, 3)).tolist())
    prior, current = Image(first, before), Image(second, after)
    with mock.patch.object(followup, "align", return_value=Alignment(to_prior, 1.0, 1.0)):
        comparison = compare_studies(prior, prior, current, current)
    return Patient(then_is, now_is, set(grown), vanished, new, comparison)


def _shapes(rng: np.random.Generator) -> list[Ellipsoid]:
    """Nodes that keep apart."""
    shapes: list[Ellipsoid] = []
    while len(shapes) < NODES:
        center = rng.uniform((-80, -60, -40), (80, 60, 45))
        shape = draw_shape(rng, center, draw_short_axis(rng, 0.2))
        reach = np.array([shape.radii_mm.max() + other.radii_mm.max() for other in shapes])
        apart = np.array([np.linalg.norm(center - other.center_mm) for other in shapes])
        if (apart > 1.5 * reach + 2).all():
            shapes.append(shape)
    return shapes


def _grid(rng: np.random.Generator) -> Geometry:
    pixel_mm, slice_mm = rng.uniform(0.5, 1.0), rng.uniform(3.0, 4.5)
    size = (int(200 / pixel_mm), int(160 / pixel_mm), int(110 / slice_mm))
    return Geometry(size, (-100.0, -80.0, -50.0 + rng.uniform(-2, 2)), (pixel_mm, pixel_mm, slice_mm))


def _turned(grid: Geometry) -> Geometry:
    """The grid as it meets the patient on another day."""
    direction = np.array(TURN.GetMatrix()).reshape(3, 3) @ grid.direction
    return replace(
        grid,
        origin_lps_mm=TURN.TransformPoint(grid.origin_lps_mm),
        direction_lps=tuple(direction.ravel().tolist()),
    )


def _inside(shape: Ellipsoid, grid: Geometry) -> bool:
    """Whether a node lies well inside a grid."""
    at = grid.ijk_from_lps(shape.center_mm) / (np.array(grid.size_ijk) - 1)
    return bool((np.abs(at - 0.5) < 0.42).all())


def _labels(shapes: dict[int, Ellipsoid], grid: Geometry) -> tuple[np.ndarray, dict[int, int]]:
    """The label map, and which node each label is."""
    array, nodes = label_nodes([Draft(s, "", "", "plain", False) for s in shapes.values()], grid)
    who = {tuple(np.round(shape.center_mm, 3)): number for number, shape in shapes.items()}
    return array, {node.label: who[tuple(np.round(node.center_lps_mm, 3))] for node in nodes}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong, changes = [], []
    for seed in range(options.seed, options.seed + options.patients):
        one = patient(seed)
        wrong.append([f"patient {seed}: {what}" for what in one.wrong()])
        changes += [(change, one.then[change.prior.label] in one.grown) for change in one.comparison.matched]
    print(f"{sum(not w for w in wrong)} of {len(wrong)} patients named exactly; wrong: {[*chain(*wrong)]}\n")
    head = ("short axis then", "nodes", "change of short axis, SD mm", "of ball diameter, SD mm")
    print("| " + " | ".join((*head, "95 % of the smaller one below, mm", "verdicts")) + " |")
    print("|---|---|---|---|---|---|")
    for name, grown in (("unchanged", False), ("grown by 1.4", True)):
        for low, high in ((0, 3), (3, 4.5), (4.5, 6), (6, 8), (8, 40)):
            print(
                _row(
                    f"{name}, {low}-{high} mm",
                    [c for c, g in changes if g == grown and low <= (c.prior.short_axis_mm or 0) < high],
                )
            )


def _row(name: str, changes: list[NodeChange]) -> str:
    short = np.array([change.short_axis_change_mm for change in changes], dtype=float)
    ball = np.array([ball_diameter_mm(c.current) - ball_diameter_mm(c.prior) for c in changes])
    if len(changes) < 2:
        return f"| {name} | {len(changes)} | | | | |"
    below = np.percentile(np.minimum(np.abs(short), np.abs(ball)), 95)
    verdicts = ", ".join(f"{n} {what}" for what, n in Counter(c.verdict for c in changes).most_common())
    return f"| {name} | {len(changes)} | {short.std():.2f} | {ball.std():.2f} | {below:.2f} | {verdicts} |"


if __name__ == "__main__":
    main()
