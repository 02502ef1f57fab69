"""Whether a node that one of two studies outlines is seen on the other's images, where nobody outlined it.

A node that was missed in one study is not new, and not gone: RECIST 1.1 wants a new lesion to be
unequivocally new. Of each kind of image two figures are taken around the node's place in the other study, the
best over all small shifts and some sizes: how alike the patches are, and how much more of the other one the
patch with the node explains than the same patch with the node filled in from around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from ..images.image import Geometry, Image
from .matching import moved
from .node import Node

SEEN, NOT_SEEN, UNDECIDED = "seen", "not seen", "undecided"

SHELL_MM = 4.0
"""What is compared of the surroundings; closer to a node than that little else lies."""
RIM_MM = 1.0
"""Between a node and what surely is none: outlines and slices."""
AROUND_MM = 16.0
"""How far around a node it is looked how intensities of one study translate into the other's."""
SHIFT_MM = 4.0
"""How far a node may have moved against the rigid alignment: 95 % of phantoms' nodes do by less than 3 mm."""
STEP_MM = 4.0 / 3.0
SIZES = (1.0, 0.7, 1.4)
"""Of a node in the other study against its own: what grows looks alike, but larger."""
SMOOTHING_MM = 0.8
MOST_POINTS = 400
LEAST_POINTS = 50
LEAST_IN_VIEW = 0.9
TAKEN = 0.2
"""Share of a node that may lie on other nodes of the other study: these are outlined already."""
FLOOR = 0.05
"""Of the node's own contrast: less of a difference is noise."""

# Weights of likeness and gain, and a constant: logistic regression on phantoms (``Benchmarks/RESULTS.md``).
_WITH_DWI = (8.9, 2.7, 0.0, 2.7, -5.3)
_T2_ALONE = (0.0, 0.0, 2.1, 2.9, -1.65)
SURELY_SEEN, SURELY_NOT = 1.5, -2.2
"""Logarithms of odds. T2 alone has a constant that is 0.7 lower than the fit's: it misleads more often."""


@dataclass(frozen=True)
class Look:
    """One kind of image of both studies.

    Attributes:
        own: Of the study that outlines the node, on the grid of its mask.
        other: Of the other one, on any grid.
    """

    own: Image
    other: Image


@dataclass(frozen=True)
class _Figures:
    """See the module.

    Attributes:
        likeness: Correlation of the patches, at most 1.
        gain: Logarithm of how much less is left unexplained with the node than without.
    """

    likeness: float
    gain: float


def seen_elsewhere(node: Node, t2: Look, dwi: Optional[Look], outlined: Image, transform: Any) -> str:
    """Whether the images of another study show a node at the same place.

    Args:
        node: The node, as one study outlines it.
        t2: T2-weighted images of both studies, smoothed (`smoothed`).
        dwi: DWI of both at about the same b-value, if there are.
        outlined: Label map of the other study: what is outlined there is no other node's.
        transform: Maps LPS points of the node's study to the other one.

    Returns:
        `SEEN`, `NOT_SEEN`, or `UNDECIDED` where the images do not tell.
    """
    place = _Place(node, outlined, transform)
    of_t2 = place.figures(t2)
    if of_t2 is None:
        return UNDECIDED
    of_dwi = place.figures(dwi) if dwi is not None else None
    weights = _T2_ALONE if of_dwi is None else _WITH_DWI
    figures = (*((of_dwi.likeness, of_dwi.gain) if of_dwi else (0.0, 0.0)), of_t2.likeness, of_t2.gain, 1.0)
    odds = float(np.dot(weights, figures))
    return SEEN if odds >= SURELY_SEEN else NOT_SEEN if odds <= SURELY_NOT else UNDECIDED


def smoothed(image: Image) -> Image:
    """An image with less noise and detail, so that two scans of unlike pixels compare."""
    from scipy import ndimage

    widths = [SMOOTHING_MM / mm if mm < 2 * SMOOTHING_MM else 0.0 for mm in image.geometry.spacing_mm[::-1]]
    return image.with_array(ndimage.gaussian_filter(np.nan_to_num(image.array.astype(np.float32)), widths))


class _Place:
    """Where a node lies in its study, and in the other one at every shift and size that is tried.

    Attributes:
        block: The voxels of the node's grid around it.
        node: Which voxels are not surely none.
        points: Which voxels are compared: index [k, j, i] of each, (3, n).
        inside: Whether each is inside the node, (n,).
        around: Voxels by which intensities are translated: index [k, j, i] of each, (3, m).
        there_lps_mm, around_there_lps_mm: Where both lie in the other study, (n, 3) and (m, 3).
        tried_lps_mm: Where the points lie at each shift and size, [try, n, 3].
        free: At which tries the node does not lie on another one that is outlined there.
    """

    def __init__(self, node: Node, outlined: Image, transform: Any) -> None:
        from scipy import ndimage

        grid = node.mask.geometry
        own, start_ijk = _block(node, AROUND_MM)
        self.block = tuple(slice(a, a + n) for a, n in zip(start_ijk[::-1], own.shape))
        self.spacing_mm = grid.spacing_mm[::-1]
        distance_mm = ndimage.distance_transform_edt(~own, sampling=self.spacing_mm)
        self.node = distance_mm <= RIM_MM
        inner = _some(np.argwhere(own))
        outer = _some(np.argwhere(~own & (distance_mm <= SHELL_MM)))
        self.inside = np.arange(len(inner) + len(outer)) < len(inner)
        self.points = np.concatenate([inner, outer]).T
        self.around = _some(np.argwhere(~self.node & (distance_mm <= AROUND_MM)), 5 * MOST_POINTS).T

        here_lps_mm = grid.lps_from_ijk(self.points[::-1].T + start_ijk)
        self.there_lps_mm = moved(here_lps_mm, transform)
        self.around_there_lps_mm = moved(grid.lps_from_ijk(self.around[::-1].T + start_ijk), transform)
        middle_lps_mm = self.there_lps_mm[self.inside].mean(axis=0)
        sized = [middle_lps_mm + size * (self.there_lps_mm - middle_lps_mm) for size in SIZES]
        shifts = _shifts() @ outlined.geometry.direction.T
        self.tried_lps_mm = np.concatenate([one + shifts[:, None] for one in sized])
        self.free = self._free(outlined)

    def _free(self, outlined: Image) -> np.ndarray:
        index = np.round(outlined.geometry.ijk_from_lps(self.tried_lps_mm[:, self.inside])).astype(int)
        index = np.clip(index, 0, np.array(outlined.geometry.size_ijk) - 1)
        return (outlined.array[tuple(np.moveaxis(index, -1, 0)[::-1])] > 0).mean(axis=1) <= TAKEN

    def figures(self, look: Look) -> Optional[_Figures]:
        """The figures of one kind of image; None where it does not show the place."""
        own = np.asarray(look.own.array[self.block], dtype=float)
        here, around = own[tuple(self.points)], own[tuple(self.around)]
        around_there = _at(look.other, self.around_there_lps_mm)
        known = (around != 0) & (around_there != 0)  # outside its field of view an image is zero
        if known.sum() < LEAST_POINTS or self.inside.all() or not self.free.any():
            return None
        there = _at(look.other, self.tried_lps_mm[self.free])
        if min((here != 0).mean(), (there != 0).mean(), self._in_view(look.other.geometry)) < LEAST_IN_VIEW:
            return None
        slope = _slope(around[known], around_there[known])
        without = np.where(self.inside, self._filled(own)[tuple(self.points)], here)
        return _figures(here, without, there, slope, self.inside)

    def _in_view(self, grid: Geometry) -> float:
        """Share of the points that lie in a grid of the other study."""
        return float(grid.holds(grid.ijk_from_lps(self.there_lps_mm)).mean())

    def _filled(self, values: np.ndarray) -> np.ndarray:
        """The block with the node filled in from around it."""
        from scipy import ndimage

        nearest = ndimage.distance_transform_edt(
            self.node, sampling=self.spacing_mm, return_distances=False, return_indices=True
        )
        filled = known = values[tuple(nearest)]
        widths = [2.0 / mm if mm < 2.5 else 0.5 for mm in self.spacing_mm]
        for _ in range(6):
            filled = np.where(self.node, ndimage.gaussian_filter(filled, widths), known)
        return filled


def _figures(
    here: np.ndarray, without: np.ndarray, there: np.ndarray, slope: float, inside: np.ndarray
) -> _Figures:
    """The best figures over all shifts and sizes.

    Args:
        here: The patch in the node's study, (n,).
        without: The same with the node filled in.
        there: The patches in the other study, [try, n].
        slope: By how much intensities there exceed those here.
        inside: Which points lie in the node, (n,).
    """
    weight = np.where(inside, 0.5 / inside.sum(), 0.5 / (~inside).sum())
    here, without = here - here @ weight, without - without @ weight
    there = there - (there @ weight)[:, None]
    spread, spread_there = (here * here) @ weight, (there * there) @ weight
    shared, shared_without = there @ (weight * here), there @ (weight * without)
    likeness = shared / np.sqrt(np.maximum(spread * spread_there, 1e-12))
    left = spread_there + slope * slope * spread - 2 * slope * shared
    left_without = spread_there + slope * slope * ((without * without) @ weight) - 2 * slope * shared_without
    floor = slope * slope * FLOOR * (((here - without) ** 2) @ weight) + 1e-12
    gain = np.log((left_without.min() + floor) / (left.min() + floor))
    return _Figures(float(likeness.max()), float(gain))


def _slope(here: np.ndarray, there: np.ndarray) -> float:
    """By how much intensities there exceed those here; never negative."""
    centered = here - here.mean()
    spread = float((centered * centered).mean())
    least = 1e-3 * float(there.std()) / max(spread**0.5, 1e-9)
    return max(float((centered * (there - there.mean())).mean()) / max(spread, 1e-12), least)


def _block(node: Node, margin_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """The mask of a node with a margin, cut at the edge of the grid; and where it begins, ijk."""
    size = np.array(node.mask.geometry.size_ijk)
    margin = np.ceil(margin_mm / np.array(node.mask.geometry.spacing_mm)).astype(int)
    start, shape = np.array(node.mask.start_ijk), np.array(node.mask.array.shape[::-1])
    low, high = np.maximum(start - margin, 0), np.minimum(start + shape + margin, size)
    block = np.zeros(tuple((high - low)[::-1]), dtype=bool)
    block[tuple(slice(a, a + n) for a, n in zip((start - low)[::-1], shape[::-1]))] = node.mask.array
    return block, low


def _some(points: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Not more than so many of the points (n, 3), drawn evenly, the same each time."""
    return np.random.default_rng(0).permutation(points)[:most]


def _shifts() -> np.ndarray:
    """The shifts that are tried, in mm along the axes of the other study, (n, 3)."""
    line = np.arange(-SHIFT_MM, SHIFT_MM + 1e-6, STEP_MM)
    shifts = np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)
    return shifts[np.linalg.norm(shifts, axis=1) <= SHIFT_MM + 1e-6]


def _at(image: Image, points_lps_mm: np.ndarray) -> np.ndarray:
    """Values at points (..., 3), linearly; the nearest beyond the grid."""
    from scipy import ndimage

    index = np.moveaxis(image.geometry.ijk_from_lps(points_lps_mm), -1, 0)[::-1]
    values = ndimage.map_coordinates(
        image.array.astype(np.float32, copy=False), index, order=1, mode="nearest"
    )
    return np.asarray(values, dtype=float)
