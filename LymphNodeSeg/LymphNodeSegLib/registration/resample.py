"""Every image of the study on the T2 grid, by one interpolation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Geometry, Image
from .space import sitk_grid

if TYPE_CHECKING:
    import SimpleITK


class Resampler:
    """Samples images at the places where a transform maps the points of a grid; the places are computed once.

    Args:
        transform: From LPS points of the grid's space to LPS points of the images.
        grid: The grid of the results.
    """

    def __init__(self, transform: SimpleITK.Transform, grid: Geometry) -> None:
        import SimpleITK as sitk

        self._grid = grid
        self._reference = sitk_grid(grid)
        if transform.IsLinear():
            self._transform = transform
        else:
            field = sitk.TransformToDisplacementField(
                transform,
                sitk.sitkVectorFloat64,
                grid.size_ijk,
                grid.origin_lps_mm,
                grid.spacing_mm,
                grid.direction_lps,
            )
            self._transform = sitk.DisplacementFieldTransform(field)

    def signal(self, image: Image) -> Image:
        """A signal intensity: cubic B-spline, kept within the values that the image has; 0 outside it."""
        import SimpleITK as sitk

        source = sitk.Cast(image.to_sitk(), sitk.sitkFloat32)
        cubic = min(source.GetSize()) >= 4
        values = sitk.Resample(
            source, self._reference, self._transform, sitk.sitkBSpline if cubic else sitk.sitkLinear, 0.0
        )
        array = sitk.GetArrayFromImage(values)
        low, high = min(float(image.array.min()), 0.0), float(image.array.max())
        return Image(np.clip(array, low, high), self._grid, image.acquisition)

    def quantity(self, image: Image) -> Image:
        """A measured quantity such as ADC: linear, since overshoot would invent values; 0 outside it."""
        import SimpleITK as sitk

        source = sitk.Cast(image.to_sitk(), sitk.sitkFloat32)
        values = sitk.Resample(source, self._reference, self._transform, sitk.sitkLinear, 0.0)
        return Image(sitk.GetArrayFromImage(values), self._grid, image.acquisition)

    def known(self, image: Image) -> np.ndarray:
        """True where a point of the grid falls into the image's field of view, boolean [k, j, i]."""
        import SimpleITK as sitk

        ones = sitk.Image(image.geometry.size_ijk, sitk.sitkUInt8) + 1
        ones.CopyInformation(image.to_sitk())
        here = sitk.Resample(ones, self._reference, self._transform, sitk.sitkNearestNeighbor, 0)
        return sitk.GetArrayFromImage(here).astype(bool)

    def optional_quantity(self, image: Optional[Image]) -> Optional[Image]:
        """`quantity` of an image that may not exist."""
        return None if image is None else self.quantity(image)
