"""What acts along one array axis after another, as small matrices: on such grids faster than filters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

TRUNCATE = 2.5  # standard deviations a Gaussian reaches


def along(axis: int, matrix: np.ndarray, array: np.ndarray) -> np.ndarray:
    """The matrix applied along axis 0, 1 or 2 of [k, j, i]; further axes may stand before these."""
    if axis == 2:
        return array @ matrix.T
    if axis == 1:
        return matrix @ array
    rows = array.reshape(*array.shape[:-2], -1)
    return (matrix @ rows).reshape(*array.shape[:-3], len(matrix), *array.shape[-2:])


def smoothed(array: np.ndarray, sigmas: Sequence[float], mode: str = "reflect") -> np.ndarray:
    """The array [..., k, j, i] under a Gaussian with a standard deviation, in voxels, along each axis.

    Args:
        array: float32.
        sigmas: Along k, j, i; 0 leaves the axis as it is.
        mode: What lies beyond the ends, as SciPy's filters name it.
    """
    for axis in (2, 1, 0):  # contiguous rows first
        if sigmas[axis] > 0.0:
            array = along(axis, _gaussian(array.shape[axis - 3], float(sigmas[axis]), mode), array)
    return array


@lru_cache(maxsize=64)
def _gaussian(count: int, sigma: float, mode: str) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    rows = gaussian_filter1d(np.eye(count), sigma, axis=0, mode=mode, truncate=TRUNCATE)
    return np.asarray(rows, dtype=np.float32)
