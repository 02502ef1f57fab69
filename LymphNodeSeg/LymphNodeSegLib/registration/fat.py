"""Takes what fat suppression has left of the fat out of a DWI of one b-value.

By its chemical shift that fat lies some millimeters to centimeters off along the phase encoding, and would
draw the DWI with it onto the fat of the T2. The T2 tells where the fat is: in voxels of fat alone, the DWI
shows noise and what has come from elsewhere. Of all shifts the true one explains most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..images.image import Image
from .align import BRIGHTEST_PERCENTILE, MIDDLE_MM, vertex
from .distortion import displaced
from .separable import smoothed
from .space import Level, binned, bright_of, level, sitk_grid

NEAREST_MM, FARTHEST_MM = 6.0, 33.0
PROMINENT = 2.0  # times as much as the usual shift explains
FINEST_MM = 2.0
DARK_PERCENTILE = 30.0
GRAYS = 64  # of the histogram in which fat is the peak among what is bright
PURE = 0.85  # share of fat from which a voxel holds nothing else
FREE = 0.25  # share of displaced fat below which it shows the floor
LEAST_VOXELS = 200
WINDOW_VOXELS = (0.7, 3.0, 3.0)
ACROSS_MM, FAT_MM, FLOOR_MM = 8.0, 20.0, 30.0  # how smoothly what is left varies, across slices and within
ROUNDS = 4
NOISE_SHARE = 0.5  # of the noise is taken away as well: what is left is what stands out


@dataclass(frozen=True)
class Water:
    """A DWI without the fat that was left on it.

    Attributes:
        image: The DWI, about 1 where its tissue is bright, 0 where nothing stands out.
        axis: The axis of the image, 0 or 1, along which the fat is displaced: that of the phase encoding.
        shift_mm: How far, along that axis.
    """

    image: Image
    axis: int
    shift_mm: float


@dataclass(frozen=True)
class InFat:
    """A DWI on a working grid, and where the T2 shows fat. Arrays are [k, j, i].

    Attributes:
        spacing_mm: Of the grid, along i, j, k; the first two are the same.
        dwi: The DWI.
        fat: Share of fat by the T2, 0 to 1.
        pure: 1 in voxels that the DWI shows and that hold nothing but fat.
    """

    spacing_mm: tuple[float, float, float]
    dwi: np.ndarray
    fat: np.ndarray
    pure: np.ndarray

    def moved(self, axis: int, shift_mm: float) -> np.ndarray:
        """The share of fat displaced along axis 0 or 1 of the grid."""
        return displaced(self.fat, 2 - axis, np.array(-shift_mm / self.spacing_mm[axis], np.float32))


def without_fat(t2: Image, dwi: Image, axes: Sequence[int]) -> Optional[Water]:
    """A DWI without displaced fat; None where there is none that stands out.

    Args:
        t2: The T2.
        dwi: One b-value, about where it belongs.
        axes: The axes of the DWI (0 for i, 1 for j) along which EPI may have displaced.
    """
    coarse = _in_fat(level(t2, dwi, np.eye(4), MIDDLE_MM))
    if coarse.pure.sum() < LEAST_VOXELS:
        return None
    found = [(*best_shift(coarse, axis), axis) for axis in axes]
    explained, usual, shift_mm, axis = max(found)
    if explained < PROMINENT * usual or not explained:
        return None
    fine = level(t2, dwi, np.eye(4), max(FINEST_MM, dwi.geometry.spacing_mm[axis]))
    return Water(_less(dwi, fine, not_water(_in_fat(fine), axis, shift_mm)), axis, shift_mm)


def best_shift(seen: InFat, axis: int) -> tuple[float, float, float]:
    """How much the best shift explains, how much the usual one, and the best one in mm.

    Args:
        seen: Where there is fat.
        axis: 0 or 1 for i or j.
    """
    weight, spacing_mm = seen.pure, seen.spacing_mm[axis]
    count, total = smoothed(np.stack([weight, weight * seen.dwi]), WINDOW_VOXELS)
    count = count + np.float32(1e-4)
    mean = total / count

    def explained(voxels: int) -> float:
        """The variance in small windows of pure fat that fat displaced so far explains, summed."""
        fat = seen.moved(axis, voxels * spacing_mm)
        sums = smoothed(np.stack([weight * fat, weight * fat**2, weight * fat * seen.dwi]), WINDOW_VOXELS)
        first, square, product = sums / count
        variance, covariance = square - first**2, product - first * mean
        slope = np.maximum(covariance / (variance + 0.01), 0.0)  # fat only adds
        return float((weight * (2.0 * slope * covariance - slope**2 * variance)).sum())

    nearest, farthest = (int(mm / spacing_mm) for mm in (NEAREST_MM, FARTHEST_MM))
    shifts = [n for n in range(-farthest - 1, farthest + 2) if abs(n) >= nearest - 1]
    scores = {n: explained(n) for n in shifts}
    # What is best at the end of the range would be better beyond it.
    inner = [n for n in shifts if nearest <= abs(n) <= farthest]
    peaks = [n for n in inner if scores[n] > max(scores[n - 1], scores[n + 1])]
    if not peaks:
        return 0.0, 0.0, 0.0
    best = max(peaks, key=scores.__getitem__)
    off = vertex(-scores[best - 1], -scores[best], -scores[best + 1])
    usual = float(np.median([scores[n] for n in inner]))
    return scores[best], usual, (best + off) * spacing_mm


def not_water(seen: InFat, axis: int, shift_mm: float) -> np.ndarray:
    """What the DWI shows that is not water: its floor, and displaced fat, [k, j, i].

    Both vary smoothly and are fitted in pure fat. What is brighter there is a small vessel, a node, or no
    fat, and counts less from round to round.

    Args:
        seen: Where there is fat.
        axis: 0 or 1 for i or j.
        shift_mm: Of the fat along that axis.
    """
    fat, weight = seen.moved(axis, shift_mm), seen.pure
    free = (fat < FREE).astype(np.float32)
    found, noise = np.zeros_like(fat), 0.0
    for _ in range(ROUNDS):
        showing = weight * free
        floor = _smooth_ratio(showing * seen.dwi, showing, FLOOR_MM, seen, _usual_floor(seen, showing))
        left = _smooth_ratio(weight * fat * (seen.dwi - floor), weight * fat**2, FAT_MM, seen, 0.0)
        found = floor + np.maximum(left, 0.0) * fat
        over = seen.dwi - found
        noise = 1.48 * float(np.median(np.abs(over[seen.pure > 0.0]))) + 1e-6
        weight = seen.pure / (1.0 + (np.maximum(over, 0.0) / (2.0 * noise)) ** 2) ** 2
    return np.asarray(found + np.float32(NOISE_SHARE * noise))


def _in_fat(here: Level) -> InFat:
    """Where the T2 shows fat: its gray is the most frequent of the bright half."""
    from scipy.ndimage import grey_erosion, uniform_filter1d

    t2 = here.t2_moved(np.eye(4))
    body = here.body(t2, np.eye(4))
    both = body & here.dwi_here
    nothing = np.zeros_like(t2)
    if both.sum() < LEAST_VOXELS:
        return InFat(here.grid.spacing_mm, here.dwi, nothing, nothing)
    values = t2[body]
    counts, edges = np.histogram(values[values > np.median(values)], GRAYS)
    peak = int(uniform_filter1d(counts.astype(float), 5, mode="constant").argmax())
    dark, gray = float(np.percentile(values, DARK_PERCENTILE)), float(edges[peak : peak + 2].mean())
    fat = np.clip((t2 - dark) / max(gray - dark, 1e-6), 0.0, 1.0) * body
    pure = (grey_erosion(fat, size=(1, 3, 3)) > PURE) & here.dwi_here
    # A bright vessel or bowel that has moved into the fat decides nothing.
    dwi = np.minimum(here.dwi, np.percentile(here.dwi[both], BRIGHTEST_PERCENTILE))
    return InFat(here.grid.spacing_mm, dwi, fat.astype(np.float32), pure.astype(np.float32))


def _smooth_ratio(
    part: np.ndarray, whole: np.ndarray, within_mm: float, seen: InFat, usual: float
) -> np.ndarray:
    """Smooth part by smooth whole; the usual value where there is hardly any."""
    sigmas = (ACROSS_MM / seen.spacing_mm[2], within_mm / seen.spacing_mm[1], within_mm / seen.spacing_mm[0])
    above, below = smoothed(np.stack([part, whole]), sigmas)
    return (above + np.float32(0.02 * usual)) / (below + np.float32(0.02))


def _usual_floor(seen: InFat, showing: np.ndarray) -> float:
    """What a voxel of fat shows that no displaced fat reaches."""
    free = seen.dwi[showing > 0.3]
    if len(free) >= LEAST_VOXELS:
        return float(np.median(free))
    return float(np.percentile(seen.dwi[seen.pure > 0.0], 10.0))


def _less(dwi: Image, here: Level, not_water_there: np.ndarray) -> Image:
    """The DWI less what was found on a grid."""
    import SimpleITK as sitk

    found = sitk.GetImageFromArray(not_water_there)
    found.CopyInformation(sitk_grid(here.grid))
    image = binned(dwi)
    on_image = sitk.Resample(found, sitk_grid(image.geometry), sitk.Transform(), sitk.sitkLinear, 0.0)
    scaled = image.array.astype(np.float32) / np.float32(bright_of(dwi))
    return image.with_array(np.maximum(scaled - sitk.GetArrayFromImage(on_image), 0.0))
