"""The EPI distortion: a smooth displacement along one array axis, by Gauss-Newton steps.

Two measures drive it: the mismatch of self-similarity descriptors, sharp and robust, and how well the DWI
explains the T2 around each voxel, which is steadier over a region. Arrays are [k, j, i], descriptors
[k, j, i, channel]; displacements are in voxels along the given array axis (0, 1, 2 for k, j, i).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from .correlation import local_fit
from .spline import SmoothField

OUTLIER = 0.05  # squared descriptor mismatch beyond which a voxel counts less
FIT_SHARE = 0.05  # of the local fit beside the descriptors: as large as it helps, on phantoms
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
    coefficients = start
    for step in range(steps):
        displacement = space.values(coefficients)
        curvature, force = _by_descriptors(pair, axis, displacement)
        more_curvature, more_force = _by_local_fit(pair, axis, displacement)
        curvature += FIT_SHARE * more_curvature
        force += FIT_SHARE * more_force
        coefficients = coefficients + _solved(space, curvature, force, stiffness, coefficients)
        report((step + 1) / steps)
    return coefficients


def displaced(moving: np.ndarray, axis: int, displacement: np.ndarray) -> np.ndarray:
    """An image read at x + u, linearly; the ends are held."""
    everywhere = np.arange(displacement.size)
    value, _ = _read(moving.reshape(-1, 1), displacement.shape, axis, everywhere, displacement.ravel())
    return value.reshape(moving.shape)


def _by_descriptors(pair: Pair, axis: int, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvature and force at each voxel, from the descriptors."""
    shape, active = pair.both.shape, np.flatnonzero(pair.both)
    channels = pair.t2_features.shape[-1]
    table, wanted = (features.reshape(-1, channels) for features in (pair.dwi_features, pair.t2_features))
    value, slope = _read(table, shape, axis, active, displacement.ravel()[active])
    residual = wanted[active] - value
    usual = 1.0 + np.einsum("nc,nc->n", residual, residual) / (channels * OUTLIER)
    curvature, force = np.zeros(pair.both.size, np.float32), np.zeros(pair.both.size, np.float32)
    curvature[active] = np.einsum("nc,nc->n", slope, slope) / (channels * usual)
    force[active] = np.einsum("nc,nc->n", slope, residual) / (channels * usual)
    return curvature.reshape(shape), force.reshape(shape)


def _by_local_fit(pair: Pair, axis: int, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvature and force at each voxel, from how well the DWI explains the T2."""
    dwi = displaced(pair.dwi, axis, displacement)
    fit = local_fit(pair.t2, dwi, pair.both)
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
    low, high = table[row], table[row + (stride if size > 1 else 0)]
    slope = high - low
    return low + (position - lower).astype(np.float32)[:, None] * slope, slope


def _solved(
    space: SmoothField, curvature: np.ndarray, force: np.ndarray, stiffness: float, coefficients: np.ndarray
) -> np.ndarray:
    """Change of the coefficients, by conjugate gradients, diagonally preconditioned."""

    def applied(change: np.ndarray) -> np.ndarray:
        data = space.gathered(curvature * space.values(change))
        return data + np.float32(SMALL) * change + np.float32(stiffness) * space.roughness(change)

    pull = space.gathered(force) - np.float32(SMALL) * coefficients
    residual = pull - np.float32(stiffness) * space.roughness(coefficients)
    # A cubic B-spline's overlap with its neighbors is about that share of its own sum.
    diagonal = 0.3 * space.gathered(curvature) + np.float32(SMALL + stiffness * space.roughness_diagonal)
    solution = np.zeros_like(residual)
    direction = residual / diagonal
    energy = first = float(np.vdot(residual, direction))
    for _ in range(SOLVER_STEPS):
        if energy <= 1e-4 * first:
            break
        towards = applied(direction)
        length = np.float32(energy / float(np.vdot(direction, towards)))
        solution += length * direction
        residual = residual - length * towards
        preconditioned = residual / diagonal
        before, energy = energy, float(np.vdot(residual, preconditioned))
        direction = preconditioned + np.float32(energy / before) * direction
    return solution
