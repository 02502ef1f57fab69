"""Measures of nodes as solids: surface, moments, 3-D diameter, area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from .packed import Pack, packed

_ROUGHLY = 32  # directions for a first, too short diameter
_DIRECTIONS = 96
_MANY = 400  # points beyond which not every two are compared
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


def surfaces_of(packs: Sequence[Pack]) -> list[Surface]:
    """The surface of each of the packed masks, in the order of their numbers."""
    surfaces: dict[int, Surface] = {}
    for pack in packs:
        flat = pack.voxels.ravel()
        before = [np.flatnonzero(flat[step:] != flat[:-step]) for step in pack.strides]
        voxels = np.concatenate(before).astype(np.int32)
        *ijk, owner = pack.places(voxels)
        points, inwards = np.stack(ijk, axis=1).astype(float), np.zeros((len(voxels), 3))
        end = 0
        for axis, found in enumerate(before):
            part = slice(end, end := end + len(found))
            points[part, axis] += 0.5
            inwards[part, axis] = 0.5 - flat[found]
        order = np.argsort(owner.astype(np.int32), kind="stable")
        points, inwards = points.take(order, axis=0), inwards.take(order, axis=0)
        first = np.searchsorted(owner[order], np.arange(len(pack.numbers) + 1)).tolist()
        for number, a, b in zip(pack.numbers.tolist(), first, first[1:]):
            surfaces[number] = Surface(points[a:b], inwards[a:b])
    return [surfaces[number] for number in range(len(surfaces))]


def surface_of(mask: np.ndarray) -> Surface:
    """The surface of one mask [k, j, i]."""
    return surfaces_of(packed([mask]))[0]


@dataclass(frozen=True)
class Moments:
    """Of the voxels of several masks.

    Attributes:
        counts: How many there are, (n,).
        centers: Centers of mass, (n, 3), in i, j, k.
        covariances: Of i, j, k within each mask, (n, 3, 3).
        tips: Half a slice beyond the first and the last slice the middle of that slice, (n, 2, 3).
    """

    counts: np.ndarray
    centers: np.ndarray
    covariances: np.ndarray
    tips: np.ndarray


def moments_of(packs: Sequence[Pack]) -> Moments:
    """The moments of each of the packed masks, none of them empty, in the order of their numbers."""
    total = sum(len(pack.numbers) for pack in packs)
    counts, centers = np.zeros(total, np.int64), np.zeros((total, 3))
    covariances, tips = np.zeros((total, 3, 3)), np.zeros((total, 2, 3))
    for pack in packs:
        i, j, k, owner = pack.places(np.flatnonzero(pack.voxels).astype(np.int32))
        first = np.searchsorted(owner, np.arange(len(pack.numbers)))
        count = np.diff(np.append(first, len(owner)))
        for end, (one, beyond) in enumerate(((first, -0.5), (first + count - 1, 0.5))):
            tip = np.flatnonzero(k == k[one][owner])
            many = np.bincount(owner[tip])
            for axis, place in ((0, i), (1, j)):
                tips[pack.numbers, end, axis] = np.bincount(owner[tip], place[tip]) / many
            tips[pack.numbers, end, 2] = k[one] + beyond
        ijk = np.stack([i, j, k]).astype(float)
        center = np.add.reduceat(ijk, first, axis=1) / count
        squares = np.concatenate([ijk * ijk, ijk * ijk[[1, 2, 0]]])
        ii, jj, kk, ij, jk, ki = np.add.reduceat(squares, first, axis=1) / count
        second = np.array([[ii, ij, ki], [ij, jj, jk], [ki, jk, kk]]).transpose(2, 0, 1)
        counts[pack.numbers], centers[pack.numbers] = count, center.T
        covariances[pack.numbers] = second - center.T[:, :, None] * center.T[:, None, :]
    return Moments(counts, centers, covariances, tips)


def max_diameters_mm(
    surfaces: Sequence[Surface], moments: Moments, spacing_mm: tuple[float, ...]
) -> list[float]:
    """Largest distance between two points of the surface, of each mask.

    The surface here is the outline in every slice, and half a slice beyond the first and the last slice the
    middle of that slice: taking all of its surface half a slice farther out, as voxel meshes do, makes nodes
    in thick slices millimeters too long.

    Args:
        surfaces: `surfaces_of` the masks.
        moments: Of the masks.
        spacing_mm: Voxel spacing along i, j, k.
    """
    outlines = [
        np.concatenate([surface.points[surface.inwards[:, 2] == 0], tips])
        for surface, tips in zip(surfaces, moments.tips)
    ]
    first = np.cumsum([0, *(len(outline) for outline in outlines)])
    points = np.concatenate(outlines) * np.asarray(spacing_mm)
    along = sphere(_ROUGHLY).astype(np.float32) @ points.T.astype(np.float32)
    widths = np.maximum.reduceat(along, first[:-1], axis=1) - np.minimum.reduceat(along, first[:-1], axis=1)
    middle = 0.5 * (np.minimum.reduceat(points, first[:-1]) + np.maximum.reduceat(points, first[:-1]))
    from_middle = np.linalg.norm(points - np.repeat(middle, np.diff(first), axis=0), axis=1)
    # A point may end the diameter only if the farthest one on the other side can make it long enough.
    farthest = np.maximum.reduceat(from_middle, first[:-1])
    far = from_middle >= np.repeat(widths.max(axis=0) - farthest, np.diff(first)) - 1e-4
    ranges = zip(first[:-1].tolist(), first[1:].tolist())
    return [_largest_distance(points[a:b][far[a:b]]) for a, b in ranges]


def _largest_distance(points: np.ndarray) -> float:
    from scipy.spatial.distance import cdist

    extreme = points
    if len(points) > _MANY:
        # A diameter ends in two extreme points; directions so close together contain one of the two.
        along = sphere(_DIRECTIONS) @ points.T
        extreme = points[list({*along.argmax(axis=1).tolist(), *along.argmin(axis=1).tolist()})]
    return float(np.sqrt(cdist(extreme, points, "sqeuclidean").max()))


def surface_areas_mm2(packs: Sequence[Pack], spacing_kji_mm: tuple[float, ...]) -> np.ndarray:
    """Surface by the Crofton formula: crossings counted along 13 directions (Lehmann and Legland 2012).

    Args:
        packs: The masks.
        spacing_kji_mm: Voxel spacing along k, j, i.

    Returns:
        The area of each mask, in the order of their numbers.
    """
    areas = np.zeros(sum(len(pack.numbers) for pack in packs))
    per_corner = 2.0 * float(np.prod(spacing_kji_mm)) * _crossings() @ _weights(tuple(spacing_kji_mm))
    for pack in packs:
        column, row, plane = pack.strides
        code = pack.voxels.ravel()
        for bit, step in ((1, column), (2, row), (4, plane)):
            code = code[:-step] | code[step:] << bit
        mixed = np.flatnonzero(code - np.uint8(1) < 254)  # neither empty nor full
        owner = pack.owner[mixed // plane]
        areas[pack.numbers] = np.bincount(owner, per_corner[code[mixed]], len(pack.numbers))
    return areas


def sphericity(volume_mm3: float, area_mm2: float) -> float:
    """Surface of the ball of that volume over the surface (Wadell 1935); 1 for a ball.

    A surface counted on voxels may come out a little too small; more than 1 is given as 1.
    """
    return min(1.0, float(np.pi ** (1 / 3) * (6 * volume_mm3) ** (2 / 3) / area_mm2))


_OFFSETS = [o for o in product((-1, 0, 1), repeat=3) if o > (0, 0, 0)]  # the 13 directions, along k, j, i


@lru_cache(maxsize=1)
def _crossings() -> np.ndarray:
    """For each 2x2x2 cell (bit k * 4 + j * 2 + i) how often lines in each direction cross the surface in it.

    A line along an edge lies in four cells, one along a face's diagonal in two.
    """
    corners = list(product((0, 1), repeat=3))
    crossings = np.zeros((256, len(_OFFSETS)))
    inside = np.arange(256)[:, None] >> np.arange(8) & 1
    for column, offset in enumerate(_OFFSETS):
        cells = 2 ** offset.count(0)
        for start, corner in enumerate(corners):
            end = tuple(a + b for a, b in zip(corner, offset))
            if end in corners:
                crossings[:, column] += (inside[:, start] != inside[:, corners.index(end)]) / cells
    return crossings


@lru_cache(maxsize=8)
def _weights(spacing_kji_mm: tuple[float, ...]) -> np.ndarray:
    """For each direction the share of the sphere that lies nearest to it, over its step's length."""
    vectors = np.array(_OFFSETS) * np.array(spacing_kji_mm)
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = np.argmax(np.abs(sphere(_AREA_DIRECTIONS) @ (vectors / lengths[:, None]).T), axis=1)
    return np.asarray(np.bincount(nearest, minlength=len(_OFFSETS)) / len(nearest) / lengths)


@lru_cache(maxsize=8)
def sphere(count: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), (count, 3)."""
    n = np.arange(count) + 0.5
    z, turn = 1 - 2 * n / count, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
