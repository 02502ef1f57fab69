"""The EPI distortion: a smooth displacement along one array axis, by Gauss-Newton steps.

Two measures drive it: the mismatch of self-similarity descriptors, sharp and robust, and how well the DWI
explains the T2 around each voxel, which is steadier over a region. Arrays are [k, j, i], descriptors
[k, j, i, channel]; displacements are in voxels along the given array axis (0, 1, 2 for k, j, i).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from .correlation import Explained
from .pace import pace
from .spline import SmoothField

OUTLIER = 0.05  # squared descriptor mismatch beyond which a voxel counts less
FIT_SHARE = 0.05  # of the local fit beside the descriptors: as large as it helps, on phantoms
FIRST, FASTEST = 1.9, 2.5  # Gauss-Newton steps to take at once
SMALL = 1e-3  # pull towards no displacement where nothing is seen
STEEPEST = 0.3  # smallest Jacobian by which a slope is scaled
SOLVER_STEPS = 40


@dataclass(frozen=True)
class Pair:
    """T2 and DWI on one grid.

    Attributes:
        t2, dwi: The images.
        t2_features, dwi_features: Their descriptors.
        both: Boolean, where both show the patient.
    """

    t2: np.ndarray
    dwi: np.ndarray
    t2_features: np.ndarray
    dwi_features: np.ndarray
    both: np.ndarray


def refine(
    pair: Pair,
    axis: int,
    space: SmoothField,
    start: np.ndarray,
    stiffness: float,
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """Better coefficients of the displacement by which the DWI is read.

    Args:
        pair: The images.
        axis: Array axis of the displacement.
        space: What the coefficients mean.
        start: Coefficients to begin with.
        stiffness: Weight of the field's roughness, in mm^4.
        steps: Number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    coefficients, described, explained = start, Described(pair, axis), Explained(pair.t2, pair.both)
    change = last_pull = np.zeros_like(start)
    for step in range(steps):
        displacement = space.values(coefficients)
        curvature, force = described.by(displacement)
        more_curvature, more_force = _by_local_fit(pair.dwi, explained, axis, displacement)
        curvature += FIT_SHARE * more_curvature
        force += FIT_SHARE * more_force
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
    """An image read at x + u, linearly; the ends are held."""
    everywhere = np.arange(displacement.size)
    value, _ = _read(moving.reshape(-1, 1), displacement.shape, axis, everywhere, displacement.ravel())
    return value.reshape(moving.shape)


class Described:
    """The mismatch of descriptors on every second voxel of a slice, as the black ones of a chessboard."""

    def __init__(self, pair: Pair, axis: int) -> None:
        self._axis, self._shape = axis, pair.both.shape
        j, i = (np.arange(n) for n in self._shape[1:])
        self._active = np.flatnonzero(pair.both & ((j[:, None] + i) % 2 == 0))
        table, fixed = (one.reshape(-1, one.shape[-1]) for one in (pair.dwi_features, pair.t2_features))
        self._table, self._wanted = table, fixed.take(self._active, axis=0)

    def by(self, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Curvature and force at each voxel, [k, j, i]; those that are not looked at have none."""
        here = displacement.ravel().take(self._active)
        value, slope = _read(self._table, self._shape, self._axis, self._active, here)
        residual, channels = np.subtract(self._wanted, value, out=value), value.shape[1]
        usual = 1.0 + np.einsum("nc,nc->n", residual, residual) / (channels * OUTLIER)
        share = 2.0 / (channels * usual)  # one stands for two
        curvature, force = np.zeros(displacement.size, np.float32), np.zeros(displacement.size, np.float32)
        curvature[self._active] = np.einsum("nc,nc->n", slope, slope) * share
        force[self._active] = np.einsum("nc,nc->n", slope, residual) * share
        return curvature.reshape(self._shape), force.reshape(self._shape)


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


def _read(
    table: np.ndarray, shape: tuple[int, ...], axis: int, where: np.ndarray, displacement: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table, one a voxel, at the places displaced along the axis, and the slope there."""
    stride, size = int(np.prod(shape[axis + 1 :])), shape[axis]
    index = (where // stride) % size
    position = np.clip(index + displacement, 0.0, size - 1.0)
    lower = np.minimum(position.astype(np.intp), max(size - 2, 0))
    row = where + (lower - index) * stride
    low = table.take(row, axis=0)
    slope = table.take(row + (stride if size > 1 else 0), axis=0)
    slope -= low
    return low + (position - lower).astype(np.float32)[:, None] * slope, slope


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
