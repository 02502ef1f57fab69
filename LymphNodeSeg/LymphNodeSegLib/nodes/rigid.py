"""Two T2-weighted images of one patient, from different days, brought together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..images.image import Image
from ..progress import Progress

if TYPE_CHECKING:
    import SimpleITK

_SPACING_MM = (6.0, 3.0, 1.5)
_STARTS_MM = (0.0, -30.0, 30.0)  # along S: two scans of one patient often begin at different heights
_STEPS = 100
_SAMPLES = 20000
_SEED = 1  # of the jitter of the samples; without one, the clock decides


@dataclass(frozen=True)
class Alignment:
    """A rigid movement between two studies.

    Attributes:
        transform: Maps LPS points of the current study to LPS points of the prior one.
        correlation_before, correlation_after: Of the two images where they overlap, -1 to 1.
    """

    transform: SimpleITK.Transform
    correlation_before: float
    correlation_after: float


def align(prior: Image, current: Image, progress: Progress) -> Alignment:
    """The rigid movement that brings a prior T2 onto the current one.

    Mutual information (Mattes 2003), coarse to fine, from several starts along the body axis. If the images
    do not agree better than before, nothing is moved. The same images give the same movement, but for
    the last digits, which depend on the order in which threads end.

    Raises:
        InputError: the images have nothing in common to compare.
    """
    import SimpleITK as sitk

    fixed = [_coarse(current, spacing) for spacing in _SPACING_MM]
    moving = [_coarse(prior, spacing) for spacing in _SPACING_MM]
    identity = sitk.Euler3DTransform()
    before = _correlation(fixed[1], moving[1], identity)
    best, best_value = identity, before
    centered = sitk.CenteredTransformInitializer(
        fixed[0], moving[0], sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    starts = [np.zeros(3), *(np.add(centered.GetTranslation(), (0, 0, s)) for s in _STARTS_MM)]
    for number, start in enumerate(starts):
        progress.fraction(0.6 * number / len(starts))
        found = _refined(fixed[0], moving[0], _starting(fixed[0], start))
        value = _correlation(fixed[1], moving[1], found)
        if value > best_value:
            best, best_value = found, value
    for level in (1, 2):
        progress.fraction(0.6 + 0.2 * level / 2)
        found = _refined(fixed[level], moving[level], sitk.Euler3DTransform(best))
        value = _correlation(fixed[1], moving[1], found)
        if value > best_value:
            best, best_value = found, value
    if not np.isfinite(best_value) or best_value < -1.5:
        raise InputError("The two studies show nothing in common: compare two studies of the same region.")
    progress.fraction(0.9)
    return Alignment(best, before, best_value)


def _coarse(image: Image, spacing_mm: float) -> SimpleITK.Image:
    """The image smoothed and resampled to about cubic voxels."""
    import SimpleITK as sitk

    volume = sitk.Cast(
        image.with_array(np.nan_to_num(image.array.astype(np.float32))).to_sitk(), sitk.sitkFloat32
    )
    old = np.array(volume.GetSpacing())
    new = np.maximum(old, spacing_mm)
    sigma = np.where(new > old, 0.5 * np.sqrt(np.maximum(new**2 - old**2, 0.0)), 0.0)
    for axis, width in enumerate(sigma.tolist()):
        if width > 0 and volume.GetSize()[axis] >= 4:
            volume = sitk.RecursiveGaussian(
                volume, width, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis
            )
    size = np.maximum(1, np.round(np.array(volume.GetSize()) * old / new)).astype(int)
    return sitk.Resample(
        volume, size.tolist(), sitk.Transform(), sitk.sitkLinear, volume.GetOrigin(), new.tolist(),
        volume.GetDirection(), 0.0,
    )  # fmt: skip


def _starting(fixed: SimpleITK.Image, shift_mm: np.ndarray) -> SimpleITK.Euler3DTransform:
    import SimpleITK as sitk

    transform = sitk.Euler3DTransform()
    middle = [(size - 1) / 2 for size in fixed.GetSize()]
    transform.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint(middle))
    transform.SetTranslation(shift_mm.tolist())
    return transform


def _refined(
    fixed: SimpleITK.Image, moving: SimpleITK.Image, start: SimpleITK.Euler3DTransform
) -> SimpleITK.Euler3DTransform:
    """The rigid transform nearest to the start that makes the images most alike."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    share = min(1.0, _SAMPLES / max(1, fixed.GetNumberOfPixels()))
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(share, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, _STEPS, 0.5)
    method.SetOptimizerScalesFromPhysicalShift()
    found = sitk.Euler3DTransform(start)
    method.SetInitialTransform(found, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # the images do not overlap from this start
        return start
    return found


def _correlation(fixed: SimpleITK.Image, moving: SimpleITK.Image, transform: SimpleITK.Transform) -> float:
    """Correlation of two images where both are known; -2 where less than a fifth overlaps."""
    import SimpleITK as sitk

    outside = -1e9
    moved = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, outside))
    values = sitk.GetArrayFromImage(fixed)
    both = moved > outside / 2
    if both.mean() < 0.2 or both.sum() < 100:
        return -2.0
    a, b = values[both], moved[both]
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 0 else -2.0
