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
    left, solved = matrices.copy(), right.copy()
    size = left.shape[-1]
    for k in range(size):  # no pivoting: the matrices are positive definite
        factor = left[:, k + 1 :, k] / left[:, k, k, None]
        left[:, k + 1 :, k + 1 :] -= factor[..., None] * left[:, k, None, k + 1 :]
        solved[:, k + 1 :] -= factor[..., None] * solved[:, k, None]
    for k in reversed(range(size)):
        solved[:, k] -= np.einsum("bj,bjm->bm", left[:, k, k + 1 :], solved[:, k + 1 :])
        solved[:, k] /= left[:, k, k, None]
    return solved


def solve_one(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve one symmetric, positive definite system (n, n) for a vector (n,).

    By NumPy's Cholesky factors, which wake no threads in Slicer, and substitution.
    """
    lower = np.linalg.cholesky(matrix)
    upper, inverse, solved = lower.T.copy(), (1 / lower.diagonal()).tolist(), right.copy()
    for k in range(len(solved)):
        solved[k] = (solved[k] - lower[k, :k].dot(solved[:k])) * inverse[k]
    for k in reversed(range(len(solved))):
        solved[k] = (solved[k] - upper[k, k + 1 :].dot(solved[k + 1 :])) * inverse[k]
    return solved
