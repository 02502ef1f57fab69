"""Finds the movement and the distortion between T2 and DWI, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..images.image import Geometry, Image
from ..progress import Part, Progress
from .descriptor import self_similarity, structure
from .distortion import displaced, refine
from .rigid import rigid_step
from .space import Level, level

COARSE_MM, MIDDLE_MM, FINE_MM = 6.0, 3.0, 1.5
STIFF, SOFT = 0.2, 0.02
LEAST_JACOBIAN = 0.25


@dataclass(frozen=True)
class Alignment:
    """A rigid movement, then a displacement along one axis of the DWI.

    Attributes:
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
        grid: Grid of the displacement, along the DWI's axes.
        axis: The axis of the grid along which it displaces: 0, 1, 2 for i, j, k.
        displacement_mm: [k, j, i] at the grid's points, where the rigid movement has led.
    """

    rigid: np.ndarray
    grid: Geometry
    axis: int
    displacement_mm: np.ndarray


class Matcher:
    """T2 and DWI described on one working grid, where movement and displacement are made better.

    Args:
        t2: The T2.
        dwi: The DWI.
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI, about right.
        axis: The axis (0, 1, 2 for i, j, k) of the DWI along which it may be displaced.
        spacing_mm: In-plane distance of the grid's points.
    """

    def __init__(self, t2: Image, dwi: Image, rigid: np.ndarray, axis: int, spacing_mm: float) -> None:
        self._level: Level = level(t2, dwi, rigid, spacing_mm)
        self._moving = self_similarity(self._level.dwi, self._level.dwi_here)
        self._array_axis = 2 - axis
        self.grid = self._level.grid
        self.spacing_mm = self.grid.spacing_mm[axis]
        self.place(rigid)

    def place(self, rigid: np.ndarray) -> None:
        """Brings the T2 to where the rigid movement leads."""
        self.rigid = rigid
        t2, body = self._level.t2_moved(rigid)
        self._fixed = self_similarity(t2, body)
        self._both = body & self._level.dwi_here
        self._weight = self._both * structure(t2, self._both)

    def move(self, displacement: Optional[np.ndarray], steps: int, progress: Progress) -> None:
        """Makes the rigid movement better, given the displacement (voxels, [k, j, i]) if it is known."""
        moving = self._moving
        if displacement is not None:
            moving = displaced(moving, self._array_axis, displacement)
        weight = self._both.astype(np.float32)
        step = rigid_step(_evened(self._fixed), _evened(moving), weight, self.grid, steps, progress.fraction)
        self.place(step @ self.rigid)

    def refined(self, displacement: np.ndarray, stiff: float, steps: int, progress: Progress) -> np.ndarray:
        """A better displacement, voxels, [k, j, i]."""
        stiffness = tuple(stiff * (self.spacing_mm / mm) ** 2 for mm in self.grid.spacing_mm[::-1])
        return refine(
            self._fixed,
            self._moving,
            self._weight,
            self._array_axis,
            displacement,
            stiffness,
            steps,
            progress.fraction,
        )


def find_rigid(t2: Image, dwi: Image, start: np.ndarray, far: bool, progress: Progress) -> np.ndarray:
    """The rigid movement from T2 points to DWI points, 4x4.

    Args:
        t2: The T2.
        dwi: The DWI.
        start: 4x4 matrix to begin with.
        far: Whether the start may be off by more than a few millimeters; a coarse grid comes first then.
            It is not used otherwise: there is little to be seen on it, and it misleads.
        progress: Told of the work done.
    """
    rigid = start
    for number, spacing_mm in enumerate((COARSE_MM, MIDDLE_MM) if far else (MIDDLE_MM,)):
        matcher = Matcher(t2, dwi, rigid, 0, spacing_mm)
        matcher.move(None, 15, Part(progress, 0.5 * number, 0.5 * (number + 1)))
        rigid = matcher.rigid
    return rigid


def find_distortion(t2: Image, dwi: Image, rigid: np.ndarray, axis: int, progress: Progress) -> Alignment:
    """The displacement along an axis of the DWI after a rigid movement, which is made better on the way.

    Args:
        t2: The T2.
        dwi: The DWI.
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI, about right.
        axis: The axis of the DWI along which it may be displaced: 0, 1, 2 for i, j, k.
        progress: Told of the work done.
    """
    middle = Matcher(t2, dwi, rigid, axis, MIDDLE_MM)
    zero = np.zeros(middle.grid.size_ijk[::-1], dtype=np.float32)
    displacement = middle.refined(zero, STIFF, 6, Part(progress, 0.0, 0.25))
    middle.move(displacement, 6, Part(progress, 0.25, 0.3))
    displacement = middle.refined(displacement, SOFT, 6, Part(progress, 0.3, 0.4))
    fine = Matcher(t2, dwi, middle.rigid, axis, FINE_MM)
    displacement = _resampled(displacement, middle.grid, fine.grid) * (middle.spacing_mm / fine.spacing_mm)
    displacement = fine.refined(displacement, SOFT, 4, Part(progress, 0.4, 0.65))
    fine.move(displacement, 5, Part(progress, 0.65, 0.75))
    displacement = fine.refined(displacement, SOFT, 4, Part(progress, 0.75, 1.0))
    displacement_mm = _unfolded(displacement * fine.spacing_mm, 2 - axis, fine.spacing_mm)
    return Alignment(fine.rigid, fine.grid, axis, displacement_mm)


def _evened(channels: np.ndarray) -> np.ndarray:
    """Descriptors smoothed across the slices.

    Between two slices interpolation averages noise away, which would draw the movement towards half slices;
    smoothed before, the noise is nearly the same everywhere.
    """
    from scipy.ndimage import correlate1d

    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return np.asarray(correlate1d(channels, kernel, axis=0, mode="nearest"))


def _unfolded(displacement_mm: np.ndarray, array_axis: int, voxel_mm: float) -> np.ndarray:
    """The displacement, smoothed until its Jacobian is nowhere below the least; usually as it is."""
    from scipy.ndimage import gaussian_filter

    smooth = displacement_mm
    for sigma in (1.0, 2.0, 4.0, 8.0):
        if float(np.gradient(smooth, voxel_mm, axis=array_axis).min()) >= LEAST_JACOBIAN - 1.0:
            return smooth
        smooth = gaussian_filter(displacement_mm, sigma, mode="nearest")
    return np.zeros_like(displacement_mm)


def _resampled(values: np.ndarray, old: Geometry, new: Geometry) -> np.ndarray:
    """Values on another grid with the same axes, linearly; the ends are held."""
    from scipy.ndimage import map_coordinates

    start = old.ijk_from_lps(np.array(new.origin_lps_mm))
    places = [
        start[axis] + np.arange(new.size_ijk[axis]) * new.spacing_mm[axis] / old.spacing_mm[axis]
        for axis in (2, 1, 0)
    ]
    return np.asarray(map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest"))
