"""Finds the movement and the distortion between T2 and DWI, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.image import Geometry, Image
from ..progress import Part, Progress
from .descriptor import self_similarity, structure
from .distortion import OUTLIER, displaced, refine
from .rigid import rigid_step
from .space import Level, level

COARSE_MM, MIDDLE_MM = 6.0, 3.0
STIFF, SOFT = 2.0, 0.2
FARTHEST_MM = 12.0
LEAST_JACOBIAN = 0.25


@dataclass(frozen=True)
class Alignment:
    """A rigid movement, then a displacement along one axis of the DWI.

    Attributes:
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
        grid: Grid of the displacement, along the DWI's axes.
        axis: The axis of the grid along which it displaces: 0, 1, 2 for i, j, k.
        displacement_mm: [k, j, i] at the grid's points, where the rigid movement has led.
        usual_mm: Median size of the displacement where both images show the patient.
    """

    rigid: np.ndarray
    grid: Geometry
    axis: int
    displacement_mm: np.ndarray
    usual_mm: float


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

    def move(self, steps: int, progress: Progress) -> None:
        """Makes the rigid movement better."""
        moving = _evened(self._moving)
        weight = self._both.astype(np.float32)
        step = rigid_step(_evened(self._fixed), moving, weight, self.grid, steps, progress.fraction)
        self.place(step @ self.rigid)

    def best_shift(self) -> float:
        """The displacement, voxels, by which the DWI as a whole fits best; 0 if that is not within reach."""
        reach = max(1, min(int(FARTHEST_MM / self.spacing_mm), self._weight.shape[self._array_axis] // 4))
        costs = [
            _mismatch(self._fixed, self._moving, self._weight, self._array_axis, step)
            for step in range(-reach, reach + 1)
        ]
        best = int(np.argmin(costs))
        if best in (0, 2 * reach):
            return 0.0
        return best - reach + _vertex(*costs[best - 1 : best + 2])

    def across(self, displacement: np.ndarray) -> np.ndarray:
        """The movement in the plane across the displacement, 4x4 LPS; voxels at the ends do not vote.

        Through the slices nothing is moved: on phantoms that estimate is as often wrong as right.
        """
        moving = displaced(self._moving, self._array_axis, displacement)
        axis = 3 - self._array_axis  # the other one of the plane's array axes, 1 and 2
        weight = self._weight.copy()
        rows = np.moveaxis(weight, axis, 0)
        rows[0] = rows[-1] = 0.0
        costs = [_mismatch(self._fixed, moving, weight, axis, step) for step in (-1, 0, 1)]
        shift = np.eye(4)
        image_axis = 2 - axis
        shift[:3, 3] = self.grid.direction[:, image_axis] * self.grid.spacing_mm[image_axis] * _vertex(*costs)
        return shift

    @property
    def seen(self) -> np.ndarray:
        """True where both images show the patient, [k, j, i]."""
        return self._both

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
        matcher.move(15, Part(progress, 0.5 * number, 0.5 * (number + 1)))
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
    matcher = Matcher(t2, dwi, rigid, axis, MIDDLE_MM)
    displacement = np.full(matcher.grid.size_ijk[::-1], matcher.best_shift(), dtype=np.float32)
    displacement = matcher.refined(displacement, STIFF, 5, Part(progress, 0.0, 0.4))
    displacement = matcher.refined(displacement, SOFT, 5, Part(progress, 0.4, 0.8))
    # After the distortion, not before: it would be taken for movement.
    moved = matcher.across(displacement) @ rigid
    displacement_mm = _unfolded(displacement * matcher.spacing_mm, 2 - axis, matcher.spacing_mm)
    usual_mm = float(np.median(np.abs(displacement_mm[matcher.seen]))) if matcher.seen.any() else 0.0
    progress.fraction(1.0)
    return Alignment(moved, matcher.grid, axis, displacement_mm, usual_mm)


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


def _mismatch(fixed: np.ndarray, moving: np.ndarray, weight: np.ndarray, axis: int, step: int) -> float:
    """Mean mismatch of the fixed with the moving descriptors `step` voxels further along an array axis.

    Whole voxels only: between them interpolation averages noise away and would draw the movement there.
    """
    size = fixed.shape[axis]
    here: list[slice] = [slice(None)] * 3
    there = list(here)
    here[axis] = slice(max(0, -step), size - max(0, step))
    there[axis] = slice(max(0, step), size - max(0, -step))
    counts = weight[tuple(here)]
    squared = np.mean((fixed[tuple(here)] - moving[tuple(there)]) ** 2, axis=-1)
    return float((counts * squared / (squared + OUTLIER)).sum() / max(float(counts.sum()), 1e-9))


def _vertex(low: float, middle: float, high: float) -> float:
    """Where the parabola through values at -1, 0 and 1 is lowest, within -1 to 1."""
    bend = low - 2.0 * middle + high
    return float(np.clip(0.5 * (low - high) / bend, -1.0, 1.0)) if bend > 0.0 else 0.0
