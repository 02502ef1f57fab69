"""Finds the movement and the distortion between T2 and DWI, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.image import Geometry, Image
from ..progress import Part, Progress
from .correlation import Explained
from .descriptor import self_similarity
from .distortion import displaced, refine
from .movement import moved
from .rigid import rigid_step
from .space import Level, level
from .spline import SmoothField

COARSE_MM, MIDDLE_MM, FINE_MM = 6.0, 3.0, 2.4
KNOT_MM = 24.0  # off-resonance in the body is smooth but next to gas, where EPI has no signal to be matched
STIFF, SOFT = 2.5e6, 5e5  # mm^4
STEPS = 2  # linearizations before the other takes its turn
ROUNDS = 2  # movement and distortion by turns
FARTHEST_MM = 12.0
NEAR_MM = 5.0  # where fat that is displaced farther may mislead
BRIGHTEST_PERCENTILE = 99.0
LEAST_JACOBIAN = 0.25


@dataclass(frozen=True)
class Alignment:
    """A rigid movement, then a displacement along one axis of the DWI.

    Attributes:
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
        grid: Grid of the displacement, along the DWI's axes.
        axis: The axis of the grid along which it displaces: 0, 1, 2 for i, j, k.
        coefficients_mm: The displacement where the rigid movement has led.
        space: What the coefficients mean on the grid.
    """

    rigid: np.ndarray
    grid: Geometry
    axis: int
    coefficients_mm: np.ndarray
    space: SmoothField


class Matcher:
    """T2 and DWI on one working grid, where movement and displacement are made better.

    Args:
        t2: The T2.
        dwi: The DWI.
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI, about right.
        axis: The axis (0, 1, 2 for i, j, k) of the DWI along which it may be displaced.
        spacing_mm: In-plane distance of the grid's points.
    """

    def __init__(self, t2: Image, dwi: Image, rigid: np.ndarray, axis: int, spacing_mm: float) -> None:
        self._level: Level = level(t2, dwi, rigid, spacing_mm)
        self._array_axis = 2 - axis
        self.grid = self._level.grid
        self.spacing_mm = self.grid.spacing_mm[axis]
        self.space = SmoothField(self._level.dwi.shape, self.grid.spacing_mm[::-1], KNOT_MM)
        self.place(rigid)

    def place(self, rigid: np.ndarray) -> None:
        """Brings the T2 to where the rigid movement leads."""
        self.rigid = rigid
        self._t2 = self._level.t2_moved(rigid)
        self._body = self._level.body(self._t2, rigid)
        self._both = self._body & self._level.dwi_here

    def move_far(self, steps: int, progress: Progress) -> None:
        """Makes a rigid movement better that may be off by more than a few millimeters."""
        moving = _evened(self_similarity(self._level.dwi, self._level.dwi_here))
        fixed = _evened(self_similarity(self._t2, self._body))
        weight = self._both.astype(np.float32)
        self.place(rigid_step(fixed, moving, weight, self.grid, steps, progress.fraction) @ self.rigid)

    def move(self, coefficients: np.ndarray, steps: int, progress: Progress) -> None:
        """Makes the rigid movement better, given the displacement."""
        dwi = displaced(self._level.dwi, self._array_axis, self.space.values(coefficients))
        self.place(moved(self._level, dwi, self._both, self.rigid, steps, progress.fraction))

    def best_shift(self, farthest_mm: float) -> float:
        """The displacement, voxels, by which the DWI as a whole fits best; 0 if that is not within reach.

        The T2 is to explain the DWI, not the other way round: what is bright on the DWI decides, and not the
        many faint edges of the fat that is left on it, which lie elsewhere by its chemical shift.

        Args:
            farthest_mm: How far to look.
        """
        reach = max(1, min(int(farthest_mm / self.spacing_mm), self._both.shape[self._array_axis] // 4))
        # Whole voxels only: between them interpolation averages noise away and would draw the shift there.
        # Every second column or row is enough.
        sparse: list[slice] = [slice(None)] * 3
        sparse[3 - self._array_axis] = slice(None, None, 2)
        t2, dwi, both = (one[tuple(sparse)] for one in (self._t2, self._level.dwi, self._both))
        if both.any():  # a full bladder would decide alone
            dwi = np.minimum(dwi, np.percentile(dwi[both], BRIGHTEST_PERCENTILE))
        shifts = range(-reach, reach + 1)
        moving = (displaced(dwi, self._array_axis, np.array(shift, np.float32)) for shift in shifts)
        costs = [Explained(one, both).left_by(t2) for one in moving]
        best = int(np.argmin(costs))
        if best in (0, 2 * reach):
            return 0.0
        return best - reach + vertex(*costs[best - 1 : best + 2])

    def refined(self, coefficients: np.ndarray, stiff: float, steps: int, progress: Progress) -> np.ndarray:
        """Coefficients of a better displacement, voxels."""
        explained, report = Explained(self._t2, self._both), progress.fraction
        axis, dwi = self._array_axis, self._level.dwi
        return refine(explained, dwi, axis, self.space, coefficients, stiff, steps, report)

    def unfolded(self, coefficients: np.ndarray) -> np.ndarray:
        """The displacement, smoothed until its Jacobian is nowhere below the least; usually as it is."""
        from scipy.ndimage import gaussian_filter

        smooth = coefficients
        for sigma in (0.5, 1.0, 2.0, 4.0):
            steepest = float(np.gradient(self.space.values(smooth), axis=self._array_axis).min())
            if steepest >= LEAST_JACOBIAN - 1.0:
                return smooth
            smooth = gaussian_filter(coefficients, sigma, mode="nearest")
        return np.zeros_like(coefficients)


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
    for number, spacing_mm in enumerate((COARSE_MM, MIDDLE_MM) if far else ()):
        matcher = Matcher(t2, dwi, rigid, 0, spacing_mm)
        matcher.move_far(15, Part(progress, 0.3 * number, 0.3 * (number + 1)))
        rigid = matcher.rigid
    matcher = Matcher(t2, dwi, rigid, 0, MIDDLE_MM)
    matcher.move(np.zeros(matcher.space.shape, dtype=np.float32), 6, Part(progress, 0.6, 1.0))
    return matcher.rigid


def find_distortion(
    t2: Image, dwi: Image, rigid: np.ndarray, axis: int, shows_fat: bool, progress: Progress
) -> Alignment:
    """The displacement along an axis of the DWI after a rigid movement, which is made better on the way.

    Args:
        t2: The T2.
        dwi: The DWI.
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI, about right.
        axis: The axis of the DWI along which it may be displaced: 0, 1, 2 for i, j, k.
        shows_fat: Whether the DWI shows what fat suppression has left: far shifts are not trusted then.
        progress: Told of the work done.
    """
    matcher = Matcher(t2, dwi, rigid, axis, FINE_MM)
    shift = matcher.best_shift(NEAR_MM if shows_fat else FARTHEST_MM)
    found = np.full(matcher.space.shape, shift, dtype=np.float32)
    # The distortion comes first: it would be taken for movement.
    found = matcher.refined(found, STIFF, STEPS, Part(progress, 0.0, 0.2))
    found = matcher.refined(found, SOFT, STEPS, Part(progress, 0.2, 0.4))
    for number in range(ROUNDS):
        done = 0.4 + 0.6 * number / ROUNDS
        matcher.move(found, STEPS, Part(progress, done, done + 0.3 / ROUNDS))
        found = matcher.refined(found, SOFT, STEPS, Part(progress, done + 0.3 / ROUNDS, done + 0.6 / ROUNDS))
    found_mm = matcher.unfolded(found) * np.float32(matcher.spacing_mm)
    return Alignment(matcher.rigid, matcher.grid, axis, found_mm, matcher.space)


def _evened(channels: np.ndarray) -> np.ndarray:
    """Descriptors smoothed across the slices.

    Between two slices interpolation averages noise away, which would draw the movement towards half slices;
    smoothed before, the noise is nearly the same everywhere.
    """
    from scipy.ndimage import correlate1d

    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return np.asarray(correlate1d(channels, kernel, axis=0, mode="nearest"))


def vertex(low: float, middle: float, high: float) -> float:
    """Where the parabola through values at -1, 0 and 1 is lowest, within -1 to 1."""
    bend = low - 2.0 * middle + high
    return float(np.clip(0.5 * (low - high) / bend, -1.0, 1.0)) if bend > 0.0 else 0.0
