"""Touching nodes taken apart by their shape."""

from __future__ import annotations

from itertools import product
from typing import Optional

import numpy as np

from .interpolation import PAD, finer, signed_distance

NECK_RATIO = 0.8
"""Two parts are separate nodes where the neck between them is thinner than this share of the thinner part."""

SMALLEST_PART_RADIUS_MM = 1.25
"""A part thinner than this is never a node of its own: at clinical voxel sizes it is staircase."""

SMALLEST_HALF = 0.08
"""When the reader has a node divided, no part is smaller than this share of it."""

SHALLOWEST_NECK = 0.9
"""From this share of the thinner part on, a neck may be staircase: not where two nodes meet."""

_MOST_VOXELS = 300_000
_HALF_NEIGHBORS = [o for o in product((-1, 0, 1), repeat=3) if o > (0, 0, 0)]


def divide(mask: np.ndarray, spacing_kji_mm: tuple[float, ...], minimum_volume_mm3: float) -> np.ndarray:
    """Divide a component into nodes where it is necked.

    The mask is interpolated by shape to slices about as far apart as its pixels or closer, so that a node
    that runs obliquely through thick slices has no false necks. The distance to the surface, in mm, then is
    large in the middle of each node and small in the neck between two. Basins of that distance are joined
    until every neck left is thinner than `NECK_RATIO` times the thinner of its two parts (an h-maxima
    criterion with h relative to the maximum): a tube or a bean, whose thickness changes slowly, stays whole
    however long.

    Args:
        mask: Boolean [k, j, i], one component.
        spacing_kji_mm: Voxel spacing along k, j, i.
        minimum_volume_mm3: A part smaller than this stays with its neighbor.

    Returns:
        int32 parts [k, j, i], 1, 2, ...; 0 outside the mask.
    """
    distance, fine, factors, spacing_mm = _depth(mask, spacing_kji_mm)
    basins, peaks = _basins(distance, fine, spacing_mm)
    if len(peaks) > 1:
        basins = _join(basins, distance, peaks, minimum_volume_mm3 / float(np.prod(spacing_mm)))[basins]
    parts = _coarse(basins, factors) * mask
    # What is large between the slices may be a voxel on them.
    volumes_mm3 = np.bincount(parts.ravel()) * float(np.prod(spacing_kji_mm))
    parts[volumes_mm3[parts] < minimum_volume_mm3] = 0
    return _numbered(parts, mask)


def halves(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> np.ndarray:
    """Divide a node in two because the reader says that it is two.

    At its thinnest neck, as `divide` finds necks, where that leaves two parts of some size; otherwise across
    its longest direction, where it is narrower than on both sides, or else in the middle. Pieces that do not
    touch are told apart first.

    Args:
        mask: Boolean [k, j, i], its bounding box, with two voxels at least.
        spacing_kji_mm: Voxel spacing along k, j, i.

    Returns:
        int32 parts [k, j, i], 1 and 2 (the smaller); 0 outside the mask.

    Raises:
        ValueError: there is a single voxel, which can't be divided.
    """
    if np.count_nonzero(mask) < 2:
        raise ValueError("A single voxel can't be divided.")
    distance, fine, factors, spacing_mm = _depth(mask, spacing_kji_mm)
    basins, peaks = _basins(distance, fine, spacing_mm)
    parts = _numbered(_coarse(_two(basins, distance, peaks)[basins], factors) * mask, mask)
    if parts.max() != 2:
        parts = _across(mask, spacing_kji_mm)
    if np.count_nonzero(parts == 1) < np.count_nonzero(parts == 2):
        parts = np.where(mask, 3 - parts, 0).astype(np.int32)
    return parts


def _depth(
    mask: np.ndarray, spacing_kji_mm: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int], tuple[float, ...]]:
    """Distance to the surface in mm and the mask on a finer grid; that grid's factors and spacing."""
    from scipy.ndimage import distance_transform_edt

    signed = signed_distance(mask, spacing_kji_mm)
    factors = _factors(signed.shape, spacing_kji_mm)
    fine = finer(signed, factors) > 0
    spacing_mm = tuple(s / factor for s, factor in zip(spacing_kji_mm, factors))
    distance = distance_transform_edt(fine, spacing_mm) - 0.25 * min(spacing_mm)  # to edges, not centers
    distance[~fine] = 0.0
    return distance, fine, factors, spacing_mm


def _coarse(parts: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    return parts[:: factors[0], :: factors[1], :: factors[2]][PAD:-PAD, PAD:-PAD, PAD:-PAD]


def _two(basins: np.ndarray, height: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """For each basin number its part's number: two parts, or one where no neck tells two apart."""
    part = np.arange(len(peaks) + 1)
    heights = np.concatenate([[0.0], peaks])
    sizes = np.bincount(basins.ravel(), minlength=len(part)).astype(float)
    sizes[0] = 0.0
    least = SMALLEST_HALF * sizes.sum()
    necks = _necks(basins, height) if len(peaks) > 1 else []
    while necks:
        left = np.unique(part[1:]).tolist()
        small = {n for n in left if sizes[n] < least}
        candidates = [neck for neck in necks if not small or small & {neck[0], neck[1]}]
        if not candidates:
            break
        share = [neck / min(heights[a], heights[b]) for a, b, neck in candidates]
        if not small and len(left) <= 2 and max(share) < SHALLOWEST_NECK:
            break
        a, b, _ = candidates[int(np.argmax(share))]
        part[part == b] = a
        heights[a], sizes[a] = max(heights[a], heights[b]), sizes[a] + sizes[b]
        renamed = [(a if m == b else m, a if n == b else n, neck) for m, n, neck in necks]
        necks = [neck for neck in renamed if neck[0] != neck[1]]
    return part


def _across(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> np.ndarray:
    """Two parts on either side of a plane across the longest direction."""
    spacing = np.asarray(spacing_kji_mm)
    points = np.argwhere(mask) * spacing
    centered = points - points.mean(axis=0)
    direction = np.linalg.svd(centered, full_matrices=False)[2][0]
    along = centered @ direction
    cut = _narrowest(along, float(np.abs(direction) @ spacing))
    beyond = along > (np.median(along) if cut is None else cut)
    if beyond.all() or not beyond.any():  # so few voxels that all lie at the median
        beyond = np.argsort(np.argsort(along, kind="stable")) >= len(along) // 2
    parts = np.zeros(mask.shape, np.int32)
    parts[mask] = 1 + beyond
    return parts


def _narrowest(along: np.ndarray, width_mm: float) -> Optional[float]:
    """Where the cross section along an axis is small against the largest on both sides; None if nowhere."""
    edges = np.arange(along.min(), along.max() + 2 * width_mm, width_mm)
    profile = np.histogram(along, edges)[0].astype(float)
    profile = np.convolve(profile, [0.25, 0.5, 0.25], mode="same")
    before, after = np.maximum.accumulate(profile), np.maximum.accumulate(profile[::-1])[::-1]
    share = profile / np.maximum(np.minimum(before, after), 1e-9)
    at = int(np.argmin(share))
    smaller = min(np.mean(along <= edges[at] + width_mm / 2), np.mean(along > edges[at] + width_mm / 2))
    return edges[at] + width_mm / 2 if share[at] < SHALLOWEST_NECK and smaller >= SMALLEST_HALF else None


def _factors(shape: tuple[int, ...], spacing_kji_mm: tuple[float, ...]) -> tuple[int, int, int]:
    """How much finer the distance is computed: slices as close as pixels, all twice as close if small."""
    between = max(1, round(spacing_kji_mm[0] / max(spacing_kji_mm[1:])))
    within = 2 if 4 * between * int(np.prod(shape)) <= _MOST_VOXELS else 1
    return between * within, within, within


def _numbered(parts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Parts as 1, 2, ... without gaps; voxels that interpolation lost go to the nearest part."""
    from scipy import ndimage

    if (parts[mask] == 0).any():
        if not parts.any():
            return mask.astype(np.int32)
        nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
        parts = parts[tuple(nearest)] * mask
    _, numbers = np.unique(parts[mask], return_inverse=True)
    result = np.zeros(mask.shape, np.int32)
    result[mask] = numbers + 1
    return result


def _basins(
    height: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Watershed by steepest ascent: for each voxel the number of the maximum it leads to, and their heights.

    Returns:
        int32 basins [k, j, i], 0 outside the mask; heights of the maxima, entry 0 for basin 1.
    """
    flat = height.ravel()
    inside = np.flatnonzero(mask)
    strides = np.array([mask.shape[1] * mask.shape[2], mask.shape[2], 1])
    target, steepest = inside.copy(), np.zeros(len(inside))
    for offset in product((-1, 0, 1), repeat=3):
        length_mm = float(np.linalg.norm(np.multiply(offset, spacing_mm)))
        if not length_mm:
            continue
        neighbor = inside + int(strides @ offset)
        slope = (flat[neighbor] - flat[inside]) / length_mm
        better = slope > steepest + 1e-12
        target[better], steepest[better] = neighbor[better], slope[better]
    leads_to = np.arange(flat.size)
    leads_to[inside] = target
    while True:
        further = leads_to[leads_to]
        if np.array_equal(further, leads_to):
            break
        leads_to = further
    maxima, number = np.unique(leads_to[inside], return_inverse=True)
    basins = np.zeros(flat.size, np.int32)
    basins[inside] = number + 1
    return basins.reshape(mask.shape), flat[maxima]


def _join(basins: np.ndarray, height: np.ndarray, peaks: np.ndarray, smallest_voxels: float) -> np.ndarray:
    """Join basins over their highest necks first; returns for each basin number its part's number."""
    heights = np.concatenate([[0.0], peaks])
    sizes = np.bincount(basins.ravel(), minlength=len(heights)).astype(float)
    part = np.arange(len(heights))

    def root(number: int) -> int:
        while part[number] != number:
            part[number] = part[part[number]]
            number = int(part[number])
        return number

    for first, second, neck in _necks(basins, height):
        a, b = root(first), root(second)
        if a == b:
            continue
        thinner = min(heights[a], heights[b])
        too_small = thinner < SMALLEST_PART_RADIUS_MM or min(sizes[a], sizes[b]) < smallest_voxels
        if too_small or neck >= NECK_RATIO * thinner:
            part[b] = a
            heights[a], sizes[a] = max(heights[a], heights[b]), sizes[a] + sizes[b]
    return np.array([root(number) for number in range(len(heights))])


def _necks(basins: np.ndarray, height: np.ndarray) -> list[tuple[int, int, float]]:
    """Pairs of touching basins with the height of the highest pass between them, highest first."""
    pairs, passes = [], []
    for offset in _HALF_NEIGHBORS:
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, basins.shape))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, basins.shape))
        a, b = basins[here], basins[there]
        meet = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.stack([a[meet], b[meet]], axis=1), axis=1))
        passes.append(np.minimum(height[here][meet], height[there][meet]))
    unique, which = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    highest = np.zeros(len(unique))
    np.maximum.at(highest, which.ravel(), np.concatenate(passes))
    order = np.argsort(-highest, kind="stable")
    return [(int(unique[n, 0]), int(unique[n, 1]), float(highest[n])) for n in order]
