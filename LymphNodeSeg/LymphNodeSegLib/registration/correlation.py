"""How well one image predicts the other in each small neighborhood, whatever the contrast there.

Inside a Gaussian window the one image is fitted as slope * other + offset; what remains is the mismatch.
Neither contrast nor coil shading matters, and all voxels of a window vote together, so that even a movement
through thick slices is found, where the self-similarity descriptors, which look at single voxels, mislead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .threads import in_threads

WINDOW_VOXELS = (0.7, 2.0, 2.0)
CONTRAST_SHARE = 0.3  # of the median variance: what varies less counts less
TINY_SHARE = 0.05


@dataclass(frozen=True)
class LocalFit:
    """The fit of `wanted` by `given`, both [k, j, i].

    Attributes:
        pull: Half the derivative of the summed mismatch by `given`, negated: times the slope of `given` along
            a movement it is the force that drives this movement.
        curvature: Its second derivative by `given` (Gauss-Newton).
        mismatch: The part of the wanted image's local variance that is not explained, a mean; 0 to 1.
    """

    pull: np.ndarray
    curvature: np.ndarray
    mismatch: float


def smoothed(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Window sums of several arrays."""
    from scipy.ndimage import gaussian_filter

    return in_threads(lambda array: gaussian_filter(array, WINDOW_VOXELS, truncate=2.5), arrays)


def local_fit(wanted: np.ndarray, given: np.ndarray, inside: np.ndarray) -> LocalFit:
    """How well `given` explains `wanted` around every voxel.

    Args:
        wanted: The image that is explained; it sets the weights, so it is the one that stays.
        given: The image that is moved.
        inside: Boolean, the voxels that count.
    """
    share = inside.astype(np.float32)
    if not inside.any():
        return LocalFit(np.zeros_like(share), np.zeros_like(share), 1.0)
    known = share * given
    count, *sums = smoothed([share, share * wanted, known, share * wanted**2, known * given, known * wanted])
    count += 1e-6
    mean_wanted, mean_given, square_wanted, square_given, product = (total / count for total in sums)
    variance_wanted = np.maximum(square_wanted - mean_wanted**2, 0.0)
    variance_given = np.maximum(square_given - mean_given**2, 0.0)
    covariance = product - mean_wanted * mean_given
    weight = share / (variance_wanted + CONTRAST_SHARE * _usual(variance_wanted[inside]))
    slope = covariance / (variance_given + TINY_SHARE * _usual(variance_given[inside]))
    offset = mean_wanted - slope * mean_given
    left = variance_wanted - 2.0 * slope * covariance + slope**2 * variance_given
    weight_per_voxel = weight / count
    # A voxel lies in many windows; each wants its own value there.
    first, second, third = smoothed(
        [weight_per_voxel * slope, weight_per_voxel * slope**2, weight_per_voxel * slope * offset]
    )
    pull = share * (first * wanted - second * given - third)
    return LocalFit(pull, share * second, float((weight * left).sum() / share.sum()))


def _usual(values: np.ndarray) -> float:
    return float(np.median(values)) + 1e-12
