"""The space in which DWI and T2 are compared: a coarse grid along the DWI's own axes.

EPI displaces along one image axis of the DWI, so that on such a grid the distortion is a shift along one
array axis. Arrays here are indexed [k, j, i] like an `Image`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry, Image
from .separable import smoothed

if TYPE_CHECKING:
    import SimpleITK

BODY_SHARE = 0.06
BODY_SIGMA_MM = (0.0, 3.0, 3.0)
BIN_MM = 1.7  # well below the detail of every level
LEAST_FILTER_SIZE = 4  # SimpleITK's recursive filters need that many voxels along an axis


@dataclass(frozen=True)
class Level:
    """The DWI on one working grid, and a T2 of the same detail that can be brought there.

    Attributes:
        grid: The working grid, along the DWI's axes.
        dwi: DWI on the grid, float32, scaled so that its bright tissue is about 1.
        dwi_here: True where the grid lies in the DWI's field of view.
    """

    grid: Geometry
    dwi: np.ndarray
    dwi_here: np.ndarray
    _t2: SimpleITK.Image = field(repr=False)
    _t2_geometry: Geometry = field(repr=False)

    def t2_moved(self, rigid: np.ndarray) -> np.ndarray:
        """T2 on the grid after a rigid movement; 0 outside its field of view.

        Args:
            rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
        """
        import SimpleITK as sitk

        back = np.linalg.inv(rigid)
        to_t2 = sitk.AffineTransform(back[:3, :3].ravel().tolist(), back[:3, 3].tolist())
        return sitk.GetArrayFromImage(
            sitk.Resample(self._t2, sitk_grid(self.grid), to_t2, sitk.sitkLinear, 0.0)
        )

    def body(self, t2: np.ndarray, rigid: np.ndarray) -> np.ndarray:
        """Where the T2, moved by the rigid matrix, shows the body (not air or gas)."""
        sigmas = [s / mm for s, mm in zip(BODY_SIGMA_MM, self.grid.spacing_mm[::-1])]
        return (smoothed(t2, sigmas) > BODY_SHARE) & inside(
            self._t2_geometry, self.grid, np.linalg.inv(rigid)
        )


def binned(image: Image) -> Image:
    """The image with voxels up to `BIN_MM` wide, means of its own; along an axis with wider ones as it is."""
    import SimpleITK as sitk

    factors = [max(1, int(BIN_MM / mm)) for mm in image.geometry.spacing_mm]
    if max(factors) == 1:
        return image
    return Image.from_sitk(sitk.BinShrink(floating(image), factors), image.acquisition)


def level(t2: Image, dwi: Image, rigid: np.ndarray, spacing_mm: float, margin_mm: float = 6.0) -> Level:
    """Both images prepared for one working grid.

    Args:
        t2: The T2.
        dwi: The DWI.
        rigid: 4x4 matrix from LPS points of the T2 to LPS points of the DWI, about right.
        spacing_mm: Distance of the grid's points in the DWI's plane; along the slices it is the DWI's own.
        margin_mm: How far the grid reaches beyond the T2.
    """
    import SimpleITK as sitk

    grid = working_grid(t2.geometry, dwi.geometry, rigid, spacing_mm, margin_mm)
    detail_mm = np.maximum(grid.spacing_mm, dwi.geometry.spacing_mm)
    axes = np.abs(t2.geometry.direction.T @ rigid[:3, :3].T @ grid.direction)
    fine_t2 = _blurred(_bright_is_one(t2), axes @ detail_mm)
    fine_dwi = _blurred(_bright_is_one(dwi), np.array(grid.spacing_mm))
    array = sitk.GetArrayFromImage(
        sitk.Resample(fine_dwi, sitk_grid(grid), sitk.Transform(), sitk.sitkLinear, 0.0)
    )
    return Level(grid, array, inside(dwi.geometry, grid), fine_t2, t2.geometry)


def working_grid(
    t2: Geometry, dwi: Geometry, rigid: np.ndarray, spacing_mm: float, margin_mm: float
) -> Geometry:
    """The smallest grid along the DWI's axes that covers the T2 moved by the rigid matrix, and a margin."""
    spacing = np.array([spacing_mm, spacing_mm, max(dwi.spacing_mm[2], spacing_mm)])
    corners = t2.corners_lps_mm() @ rigid[:3, :3].T + rigid[:3, 3]
    along_axes = (corners - np.array(dwi.origin_lps_mm)) @ dwi.direction
    first = np.floor((along_axes.min(axis=0) - margin_mm) / spacing)
    last = np.ceil((along_axes.max(axis=0) + margin_mm) / spacing)
    origin = np.array(dwi.origin_lps_mm) + dwi.direction @ (first * spacing)
    return Geometry(
        tuple(int(n) for n in last - first + 1),  # type: ignore[arg-type]
        tuple(float(x) for x in origin),  # type: ignore[arg-type]
        tuple(float(s) for s in spacing),  # type: ignore[arg-type]
        dwi.direction_lps,
    )


def inside(image: Geometry, grid: Geometry, to_image: np.ndarray = np.eye(4)) -> np.ndarray:  # noqa: B008
    """True where a point of the grid, moved by a 4x4 LPS matrix, falls into the image's field of view."""
    matrix = np.linalg.inv(image.ijk_to_lps) @ to_image @ grid.ijk_to_lps
    i, j, k = (np.arange(n, dtype=float) for n in grid.size_ijk)
    index = [(c * k)[:, None, None] + (b * j)[:, None] + (a * i + start) for a, b, c, start in matrix[:3]]
    return within(index, image.size_ijk)


def within(index: Sequence[np.ndarray], size_ijk: tuple[int, int, int]) -> np.ndarray:
    """True where fractional indices i, j, k lie in an image, up to the edges of its outer voxels."""
    i, j, k = ((at >= -0.5) & (at <= size - 0.5) for at, size in zip(index, size_ijk))
    return np.asarray(i & j & k)


def points_of(grid: Geometry) -> np.ndarray:
    """LPS mm of every voxel center, [k, j, i, 3]."""
    k, j, i = np.indices(grid.size_ijk[::-1])
    return grid.lps_from_ijk(np.stack([i, j, k], axis=-1))


def sitk_grid(grid: Geometry) -> SimpleITK.Image:
    """An empty image on a grid, as reference for resampling."""
    import SimpleITK as sitk

    image = sitk.Image(grid.size_ijk, sitk.sitkUInt8)
    image.SetOrigin(grid.origin_lps_mm)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction_lps)
    return image


def floating(image: Image) -> SimpleITK.Image:
    """The image as SimpleITK's 32-bit floating point."""
    import SimpleITK as sitk

    return sitk.Cast(image.to_sitk(), sitk.sitkFloat32)


def bright_of(image: Image) -> float:
    """The value that few voxels of an image exceed; 1 if that is not above 0."""
    step = max(1, image.array.size // 200_000)
    bright = float(np.percentile(image.array.ravel()[::step], 99.0))
    return bright if bright > 0.0 else 1.0


def _bright_is_one(image: Image) -> SimpleITK.Image:
    """The image scaled so that its 99th percentile is 1, clipped to 0..1.5: nothing single sets the scale."""
    import SimpleITK as sitk

    return sitk.Clamp(floating(image) * (1.0 / bright_of(image)), sitk.sitkFloat32, 0.0, 1.5)


def _blurred(image: SimpleITK.Image, detail_mm: np.ndarray) -> SimpleITK.Image:
    """The image without detail finer than given along its axes, so that sampling it does not alias."""
    import SimpleITK as sitk

    for axis, (own, wanted) in enumerate(zip(image.GetSpacing(), detail_mm)):
        if wanted > 1.2 * own and image.GetSize()[axis] >= LEAST_FILTER_SIZE:
            sigma_mm = 0.42 * float(np.sqrt(wanted**2 - own**2))
            image = sitk.RecursiveGaussian(
                image, sigma_mm, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis
            )
    return image
