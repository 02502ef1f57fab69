"""Ideal nodes whose short axis no method can tell from the mask, proved by another one of the same mask.

Where a bean or a pear has two slices of nearly the same length, another one of its family, with the very same
voxels, may have them the other way round, and its short axis on the other slice. It is looked for by a random
walk from the true one on, among those that leave every voxel center on its side, towards a longer cut in the
other slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from .measurement_shapes import (
    BENDS,
    DIAMETERS_MM,
    TAPERS,
    THINNEST,
    IdealNode,
    Solid,
    axes_of,
    diameter,
    grid,
    longest_outline,
    true_axes,
)

_TRIES = 3
_ROUNDS = 400
_STEPS = 60  # of the walk, before it is asked whether that was in the right direction
_WAVERS_MM = (0.0, 0.01)  # of lead given up on average, less and less, to get around what is in the way
_SAMPLES = 61  # of a traced cut, across the solid, on the way


def other_truth(node: IdealNode, short_mm: float) -> tuple[Solid, np.ndarray] | None:
    """Another solid of the node's family and mask whose true short axis is `short_mm` within a pixel.

    Returns:
        That solid and its center; None where the walk meets none, which proves nothing.
    """
    every = grid(node.centers_mm)
    mask = node.solid.inside(every)
    heights = node.centers_mm[0][mask.any(axis=(1, 2))]
    wanted = _height_of(node, heights, short_mm)
    if wanted is None:
        return None
    for waver_mm, seed in product(_WAVERS_MM, range(_TRIES)):
        for solid, center in _walk(node, every, mask, heights, wanted, waver_mm, np.random.default_rng(seed)):
            ((_, short), *_) = true_axes(solid, node.centers_mm[0] - center[2], 0.0)
            if abs(short - short_mm) <= node.pixel_mm and np.array_equal(solid.inside(every - center), mask):
                return solid, center
    return None


def _height_of(node: IdealNode, heights: np.ndarray, short_mm: float) -> int | None:
    """The number of the longest slice of which a short axis is true within a pixel."""
    cuts = [longest_outline(node.solid, height, 2 * _SAMPLES) for height in heights]
    axes = [(0.0, 0.0) if cut is None else axes_of(cut) for cut in cuts]
    there = [n for n, (_, short) in enumerate(axes) if abs(short - short_mm) <= node.pixel_mm]
    return max(there, key=lambda n: axes[n][0], default=None)


def _walk(
    node: IdealNode,
    every: np.ndarray,
    mask: np.ndarray,
    heights: np.ndarray,
    wanted: int,
    waver_mm: float,
    rng: np.random.Generator,
) -> Iterator[tuple[Solid, np.ndarray]]:
    """Solids of the node's mask, and their centers, whose cut at the wanted height seems to be longest."""
    near = _beside_the_surface(mask)
    points, inside = every[near], mask[near]
    here, lead_mm, size = (node.solid, np.zeros(3)), -np.inf, 0.02
    for number in range(_ROUNDS):
        solid, center = here
        for _ in range(_STEPS):
            moved, place = _moved(solid, center, rng.normal(size=11) * size * np.exp(rng.normal()))
            allowed = _in_family(moved, node.kind) and np.array_equal(moved.inside(points - place), inside)
            if allowed:
                solid, center = moved, place
            size *= 1.1 if allowed else 0.96  # toward a third of the steps allowed
        next_mm = _lead_mm(solid, heights - center[2], wanted)
        if next_mm > lead_mm - rng.exponential(waver_mm * (1 - number / _ROUNDS)):
            here, lead_mm = (solid, center), next_mm
            if lead_mm > 0:
                yield here


def _lead_mm(solid: Solid, heights: np.ndarray, wanted: int) -> float:
    """By how much the cut at the wanted height is longer than every other."""
    cuts = [longest_outline(solid, height, _SAMPLES) for height in heights]
    longs = np.array([0.0 if cut is None else diameter(cut)[0] for cut in cuts])
    return float(longs[wanted] - np.delete(longs, wanted).max(initial=0.0))


def _beside_the_surface(mask: np.ndarray) -> np.ndarray:
    """Where a voxel has a face neighbor on the other side."""
    near = np.zeros_like(mask)
    for axis in range(3):
        one, other = (np.moveaxis(near, axis, 0)[part] for part in (slice(1, None), slice(-1)))
        change = np.diff(np.moveaxis(mask, axis, 0), axis=0)
        one |= change
        other |= change
    return near


def _moved(solid: Solid, center: np.ndarray, step: np.ndarray) -> tuple[Solid, np.ndarray]:
    """A solid a little larger, more bent or tapered, turned and elsewhere."""
    x, y, z = 0.5 * step[4:7]
    turn, _ = np.linalg.qr(solid.rotation @ np.array([[1, -z, y], [z, 1, -x], [-y, x, 1]]))
    turn *= np.sign((turn * solid.rotation).sum(axis=0))
    half = solid.half * np.exp(step[:3])
    bend, taper = (
        value * float(np.exp(2 * by)) for value, by in ((solid.bend, step[3]), (solid.taper, step[10]))
    )
    return Solid(half, bend, turn, taper), center + solid.rotation @ (0.5 * step[7:10] * solid.half)


def _in_family(solid: Solid, kind: str) -> bool:
    """Whether the benchmark might have drawn it as a node of that kind."""
    longest, thickness = 2 * float(solid.half[0]), 2 * solid.half[1:]
    least = max(THINNEST * longest, DIAMETERS_MM[0])
    bend = BENDS.get(kind, (0.0, 0.0))
    taper = TAPERS if kind == "pear" else (0.0, 0.0)
    return (
        DIAMETERS_MM[0] <= longest <= DIAMETERS_MM[1]
        and bool(((thickness >= least) & (thickness <= max(longest, least))).all())
        and bend[0] <= solid.bend * solid.half[0] <= bend[1]
        and taper[0] <= solid.taper <= taper[1]
    )
