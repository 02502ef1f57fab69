"""Every image of the study on the T2 grid, by one interpolation.

The places where a transform maps the T2's voxels are found once; images of one grid are read there together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry, Image
from .separable import along
from .space import floating, sitk_grid, within
from .threads import in_threads

if TYPE_CHECKING:
    import SimpleITK

FIELD_MM = 8.0  # our distortions have knots three times as far apart
FINER = 3
TINY = 1e-9


def displacement_on(transform: SimpleITK.Transform, grid: Geometry) -> np.ndarray:
    """A smooth transform's displacement in LPS mm at the points of a grid, float32 [3, k, j, i].

    It is asked for at points `FIELD_MM` apart, or as far as the grid's, with cubic splines between these.
    """
    import SimpleITK as sitk

    steps = [max(1, int(FIELD_MM / mm)) for mm in grid.spacing_mm]
    thin = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat32,
        [-(-(count - 1) // step) + 1 for count, step in zip(grid.size_ijk, steps)],
        grid.origin_lps_mm,
        [mm * step for mm, step in zip(grid.spacing_mm, steps)],
        grid.direction_lps,
    )
    parts = np.moveaxis(sitk.GetArrayFromImage(thin), -1, 0)
    at = [np.arange(count) / step for count, step in zip(grid.size_ijk, steps)][::-1]
    return _at(np.ascontiguousarray(parts), at, "not-a-knot")


class Resampler:
    """Samples images at the displaced points of a grid.

    Args:
        displacement_lps_mm: How far from the grid's points the images' points lie, [3, k, j, i].
        grid: The grid of the results.
    """

    def __init__(self, displacement_lps_mm: np.ndarray, grid: Geometry) -> None:
        self._grid = grid
        self._displacement = displacement_lps_mm

    def signals(self, images: Sequence[Image]) -> list[Image]:
        """Signal intensities: cubic spline, kept within each image's values; 0 outside it."""
        grids = dict.fromkeys(image.geometry for image in images)
        arrays = {
            grid: iter(self._splined([one for one in images if one.geometry == grid])) for grid in grids
        }
        return [Image(next(arrays[image.geometry]), self._grid, image.acquisition) for image in images]

    def _splined(self, images: list[Image]) -> np.ndarray:
        """The signals of images that share one grid, [image, k, j, i]."""
        geometry = images[0].geometry
        parts = in_threads(lambda image: _finer(image.array), images)
        fine = replace(
            geometry,
            size_ijk=parts[0].shape[::-1],
            spacing_mm=tuple(mm / FINER for mm in geometry.spacing_mm),  # type: ignore[arg-type]
            origin_lps_mm=tuple(geometry.lps_from_ijk(np.full(3, 0.5 / FINER - 0.5)).tolist()),
        )
        sampled = self._sampled(np.stack(parts, axis=-1), fine)
        for image, array in zip(images, sampled):
            low, high = min(float(image.array.min()), 0.0), float(image.array.max())
            np.clip(array, low, high, out=array)
        return sampled

    def quantity(self, image: Image) -> Image:
        """A measured quantity such as ADC: linear, since overshoot would invent values; 0 outside it."""
        array = image.array.astype(np.float32)[..., None]
        return Image(self._sampled(array, image.geometry)[0], self._grid, image.acquisition)

    def known(self, image: Image) -> np.ndarray:
        """True where a point of the grid falls into the image's field of view, boolean [k, j, i]."""
        grid, size = image.geometry, image.geometry.size_ijk
        slices = in_threads(lambda k: within(self._index(k, grid), size), range(self._grid.size_ijk[2]))
        return np.stack(slices)

    def _index(self, k: int, image: Geometry) -> list[np.ndarray]:
        """Where in an image the points of slice k lie: its fractional i, j, k, each float32 [j, i]."""
        matrix = np.linalg.inv(image.ijk_to_lps)
        grid_to_image = matrix @ self._grid.ijk_to_lps
        i, j = (np.arange(n, dtype=np.float32) for n in self._grid.size_ijk[:2])
        moved = np.tensordot(matrix[:3, :3].astype(np.float32), self._displacement[:, k], axes=1)
        return [
            moved[axis] + np.float32(a) * i + (b * j + np.float32(c * k + start)).astype(np.float32)[:, None]
            for axis, (a, b, c, start) in enumerate(grid_to_image[:3])
        ]

    def _sampled(self, table: np.ndarray, image: Geometry) -> np.ndarray:
        """Linear samples of the channels of a table [k, j, i, channel]: [channel, k, j, i]."""
        size = image.size_ijk
        channels = table.shape[-1]
        rows = table.reshape(-1, channels)
        strides = (1, size[0], size[0] * size[1])
        result = np.empty((channels, *self._grid.size_ijk[::-1]), dtype=np.float32)

        def sample(k: int) -> None:
            index = self._index(k, image)
            outside = ~within(index, size)
            base, parts, onward = np.zeros(outside.shape, dtype=np.intp), [], []
            for position, count, stride in zip(index, size, strides):
                np.clip(position, 0.0, count - 1.0, out=position)
                lower = np.minimum(position.astype(np.intp), max(count - 2, 0))
                base += lower * stride
                part = (position - lower).astype(np.float32)
                parts.append(np.repeat(part[..., None], channels, axis=-1))  # faster than broadcasting
                onward.append(stride if count > 1 else 0)
            values = _between(rows, base, onward, parts)
            values[outside] = 0.0
            result[:, k] = np.moveaxis(values, -1, 0)

        in_threads(sample, range(self._grid.size_ijk[2]))
        return result


def unmoved(image: Image, grid: Geometry) -> Image:
    """The image on a grid by physical space alone, linear; 0 outside it."""
    import SimpleITK as sitk

    sampled = sitk.Resample(floating(image), sitk_grid(grid), sitk.Transform(), sitk.sitkLinear, 0.0)
    return Image(sitk.GetArrayFromImage(sampled), grid, image.acquisition)


def _between(rows: np.ndarray, base: np.ndarray, onward: list[int], parts: list[np.ndarray]) -> np.ndarray:
    """Rows of a table, linear between neighbors along the axes that `onward` steps along."""
    if not onward:
        return rows.take(base, axis=0)
    low = _between(rows, base, onward[:-1], parts[:-1])
    change = _between(rows, base + onward[-1], onward[:-1], parts[:-1])
    change -= low
    change *= parts[-1]
    low += change
    return low


def _finer(array: np.ndarray) -> np.ndarray:
    """The array with `FINER` times the points along each axis, by cubic splines, over the same place.

    On a regular grid a spline is three small matrix products; where the T2's voxels lie in between, a line
    between such near points is as good, and takes a fraction of the time of a spline at every one of them.
    """
    at = [np.clip((np.arange(count * FINER) + 0.5) / FINER - 0.5, 0.0, count - 1.0) for count in array.shape]
    return _at(array.astype(np.float32), at, "clamped")


def _at(array: np.ndarray, at: Sequence[np.ndarray], ends: str) -> np.ndarray:
    """Values of an array [..., k, j, i] at fractional indices along each axis, by cubic splines, float32."""
    for axis in (2, 1, 0):
        array = along(axis, _spline_matrix(array.shape[axis - 3], at[axis], ends), array)
    return array


def _spline_matrix(count: int, at: np.ndarray, ends: str) -> np.ndarray:
    """What interpolation makes of `count` values at fractional indices: a cubic, or a line between few."""
    from scipy.interpolate import CubicSpline

    if count < 4:  # what a cubic needs
        return np.maximum(1.0 - np.abs(at[:, None] - np.arange(count)), 0.0).astype(np.float32)
    matrix = CubicSpline(np.arange(count), np.eye(count), bc_type=ends)(at)
    matrix[np.abs(matrix) < TINY] = 0.0  # far off they would be subnormal numbers, many times as slow
    return np.asarray(matrix, dtype=np.float32)
