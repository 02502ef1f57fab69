"""Ideal nodes whose short axis no method can tell from the mask, proved by another one of the same mask.

Where a bean has two slices of nearly the same length, another bean of the family, with the very same voxels,
may have them the other way round, and its short axis on the other slice. It is looked for by a random walk
from the true bean on, among those that leave every voxel center on its side.
"""

from __future__ import annotations

import numpy as np

from .measurement_shapes import (
    BENDS,
    DIAMETERS_MM,
    THINNEST,
    IdealNode,
    Solid,
    grid,
    true_axes,
)

_STEPS = 30000
_LOOKS = 60


def other_truth(node: IdealNode, short_mm: float, seed: int = 0) -> tuple[Solid, np.ndarray] | None:
    """Another bean of the node's mask whose true short axis is `short_mm` within a pixel, and its center.

    None where the walk meets none: that proves nothing.
    """
    if node.kind != "bean":
        return None
    rng = np.random.default_rng(seed)
    every = grid(node.centers_mm)
    mask = node.solid.inside(every)
    near = _beside_the_surface(mask)
    points, inside = every[near], mask[near]
    solid, center, size = node.solid, np.zeros(3), 0.02
    for step in range(_STEPS):
        moved, place = _moved(solid, center, rng.normal(size=10) * size * np.exp(rng.normal()))
        allowed = _in_family(moved) and np.array_equal(moved.inside(points - place), inside)
        if allowed:
            solid, center = moved, place
        if step < _STEPS // 4:  # toward a third of the steps allowed
            size *= 1.1 if allowed else 0.96
        elif step % (_STEPS // _LOOKS) == 0:
            ((_, short), *_) = true_axes(solid, node.centers_mm[0] - center[2], 0.0)
            if abs(short - short_mm) <= node.pixel_mm and np.array_equal(solid.inside(every - center), mask):
                return solid, center
    return None


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
    """A solid a little larger, more bent, turned and elsewhere."""
    x, y, z = 0.5 * step[4:7]
    turn, _ = np.linalg.qr(solid.rotation @ np.array([[1, -z, y], [z, 1, -x], [-y, x, 1]]))
    turn *= np.sign((turn * solid.rotation).sum(axis=0))
    half = solid.half * np.exp(step[:3])
    bend = solid.bend * float(np.exp(2 * step[3]))
    return Solid(half, bend, turn), center + solid.rotation @ (0.5 * step[7:] * solid.half)


def _in_family(bean: Solid) -> bool:
    """Whether the benchmark might have drawn it."""
    longest, thickness = 2 * float(bean.half[0]), 2 * bean.half[1:]
    least = max(THINNEST * longest, DIAMETERS_MM[0])
    return (
        DIAMETERS_MM[0] <= longest <= DIAMETERS_MM[1]
        and bool(((thickness >= least) & (thickness <= max(longest, least))).all())
        and BENDS["bean"][0] <= bean.bend * bean.half[0] <= BENDS["bean"][1]
    )
