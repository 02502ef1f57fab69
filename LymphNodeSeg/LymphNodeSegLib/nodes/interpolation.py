"""Masks between their slices: shape-based interpolation (Raya and Udupa 1990)."""

from __future__ import annotations

import numpy as np

PAD = 1
"""Rows, columns and slices that `signed_distance` adds on every side."""


def signed_distance(mask: np.ndarray, spacing_kji_mm: tuple[float, ...]) -> np.ndarray:
    """Distance to the outline within each slice, mm, positive inside, with an empty slice before and after.

    Linear interpolation of it between slices is shape-based interpolation. The empty slices are set so that
    the shape ends half a slice beyond its last slice where it is deepest, and earlier towards its rim: a
    rounded cap.

    Args:
        mask: Boolean [k, j, i], its bounding box.
        spacing_kji_mm: Voxel spacing along k, j, i.

    Returns:
        float [k + 2, j + 2, i + 2], mm.
    """
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(mask, ((0, 0), (PAD, PAD), (PAD, PAD)))
    far = 10.0 * sum(n * s for n, s in zip(padded.shape, spacing_kji_mm))
    sampling = (far, *spacing_kji_mm[1:])  # slices so far apart that each has its own distances
    signed = distance_transform_edt(padded, sampling) - distance_transform_edt(~padded, sampling)
    signed = np.maximum(signed, -0.1 * far)  # a slice without a voxel of this node
    return np.stack([signed[0] - 2 * signed[0].max(), *signed, signed[-1] - 2 * signed[-1].max()])


def finer(array: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation: along each axis `factor` samples for one, the old ones among them.

    Args:
        array: Values.
        factors: One for each axis; n samples become (n - 1) factor + 1.
    """
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        old = np.moveaxis(array, axis, 0)
        new = np.empty(((len(old) - 1) * factor + 1, *old.shape[1:]), dtype=array.dtype)
        new[::factor] = old
        for step in range(1, factor):
            share = step / factor
            new[step::factor] = (1 - share) * old[:-1] + share * old[1:]
        array = np.moveaxis(new, 0, axis)
    return array
