"""How well one image predicts the other in each small neighborhood, whatever the contrast there.

Inside a Gaussian window the one image is fitted as slope * other + offset; what remains is the mismatch.
Neither contrast nor coil shading matters, and all voxels of a window vote together, so that even a movement
through thick slices is found, where the self-similarity descriptors, which look at single voxels, mislead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .separable import smoothed

WINDOW_VOXELS = (0.7, 2.0, 2.0)
CONTRAST_SHARE = 0.3  # of the median variance: what varies less counts less
TINY_SHARE = 0.05
SPARSE = 5  # one voxel of so many is asked for what is usual


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


class Explained:
    """An image that is to be explained by others, and where.

    Args:
        wanted: The image that is explained, [k, j, i]; it sets the weights, so it is the one that stays.
        inside: Boolean, the voxels that count.
    """

    def __init__(self, wanted: np.ndarray, inside: np.ndarray) -> None:
        self._wanted, self._inside, self._share = wanted, inside, inside.astype(np.float32)
        known = self._share * wanted
        count, mean, square = _windows(self._share, known, known * wanted)
        self._count = count + np.float32(1e-6)
        self._mean = mean / self._count
        self._variance = np.maximum(square / self._count - self._mean**2, 0.0)
        self._weight = self._share / (self._variance + CONTRAST_SHARE * self._usual(self._variance))

    def by(self, given: np.ndarray) -> LocalFit:
        """How well `given`, the image that is moved, explains the other around every voxel."""
        if not self._inside.any():
            return LocalFit(np.zeros_like(self._share), np.zeros_like(self._share), 1.0)
        slope, offset, left = self._fitted(given)
        per_voxel = self._weight / self._count
        # A voxel lies in many windows; each wants its own value there.
        first, second, third = _windows(per_voxel * slope, per_voxel * slope**2, per_voxel * slope * offset)
        pull = self._share * (first * self._wanted - second * given - third)
        mismatch = float((self._weight * left).sum() / self._share.sum())
        return LocalFit(pull, self._share * second, mismatch)

    def left_by(self, given: np.ndarray) -> float:
        """The part of the summed local variance that `given` does not explain: strong contrasts decide."""
        if not self._inside.any():
            return 1.0
        _, _, left = self._fitted(given)
        return float((self._share * left).sum() / ((self._share * self._variance).sum() + 1e-12))

    def _fitted(self, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slope and offset around every voxel, and the variance that they leave."""
        known = self._share * given
        sums = _windows(known, known * given, known * self._wanted)
        mean, square, product = (total / self._count for total in sums)
        variance = np.maximum(square - mean**2, 0.0)
        covariance = product - self._mean * mean
        slope = covariance / (variance + TINY_SHARE * self._usual(variance))
        left = self._variance - 2.0 * slope * covariance + slope**2 * variance
        return slope, self._mean - slope * mean, left

    def _usual(self, values: np.ndarray) -> float:
        return float(np.median(values[self._inside][::SPARSE])) + 1e-12 if self._inside.any() else 1.0


def _windows(*arrays: np.ndarray) -> np.ndarray:
    """Window sums of several arrays."""
    return smoothed(np.stack(arrays), WINDOW_VOXELS)
