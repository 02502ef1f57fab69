"""Where points go: from the patient to the model anatomy, and from the T2 to the distorted DWI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .curves import rotation_from_degrees

REACH_MM = 290.0


class Lattice:
    """A smooth function of space, given on a cubic lattice around the origin.

    Args:
        values: (c, n, n, n), indexed [component, x, y, z].
        step_mm: Lattice distance; point (0, 0, 0) is the middle of the lattice.
        order: 3: the values are cubic B-spline coefficients; 1: linear between the values.
    """

    def __init__(self, values: np.ndarray, step_mm: float, order: int) -> None:
        self.values, self.step_mm, self.order = values, step_mm, order

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values (n, c) at points (n, 3) in mm; constant beyond the lattice."""
        from scipy.ndimage import map_coordinates

        middle = (np.array(self.values.shape[1:]) - 1) / 2.0
        at = points.T / self.step_mm + middle[:, None]
        return np.stack(
            [map_coordinates(v, at, order=self.order, prefilter=False, mode="nearest") for v in self.values],
            axis=-1,
        )


class BodyWarp:
    """The way from a patient to the model anatomy: size, posture and the shape of this one person.

    Args:
        rng: Source of randomness.
        amount_mm: Standard deviation of the coarse warp.
    """

    def __init__(self, rng: np.random.Generator, amount_mm: float) -> None:
        self._layers = []
        for step_mm, sd_mm in ((48.0, amount_mm), (18.0, 0.22 * amount_mm)):
            count = int(2 * REACH_MM / step_mm) + 4
            # 0.48**1.5: standard deviation of cubic B-splines over white noise.
            values = rng.normal(0.0, sd_mm / 0.33, (3, count, count, count))
            self._layers.append(Lattice(values, step_mm, 3))
        turn = rotation_from_degrees(*rng.normal(0.0, [4.0, 2.0, 2.0]))
        self._matrix = turn * rng.uniform(0.92, 1.08) * rng.uniform(0.96, 1.04, 3)
        self._inverse = np.linalg.inv(self._matrix)

    def to_anatomy(self, points: np.ndarray) -> np.ndarray:
        """Patient LPS mm (n, 3) to anatomy mm."""
        return points @ self._matrix.T + sum(layer(points) for layer in self._layers)

    def to_patient(self, points: np.ndarray) -> np.ndarray:
        """Anatomy mm (n, 3) to patient LPS mm, to about 0.01 mm."""
        guess = points @ self._inverse.T
        for _ in range(25):
            guess = guess + (points - self.to_anatomy(guess)) @ self._inverse.T
        return guess


class EpiWarp:
    """The way from the T2 to the DWI: the patient moved, then the echo-planar readout distorts.

    A point p of the T2 moves to y = turn @ p + shift between the scans, and is then displaced along the
    phase encoding by the off-resonance there: it is found in the DWI at q = y + e(y) * phase_encoding.

    Args:
        rng: Source of randomness.
        phase_encoding_lps: Unit vector.
        smooth_mm: Root mean square of the smooth part of e.
        smooth_scale_mm: Its correlation length.
        gas: Bubbles as (x, y, z, radius) in patient mm.
        gas_strength_mm: Displacement at the surface of a bubble.
        motion_mm: Standard deviation of the shift between the scans along each axis.
    """

    STEP_MM = 6.0
    REACH_MM = 240.0
    STEEPEST = 0.6

    def __init__(
        self,
        rng: np.random.Generator,
        phase_encoding_lps: np.ndarray,
        smooth_mm: float,
        smooth_scale_mm: float,
        gas: Sequence[np.ndarray],
        gas_strength_mm: float,
        motion_mm: float,
    ) -> None:
        self.phase_encoding_lps = np.asarray(phase_encoding_lps, dtype=float)
        self._turn = rotation_from_degrees(*rng.normal(0.0, 0.4, 3))
        self._shift = rng.normal(0.0, motion_mm, 3)
        field = self._smooth_field(rng, smooth_mm, smooth_scale_mm)
        axis = (np.arange(len(field)) - (len(field) - 1) / 2.0) * self.STEP_MM
        for x, y, z, radius in gas:
            dx, dy, dz = axis[:, None, None] - x, axis[None, :, None] - y, axis[None, None, :] - z
            squared = np.maximum(dx * dx + dy * dy + dz * dz, radius**2)
            # The field of a sphere in the main field along z (a dipole), bounded inside.
            dipole = 3 * dz * dz / squared
            dipole -= 1.0
            dipole *= gas_strength_mm * radius**3
            dipole /= squared
            dipole /= np.sqrt(squared, out=squared)
            field += dipole
        self._lattice = Lattice(self._without_folds(field)[None], self.STEP_MM, 1)

    def _smooth_field(self, rng: np.random.Generator, rms_mm: float, scale_mm: float) -> np.ndarray:
        from .fields import smooth_noise

        count = int(2 * self.REACH_MM / self.STEP_MM) + 1
        spacing = (self.STEP_MM,) * 3
        mix = smooth_noise(rng, (count,) * 3, spacing, scale_mm) + 0.25 * smooth_noise(
            rng, (count,) * 3, spacing, 0.4 * scale_mm
        )
        return mix * (rms_mm / 1.03)

    def _without_folds(self, field: np.ndarray) -> np.ndarray:
        """The field, smoothed, and scaled down where it would fold the image over itself."""
        from scipy.ndimage import gaussian_filter

        field = gaussian_filter(field, 1.0)
        slope = sum(d * p for d, p in zip(np.gradient(field, self.STEP_MM), self.phase_encoding_lps))
        steepest = float(np.abs(slope).max())
        if steepest > self.STEEPEST:
            # Compress the largest values, which are those near gas.
            limit = np.percentile(np.abs(field), 99.0) * 1.5
            field = limit * np.tanh(field / limit)
            slope = sum(d * p for d, p in zip(np.gradient(field, self.STEP_MM), self.phase_encoding_lps))
            field = field * min(1.0, self.STEEPEST / float(np.abs(slope).max()))
        return np.asarray(field)

    def to_dwi(self, points: np.ndarray) -> np.ndarray:
        """Where in the DWI a point of the T2 is found; LPS mm (n, 3)."""
        moved = points @ self._turn.T + self._shift
        return moved + self._lattice(moved) * self.phase_encoding_lps

    def to_t2(self, points: np.ndarray) -> np.ndarray:
        """What point of the T2 a point of the DWI shows; LPS mm (n, 3), to about 0.01 mm."""
        still = points
        for _ in range(10):
            still = points - self._lattice(still) * self.phase_encoding_lps
        return (still - self._shift) @ self._turn
