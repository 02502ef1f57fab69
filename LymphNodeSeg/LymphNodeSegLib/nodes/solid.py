"""Measures of a node as a solid: surface, 3-D diameter, the axial reformat, distances to its neighbors."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Optional

import numpy as np

from ..images.image import Geometry
from .outline import PlanarAxes, planar_axes, smooth_planes

EXACTLY_AXIAL_DEGREES = 0.01
"""Below this tilt the slices are the axial planes; above it the mask is reformatted."""

_S = np.array([0.0, 0.0, 1.0])


def signed_distance(mask: np.ndarray, spacing_kji_mm: tuple[float, ...], pad: int = 2) -> np.ndarray:
    """Distance to the outline within each slice, mm, positive inside, with an empty slice before and after.

    Linear interpolation of it between slices is shape-based interpolation (Raya and Udupa 1990). The empty
    slices are set so that the shape ends half a slice beyond its last slice where it is deepest, and earlier
    towards its rim: a rounded cap.

    Args:
        mask: Boolean [k, j, i].
        spacing_kji_mm: Voxel spacing along k, j, i.
        pad: Rows and columns added on each side.

    Returns:
        float [k + 2, j + 2 pad, i + 2 pad], mm.
    """
    from scipy.ndimage import distance_transform_edt

    in_plane = spacing_kji_mm[1:]
    planes = []
    for plane in np.pad(mask, ((0, 0), (pad, pad), (pad, pad))):
        if plane.any():
            planes.append(distance_transform_edt(plane, in_plane) - distance_transform_edt(~plane, in_plane))
        else:
            planes.append(np.full(plane.shape, -float(min(in_plane))))
    first, last = planes[0] - 2 * planes[0].max(), planes[-1] - 2 * planes[-1].max()
    return np.stack([first, *planes, last])


def axial_axes(mask: np.ndarray, geometry: Geometry) -> Optional[tuple[PlanarAxes, np.ndarray]]:
    """The RECIST axes in true axial planes, by reformat of the mask.

    Planes perpendicular to the patient's S axis, one smallest voxel spacing apart, one of them through the
    center of mass, are cut through the shape-interpolated mask.

    Args:
        mask: Boolean [k, j, i], a block of the grid; its first voxel is taken as index (0, 0, 0).
        geometry: Grid of the mask (spacing and direction are used).

    Returns:
        The axes in the reformat's rows and columns, and the 3x4 matrix that maps (row, column, plane, 1) of
        the reformat to indices (i, j, k) of the block; None where nothing is left of the mask.
    """
    pad = 2
    spacing = np.asarray(geometry.spacing_mm, dtype=float)
    distance = signed_distance(mask, tuple(spacing[::-1]), pad)
    step = float(spacing.min())
    direction = geometry.direction
    in_plane = direction - np.outer(_S, _S @ direction)
    column_axis = in_plane[:, int(np.argmax(np.linalg.norm(in_plane, axis=0)))]
    column_axis = column_axis / np.linalg.norm(column_axis)
    axes = (
        np.stack([np.cross(_S, column_axis), column_axis, _S], axis=1) * step
    )  # row, column, plane to LPS mm
    to_ijk = (direction.T @ axes) / spacing[:, None]
    center = np.argwhere(mask).mean(axis=0)[::-1]
    reach = np.abs(np.linalg.inv(to_ijk)) @ (np.array(mask.shape[::-1]) / 2 + 1.0)
    # The center of mass is not the block's middle: reach from it to the farther side.
    off_center = np.abs(np.linalg.inv(to_ijk)) @ np.abs((np.array(mask.shape[::-1]) - 1) / 2 - center)
    half = np.ceil(reach + off_center).astype(int)
    grid = np.meshgrid(*(np.arange(-h, h + 1) for h in half[[2, 0, 1]]), indexing="ij")  # plane, row, column
    samples = np.tensordot(to_ijk, np.stack([grid[1], grid[2], grid[0]]), axes=1)
    samples += center[:, None, None, None]
    from scipy.ndimage import map_coordinates

    where = samples[::-1] + np.array([1, pad, pad])[:, None, None, None]
    field = map_coordinates(distance, where, order=1, mode="nearest")
    for axis in (1, 2):
        rim = [slice(None)] * 3
        for end in (0, -1):
            rim[axis] = slice(end, end + 1 or None)
            field[tuple(rim)] = np.minimum(field[tuple(rim)], -1e-3)
    found = planar_axes(field, (step, step), level=0.0)
    if found is None:
        return None
    offset = center - to_ijk @ half
    return found, np.hstack([to_ijk, offset[:, None]])


def acquisition_axes(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> Optional[PlanarAxes]:
    """The RECIST axes in the slices of the mask [k, j, i], in its rows and columns."""
    from .outline import RADIUS_PIXELS

    found = planar_axes(smooth_planes(mask), (spacing_kji_mm[1], spacing_kji_mm[2]))
    if found is None:
        found = planar_axes(
            np.pad(mask.astype(float), ((0, 0), (RADIUS_PIXELS,) * 2, (RADIUS_PIXELS,) * 2)),
            (spacing_kji_mm[1], spacing_kji_mm[2]),
        )
    if found is None:
        return None
    return PlanarAxes(
        found.plane,
        found.long_yx - RADIUS_PIXELS,
        found.short_yx - RADIUS_PIXELS,
        found.long_mm,
        found.short_mm,
    )


def surface_points(mask: np.ndarray) -> np.ndarray:
    """Midpoints between each voxel inside and its face neighbor outside, (n, 3) in (i, j, k) of the block."""
    padded = np.pad(mask, 1)
    points = []
    for axis in range(3):
        changed = np.argwhere(np.diff(padded.astype(np.int8), axis=axis)).astype(float)
        changed[:, axis] += 0.5
        points.append(changed)
    return (np.concatenate(points) - 1)[:, ::-1]


def max_diameter_mm(points_mm: np.ndarray) -> float:
    """Largest distance between two of the points (n, 3)."""
    angles = _sphere()
    if len(points_mm) > 400:
        # Only points that are extreme in some direction can be farthest apart; keep those nearly extreme.
        along = points_mm @ angles.T
        keep = np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))
        points_mm = points_mm[keep]
    squared = ((points_mm[:, None] - points_mm[None]) ** 2).sum(axis=2)
    return float(np.sqrt(squared.max()))


def surface_area_mm2(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> float:
    """Surface by the Crofton formula: crossings counted along 13 directions (Lehmann and Legland 2012).

    Args:
        mask: Boolean [k, j, i].
        spacing_kji_mm: Voxel spacing along k, j, i.
    """
    padded = np.pad(mask, 1)
    volume = float(np.prod(spacing_kji_mm))
    total = 0.0
    for offset, length_mm, weight in _directions(tuple(spacing_kji_mm)):
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, padded.shape))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, padded.shape))
        total += weight * np.count_nonzero(padded[here] != padded[there]) * volume / length_mm
    return 2.0 * total


@lru_cache(maxsize=8)
def _directions(spacing_kji_mm: tuple[float, ...]) -> list[tuple[tuple[int, ...], float, float]]:
    """The 13 grid directions: offset, length, and the share of the sphere that lies nearest to each."""
    offsets = [o for o in product((-1, 0, 1), repeat=3) if o > (0, 0, 0)]
    vectors = np.array(offsets) * np.array(spacing_kji_mm)
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = np.argmax(np.abs(_sphere(20000) @ (vectors / lengths[:, None]).T), axis=1)
    shares = np.bincount(nearest, minlength=len(offsets)) / len(nearest)
    return [(o, float(length), float(share)) for o, length, share in zip(offsets, lengths, shares)]


@lru_cache(maxsize=4)
def _sphere(count: int = 256) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), (count, 3)."""
    n = np.arange(count) + 0.5
    z, turn = 1 - 2 * n / count, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
