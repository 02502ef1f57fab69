"""Measures of a node as a solid: surface, 3-D diameter, area."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

_DIRECTIONS = 96
_AREA_DIRECTIONS = 20000


@dataclass(frozen=True)
class Surface:
    """Where a mask ends: midpoints between each voxel inside and its face neighbor outside.

    Attributes:
        points: The midpoints, (n, 3), in i, j, k of the block.
        inwards: From each midpoint to the center of the voxel inside, (n, 3).
    """

    points: np.ndarray
    inwards: np.ndarray


def surface_of(mask: np.ndarray) -> Surface:
    """The surface of a mask [k, j, i]."""
    padded = _with_empty_rim(mask)
    flat = padded.ravel()
    steps = (1, padded.shape[2], padded.shape[1] * padded.shape[2])  # along i, j, k
    before = [np.flatnonzero(flat[step:] != flat[:-step]) for step in steps]
    voxels = np.concatenate(before)
    axis = np.repeat(np.arange(3), [len(one) for one in before])
    k, within = np.divmod(voxels, steps[2])
    j, i = np.divmod(within, steps[1])
    points = np.stack([i, j, k], axis=1) - 1.0
    each = np.arange(len(points))
    points[each, axis] += 0.5
    inwards = np.zeros_like(points)
    inwards[each, axis] = np.where(flat[voxels], -0.5, 0.5)
    return Surface(points, inwards)


def _with_empty_rim(mask: np.ndarray) -> np.ndarray:
    """The mask with a voxel of background on every side; `numpy.pad` takes longer than all that follows."""
    padded = np.zeros(tuple(size + 2 for size in mask.shape), np.bool_)
    padded[1:-1, 1:-1, 1:-1] = mask
    return padded


def max_diameter_mm(mask: np.ndarray, surface: Surface, spacing_mm: tuple[float, ...]) -> float:
    """Largest distance between two points of the surface.

    The surface here is the outline in every slice, and half a slice beyond the first and the last slice the
    middle of that slice: taking all of its surface half a slice farther out, as voxel meshes do, makes nodes
    in thick slices millimeters too long.

    Args:
        mask: Boolean [k, j, i], its bounding box.
        surface: Its `surface_of`.
        spacing_mm: Voxel spacing along i, j, k.
    """
    from scipy.spatial.distance import cdist

    outline = surface.points[surface.inwards[:, 2] == 0]
    ends = []
    for k, beyond in ((0, -0.5), (len(mask) - 1, 0.5)):
        j, i = np.nonzero(mask[k])
        ends.append((i.mean(), j.mean(), k + beyond))
    points = np.concatenate([outline, ends]) * np.asarray(spacing_mm)
    along = sphere(_DIRECTIONS).astype(np.float32) @ points.T.astype(np.float32)  # half the memory to fill
    extreme = points[list({*along.argmax(axis=1).tolist(), *along.argmin(axis=1).tolist()})]
    # The distance to all points from each extreme one: a diameter ends in two extreme points, and the
    # directions are close enough together to contain one of the two.
    at_least = cdist(extreme, extreme).max()
    from_middle = np.linalg.norm(points - 0.5 * (points.min(axis=0) + points.max(axis=0)), axis=1)
    far = points[from_middle >= at_least - from_middle.max() - 1e-9]
    return float(max(at_least, cdist(extreme, far).max()))


def surface_area_mm2(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> float:
    """Surface by the Crofton formula: crossings counted along 13 directions (Lehmann and Legland 2012).

    Args:
        mask: Boolean [k, j, i].
        spacing_kji_mm: Voxel spacing along k, j, i.
    """
    padded = _with_empty_rim(mask)
    flat = padded.ravel()
    volume_mm3 = float(np.prod(spacing_kji_mm))
    total = 0.0
    for (k, j, i), length_mm, weight in _directions(tuple(spacing_kji_mm)):
        # The rim is empty on all sides, so that a step over it meets nothing.
        step = (k * padded.shape[1] + j) * padded.shape[2] + i
        crossings = np.count_nonzero(flat[step:] != flat[:-step])
        total += weight * crossings * volume_mm3 / length_mm
    return 2.0 * total


def sphericity(volume_mm3: float, area_mm2: float) -> float:
    """Surface of the ball of that volume over the surface (Wadell 1935); 1 for a ball.

    A surface counted on voxels may come out a little too small; more than 1 is given as 1.
    """
    return min(1.0, float(np.pi ** (1 / 3) * (6 * volume_mm3) ** (2 / 3) / area_mm2))


@lru_cache(maxsize=8)
def _directions(spacing_kji_mm: tuple[float, ...]) -> list[tuple[tuple[int, ...], float, float]]:
    """The 13 grid directions: offset, length, and the share of the sphere that lies nearest to each."""
    offsets = [o for o in product((-1, 0, 1), repeat=3) if o > (0, 0, 0)]
    vectors = np.array(offsets) * np.array(spacing_kji_mm)
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = np.argmax(np.abs(sphere(_AREA_DIRECTIONS) @ (vectors / lengths[:, None]).T), axis=1)
    shares = np.bincount(nearest, minlength=len(offsets)) / len(nearest)
    return [(o, float(length), float(share)) for o, length, share in zip(offsets, lengths, shares)]


@lru_cache(maxsize=4)
def sphere(count: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), (count, 3)."""
    n = np.arange(count) + 0.5
    z, turn = 1 - 2 * n / count, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
