"""Every image of the study on the T2 grid, by one interpolation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry, Image
from .space import LEAST_FILTER_SIZE, floating, sitk_grid

if TYPE_CHECKING:
    import SimpleITK

FIELD_MM = 3.0
FINER = 3


def displacement_on(transform: SimpleITK.Transform, grid: Geometry) -> SimpleITK.Image:
    """The transform's displacement in LPS mm at the points of a grid, as a vector image."""
    import SimpleITK as sitk

    return sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        grid.size_ijk,
        grid.origin_lps_mm,
        grid.spacing_mm,
        grid.direction_lps,
    )


def field_transform(field: SimpleITK.Image) -> SimpleITK.Transform:
    """A displacement field as a transform; the field stays whole (SimpleITK would take it over)."""
    import SimpleITK as sitk

    return sitk.DisplacementFieldTransform(sitk.Image(field))


def thinned(grid: Geometry, apart_mm: float) -> Geometry:
    """A grid over the same place whose points lie as far apart as wanted, or as they did."""
    steps = [max(1, int(apart_mm / mm)) for mm in grid.spacing_mm]
    sizes = [-(-(count - 1) // step) + 1 for count, step in zip(grid.size_ijk, steps)]
    spacing = [mm * step for mm, step in zip(grid.spacing_mm, steps)]
    return replace(grid, size_ijk=tuple(sizes), spacing_mm=tuple(spacing))  # type: ignore[arg-type]


class Resampler:
    """Samples images where a transform maps the points of a grid; those places are computed once.

    The transform is smooth: between points `FIELD_MM` apart a line is within hundredths of a millimeter.

    Args:
        transform: From LPS points of the grid's space to LPS points of the images.
        grid: The grid of the results.
    """

    def __init__(self, transform: SimpleITK.Transform, grid: Geometry) -> None:
        self._grid, self._reference = grid, sitk_grid(grid)
        if not transform.IsLinear():
            transform = field_transform(displacement_on(transform, thinned(grid, FIELD_MM)))
        self._transform = transform

    def signal(self, image: Image) -> Image:
        """A signal intensity: cubic spline, kept within the values that the image has; 0 outside it."""
        array = self._linear(finer(image))
        low, high = min(float(image.array.min()), 0.0), float(image.array.max())
        return Image(np.clip(array, low, high, out=array), self._grid, image.acquisition)

    def quantity(self, image: Image) -> Image:
        """A measured quantity such as ADC: linear, since overshoot would invent values; 0 outside it."""
        return Image(self._linear(floating(image)), self._grid, image.acquisition)

    def known(self, image: Image) -> np.ndarray:
        """True where a point of the grid falls into the image's field of view, boolean [k, j, i]."""
        import SimpleITK as sitk

        ones = sitk_grid(image.geometry) + 1
        return self._sampled(ones, sitk.sitkNearestNeighbor).astype(bool)

    def _linear(self, image: SimpleITK.Image) -> np.ndarray:
        import SimpleITK as sitk

        return self._sampled(image, sitk.sitkLinear)

    def _sampled(self, image: SimpleITK.Image, interpolator: int) -> np.ndarray:
        import SimpleITK as sitk

        return sitk.GetArrayFromImage(
            sitk.Resample(image, self._reference, self._transform, interpolator, 0.0)
        )


def finer(image: Image) -> SimpleITK.Image:
    """The image on a grid of `FINER` times the points along each axis, by cubic splines, over the same place.

    On a regular grid a spline is three small matrix products; where the T2's voxels lie in between, a line
    between such near points is as good, and takes a fraction of the time of a spline at every one of them.
    """
    import SimpleITK as sitk

    grid, array = image.geometry, image.array.astype(np.float32)
    for axis in range(3):
        matrix = _spline_matrix(array.shape[axis])
        array = np.moveaxis(np.tensordot(matrix, array, axes=(1, axis)), 0, axis)
    fine = sitk.GetImageFromArray(np.ascontiguousarray(array))
    fine.SetSpacing([mm / FINER for mm in grid.spacing_mm])
    fine.SetDirection(grid.direction_lps)
    fine.SetOrigin([float(mm) for mm in grid.lps_from_ijk(np.full(3, 0.5 / FINER - 0.5))])
    return fine


def _spline_matrix(count: int) -> np.ndarray:
    """What cubic interpolation makes of `count` values at `FINER` points a voxel; the ends are held."""
    from scipy.interpolate import CubicSpline

    at = np.clip((np.arange(count * FINER) + 0.5) / FINER - 0.5, 0.0, count - 1.0)
    if count < LEAST_FILTER_SIZE:
        return np.maximum(1.0 - np.abs(at[:, None] - np.arange(count)), 0.0).astype(np.float32)
    return np.asarray(CubicSpline(np.arange(count), np.eye(count), bc_type="clamped")(at), dtype=np.float32)
