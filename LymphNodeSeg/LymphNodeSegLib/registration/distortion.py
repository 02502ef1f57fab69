"""The EPI distortion: a smooth displacement along one array axis, by Gauss-Newton steps on the descriptors.

Arrays are [k, j, i], descriptors [k, j, i, channel]; displacements are in voxels along the given array axis
(0, 1, 2 for k, j, i).
"""

from __future__ import annotations

from typing import Callable

import numpy as np

OUTLIER = 0.05  # squared descriptor mismatch beyond which a voxel counts less
SOLVER_STEPS = 12


def refine(
    fixed: np.ndarray,
    moving: np.ndarray,
    weight: np.ndarray,
    axis: int,
    start: np.ndarray,
    stiffness: tuple[float, ...],
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """Gauss-Newton on the sum of w |fixed - moving(x + u)|^2 + stiffness |gradient of u|^2; u, [k, j, i].

    Args:
        fixed: Descriptors of the T2.
        moving: Descriptors of the DWI.
        weight: [k, j, i], how far a voxel counts, 0 to 1.
        axis: Array axis of the displacement.
        start: Displacement to begin with, voxels.
        stiffness: Weight of the squared slope of u along k, j, i.
        steps: Number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    active = np.flatnonzero(weight.ravel() > 0.0)
    table, wanted = moving.reshape(-1, moving.shape[-1]), fixed.reshape(-1, fixed.shape[-1])[active]
    counts = weight.ravel()[active]
    displacement = start.astype(np.float32)
    for step in range(steps):
        value, slope = _read(table, weight.shape, axis, active, displacement.ravel()[active])
        residual = wanted - value
        robust = counts / (1.0 + np.einsum("nc,nc->n", residual, residual) / (value.shape[1] * OUTLIER))
        curvature, force = np.zeros(weight.size, np.float32), np.zeros(weight.size, np.float32)
        curvature[active] = robust * np.einsum("nc,nc->n", slope, slope) / value.shape[1]
        force[active] = robust * np.einsum("nc,nc->n", slope, residual) / value.shape[1]
        pull = force.reshape(weight.shape) + _laplacian(displacement, stiffness)
        displacement = displacement + _solved(curvature.reshape(weight.shape), stiffness, pull)
        report((step + 1) / steps)
    return displacement


def displaced(moving: np.ndarray, axis: int, displacement: np.ndarray) -> np.ndarray:
    """Descriptors read at x + u, linearly; the ends are held."""
    everywhere = np.arange(displacement.size)
    table = moving.reshape(-1, moving.shape[-1])
    value, _ = _read(table, displacement.shape, axis, everywhere, displacement.ravel())
    return value.reshape(moving.shape)


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


def _laplacian(values: np.ndarray, stiffness: tuple[float, ...]) -> np.ndarray:
    """Divergence of the stiffness times the gradient; nothing flows through the ends."""
    result = np.zeros_like(values)
    for axis, factor in enumerate(stiffness):
        flow = np.float32(factor) * np.diff(values, axis=axis)
        before, after = [slice(None)] * 3, [slice(None)] * 3
        before[axis], after[axis] = slice(0, -1), slice(1, None)
        result[tuple(before)] += flow
        result[tuple(after)] -= flow
    return result


def _solved(curvature: np.ndarray, stiffness: tuple[float, ...], force: np.ndarray) -> np.ndarray:
    """Conjugate gradients, diagonally preconditioned, on (curvature - laplacian) x = force."""
    diagonal = curvature + np.float32(2.0 * sum(stiffness) + 1e-6)
    solution, residual = np.zeros_like(force), force.copy()
    direction = residual / diagonal
    energy = first = float(np.vdot(residual, direction))
    for _ in range(SOLVER_STEPS):
        if energy <= 1e-4 * first:
            break
        applied = curvature * direction - _laplacian(direction, stiffness)
        length = np.float32(energy / float(np.vdot(direction, applied)))
        solution += length * direction
        residual -= length * applied
        preconditioned = residual / diagonal
        before, energy = energy, float(np.vdot(residual, preconditioned))
        direction = preconditioned + np.float32(energy / before) * direction
    return solution
