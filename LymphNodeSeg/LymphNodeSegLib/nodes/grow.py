"""A node grown from one point that the reader has set: where the network saw little or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..images.image import Geometry, Image
from .node import NodeMask
from .separate import MINIMUM_VOLUME_MM3, without_holes

REACH_MM = 20.0
"""No voxel farther from the point than this is taken: a node of 40 mm is drawn by hand."""

FAINT_PROBABILITY = 0.1
"""From here on the network's own map shows the shape; below it the images do."""

LEAST_STEP = 1.0
"""How much less alike the voxels around a node are than its own rim, in the same units, at least."""

_AROUND_POINT_MM = 2.5
_SEED_MM = 2.0
_LEVELS = 30
FARTHEST = 15.0
"""Unlikeness at which a voxel surely is something else, in units of what differs in the node by chance."""


def grow_node(
    point_ras_mm: tuple[float, float, float],
    t2: Image,
    *,
    dwi: Optional[Image] = None,
    probability: Optional[Image] = None,
    known: Optional[np.ndarray] = None,
    taken: Optional[np.ndarray] = None,
) -> Optional[NodeMask]:
    """The node at a point.

    Where the probability has a hill at the point, the node is that hill down to half its height. Elsewhere it
    is what hangs together with the point and looks like it on T2 and DWI: of all levels of likeness the one
    whose surface stands out most against its surroundings, thin leaks cut off.

    Args:
        point_ras_mm: Where the reader pointed.
        t2: The T2.
        dwi: The DWI on the same grid.
        probability: Probability of lymph node on the same grid.
        known: Boolean [k, j, i]; False where the DWI knows nothing.
        taken: Boolean [k, j, i]; True where there are other nodes, which are left alone.

    Returns:
        The node; None if the point lies outside the image or on a voxel that is taken, or nothing of the size
        of a node is there.
    """
    geometry = t2.geometry
    index = np.round(geometry.ijk_from_lps(np.multiply(point_ras_mm, [-1.0, -1.0, 1.0]))).astype(int)
    if np.any(index < 0) or np.any(index >= geometry.size_ijk):
        return None
    around = _Around.of(index, geometry)
    free = around.distance_mm <= REACH_MM
    if taken is not None:
        free &= ~taken[around.box]
    if not free[around.seed]:
        return None
    mask = None
    if probability is not None:
        mask = _hill(np.nan_to_num(probability.array[around.box]), around, free)
    if mask is None:
        images = [t2.array[around.box]]
        if dwi is not None and (known is None or known[around.box][around.seed]):
            images.append(dwi.array[around.box])
        mask = _alike(images, around, free)
    return None if mask is None else around.node_mask(mask)


@dataclass(frozen=True)
class _Around:
    """The part of the grid within reach of the point."""

    box: tuple[slice, slice, slice]
    seed: tuple[int, int, int]
    distance_mm: np.ndarray
    geometry: Geometry

    @staticmethod
    def of(index_ijk: np.ndarray, geometry: Geometry) -> _Around:
        spacing, size = np.array(geometry.spacing_mm), np.array(geometry.size_ijk)
        reach = np.ceil(REACH_MM / spacing).astype(int)
        low, high = np.maximum(index_ijk - reach, 0), np.minimum(index_ijk + reach + 1, size)
        box = tuple(slice(*ends) for ends in zip(low[::-1].tolist(), high[::-1].tolist()))
        seed = (index_ijk - low)[::-1]
        axes = [(np.arange(n) - s) * mm for n, s, mm in zip((high - low)[::-1], seed, spacing[::-1])]
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        k, j, i = (int(n) for n in seed)
        return _Around(box, (k, j, i), np.sqrt(z**2 + y**2 + x**2), geometry)  # type: ignore[arg-type]

    def is_node(self, mask: np.ndarray) -> bool:
        """Whether a mask has the size of a node and does not run out of reach."""
        volume_mm3 = np.count_nonzero(mask) * self.geometry.voxel_volume_mm3
        margin_mm = max(self.geometry.spacing_mm[:2])
        return volume_mm3 >= MINIMUM_VOLUME_MM3 and float(self.distance_mm[mask].max()) < REACH_MM - margin_mm

    def node_mask(self, mask: np.ndarray) -> NodeMask:
        index = np.nonzero(mask)
        cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in index)
        k, j, i = (part.start + inner.start for part, inner in zip(self.box, cut))
        return NodeMask(mask[cut], (i, j, k), self.geometry)


def _hill(probability: np.ndarray, around: _Around, free: np.ndarray) -> Optional[np.ndarray]:
    """The hill of the probability at the point down to half its height, if there is one."""
    near = free & (around.distance_mm <= _AROUND_POINT_MM)
    flat = int(np.argmax(np.where(near, probability, -1.0)))
    top = tuple(int(n) for n in np.unravel_index(flat, probability.shape))
    height = float(probability[top])
    if height < FAINT_PROBABILITY:
        return None
    for share in (0.5, 0.6, 0.7, 0.8):  # a higher level where the hill runs into another
        mask = _hanging_together(free & (probability >= share * height), top)
        if around.is_node(mask):
            return mask
    return None


def _alike(images: list[np.ndarray], around: _Around, free: np.ndarray) -> Optional[np.ndarray]:
    """What hangs together with the point and looks like it."""
    from scipy import ndimage

    unlike = _unlikeness(images, around, free)
    core = free & (around.distance_mm <= _SEED_MM)
    core[around.seed] = True
    levels = np.linspace(0.0, FARTHEST, _LEVELS + 2)[1:-1]
    best, best_score = None, 0.0
    across = ndimage.generate_binary_structure(3, 1)
    across[0] = across[2] = False  # in the slice: through it, a voxel may be half a node
    for level in levels:
        inside = free & ((unlike <= level) | core)
        thick = ndimage.binary_erosion(inside, across) | core
        kept = ndimage.binary_dilation(_hanging_together(thick, around.seed), across) & inside
        mask = without_holes(kept) & free
        if not around.is_node(mask):
            if np.count_nonzero(mask) * around.geometry.voxel_volume_mm3 < MINIMUM_VOLUME_MM3:
                continue
            break  # it has run out of reach, and higher levels do so too
        step = _standing_out(mask, unlike, free, across)
        score = step * _compactness(mask, around)
        if step >= LEAST_STEP and score > best_score:
            best, best_score = mask, score
    return best


def _unlikeness(images: list[np.ndarray], around: _Around, free: np.ndarray) -> np.ndarray:
    """How much each voxel differs from those at the point, in units of what differs there by chance."""
    from scipy import ndimage

    core = free & (around.distance_mm <= _SEED_MM)
    core[around.seed] = True
    near = free & (around.distance_mm <= REACH_MM / 2)
    total = np.zeros(images[0].shape)
    for image in images:
        smooth = ndimage.gaussian_filter(np.nan_to_num(image.astype(np.float32)), (0.0, 0.7, 0.7))
        middle = float(np.median(smooth[core]))
        low, high = np.percentile(smooth[near], (5.0, 95.0))
        chance = max(float(smooth[core].std()), float(high - low) / FARTHEST, 1e-6)
        total += np.minimum(np.abs(smooth - middle) / chance, FARTHEST) ** 2
    return np.sqrt(total / len(images))


def _standing_out(mask: np.ndarray, unlike: np.ndarray, free: np.ndarray, across: np.ndarray) -> float:
    """How much less like the point the voxels just outside are than those just inside."""
    from scipy import ndimage

    outside = ndimage.binary_dilation(mask, across, iterations=2) & ~mask & free
    inside = mask & ~ndimage.binary_erosion(mask, across, iterations=2)
    if not outside.any() or not inside.any():
        return 0.0
    return max(float(unlike[outside].mean() - unlike[inside].mean()), 0.0)


def _compactness(mask: np.ndarray, around: _Around) -> float:
    """1 for a ball, less for what branches: the volume over that of the ball that holds it, cube root."""
    points = np.argwhere(mask) * np.array(around.geometry.spacing_mm[::-1])
    radius_mm = float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1)).max())
    radius_mm = max(radius_mm, float(np.cbrt(3 * around.geometry.voxel_volume_mm3 / (4 * np.pi))))
    volume_mm3 = len(points) * around.geometry.voxel_volume_mm3
    return min(1.0, float(np.cbrt(volume_mm3 / (4 / 3 * np.pi * radius_mm**3))))


def _hanging_together(mask: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """The component that holds a voxel."""
    from scipy import ndimage

    components, _ = ndimage.label(mask, structure=ndimage.generate_binary_structure(3, 1))
    return components == components[seed] if components[seed] else np.zeros(mask.shape, bool)
