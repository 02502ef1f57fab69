"""Many small systems of linear equations at once."""

from __future__ import annotations

import numpy as np

FEW = 128
"""Up to so many systems are solved here: those of the few nodes that the panel measures in one go."""


def solve(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve symmetric, positive definite systems.

    Few of them not by NumPy: in version 1.26, which Slicer 5.8 brings, its library wakes a thread of each
    processor for each of the systems, and Slicer's window stood still for a third of a second.

    Args:
        matrices: (batch, n, n).
        right: (batch, n, columns).

    Returns:
        (batch, n, columns).
    """
    if len(matrices) > FEW:
        return np.asarray(np.linalg.solve(matrices, right))
    # Along the batch last, so that each step runs over memory in order.
    left, solved = matrices.transpose(1, 2, 0).copy(), right.transpose(1, 2, 0).copy()
    size = len(left)
    for k in range(size):  # no pivoting: the matrices are positive definite
        factor = left[k + 1 :, k] / left[k, k]
        left[k + 1 :, k + 1 :] -= factor[:, None] * left[k, k + 1 :]
        solved[k + 1 :] -= factor[:, None] * solved[k]
    for k in reversed(range(size)):
        solved[k] /= left[k, k]
        solved[:k] -= left[:k, k, None] * solved[k]
    return solved.transpose(2, 0, 1)


def solve_one(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve one symmetric, positive definite system (n, n) for a vector (n,).

    By LAPACK as SciPy brings it, which wakes no threads for systems this small, in Slicer either.
    """
    from scipy.linalg.lapack import dposv

    _, solved, failed = dposv(matrix, right)
    if failed:
        raise np.linalg.LinAlgError("The matrix is not positive definite.")
    return np.asarray(solved)
