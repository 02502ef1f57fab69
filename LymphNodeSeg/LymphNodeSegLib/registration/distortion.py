"""The EPI distortion: a smooth displacement along one array axis, by Gauss-Newton steps.

What drives it is how well the DWI explains the T2 around each voxel. Arrays are [k, j, i]; displacements are
in voxels along the given array axis (0, 1, 2 for k, j, i).
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from .correlation import Explained
from .pace import pace
from .spline import SmoothField

FIRST, FASTEST = 1.9, 2.5  # Gauss-Newton steps to take at once
SMALL = 5e-3  # pull towards no displacement where nothing is seen
STEEPEST = 0.3  # smallest Jacobian by which a slope is scaled
SOLVER_STEPS = 40


def refine(
    explained: Explained,
    moving: np.ndarray,
    axis: int,
    space: SmoothField,
    start: np.ndarray,
    stiffness: float,
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """Better coefficients of the displacement by which the DWI is read.

    Args:
        explained: The T2, and where both images show the patient.
        moving: The DWI.
        axis: Array axis of the displacement.
        space: What the coefficients mean.
        start: Coefficients to begin with.
        stiffness: Weight of the field's roughness, in mm^4.
        steps: Number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    coefficients = start
    change = last_pull = np.zeros_like(start)
    for step in range(steps):
        displacement = space.values(coefficients)
        curvature, force = _by_local_fit(moving, explained, axis, displacement)
        normal = Normal(space, curvature, stiffness)
        pull = normal.pull(force, coefficients)
        steps_at_once = FIRST
        if step:
            brought = float(np.vdot(change, last_pull - pull))
            steps_at_once = pace(float(np.vdot(change, normal.applied(change))), brought, FASTEST)
        change, last_pull = np.float32(steps_at_once) * normal.solved(pull), pull
        coefficients = coefficients + change
        report((step + 1) / steps)
    return coefficients


def displaced(moving: np.ndarray, axis: int, displacement: np.ndarray) -> np.ndarray:
    """An image read at x + u, linearly; the ends are held. One displacement for all voxels will do."""
    size = moving.shape[axis]
    index = np.arange(size, dtype=np.float32).reshape([size if other == axis else 1 for other in range(3)])
    position = np.clip(index + displacement, 0.0, size - 1.0)
    lower = np.minimum(position.astype(np.intp), max(size - 2, 0))
    low = np.take_along_axis(moving, lower, axis)
    high = np.take_along_axis(moving, np.minimum(lower + 1, size - 1), axis)
    return low + (position - lower).astype(np.float32) * (high - low)


def _by_local_fit(
    moving: np.ndarray, explained: Explained, axis: int, displacement: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Curvature and force at each voxel, from how well the DWI explains the T2."""
    dwi = displaced(moving, axis, displacement)
    fit = explained.by(dwi)
    jacobian = np.maximum(1.0 + _slope(displacement, axis), STEEPEST)
    slope = _slope(dwi, axis) / jacobian
    return fit.curvature * slope**2, fit.pull * slope


def _slope(array: np.ndarray, axis: int) -> np.ndarray:
    return np.gradient(array, axis=axis) if array.shape[axis] > 1 else np.zeros_like(array)


class Normal:
    """The normal equations of one linearization."""

    def __init__(self, space: SmoothField, curvature: np.ndarray, stiffness: float) -> None:
        self._space, self._curvature, self._stiffness = space, curvature, np.float32(stiffness)

    def applied(self, change: np.ndarray) -> np.ndarray:
        """What a change of the coefficients takes from the pull."""
        data = self._space.gathered(self._curvature * self._space.values(change))
        return data + np.float32(SMALL) * change + self._stiffness * self._space.roughness(change)

    def pull(self, force: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """What pulls at each coefficient: the force at the voxels less that of the bent field."""
        bent = np.float32(SMALL) * coefficients + self._stiffness * self._space.roughness(coefficients)
        return self._space.gathered(force) - bent

    def solved(self, pull: np.ndarray) -> np.ndarray:
        """The change that would take all of the pull, by conjugate gradients, diagonally preconditioned."""
        # A cubic B-spline's overlap with its neighbors is about that share of its own sum.
        diagonal = 0.3 * self._space.gathered(self._curvature)
        diagonal += np.float32(SMALL) + self._stiffness * np.float32(self._space.roughness_diagonal)
        solution, residual = np.zeros_like(pull), pull
        direction = residual / diagonal
        energy = first = float(np.vdot(residual, direction))
        for _ in range(SOLVER_STEPS):
            if energy <= 1e-4 * first:
                break
            towards = self.applied(direction)
            length = np.float32(energy / float(np.vdot(direction, towards)))
            solution += length * direction
            residual = residual - length * towards
            preconditioned = residual / diagonal
            before, energy = energy, float(np.vdot(residual, preconditioned))
            direction = preconditioned + np.float32(energy / before) * direction
        return solution
