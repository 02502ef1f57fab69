"""The space in which DWI and T2 are compared: a coarse grid along the DWI's own axes.

EPI displaces along one image axis of the DWI, so that on such a grid the distortion is a shift along one
array axis. Arrays here are indexed [k, j, i] like an `Image`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry, Image

if TYPE_CHECKING:
    import SimpleITK


@dataclass(frozen=True)
class Pair:
    """T2 and DWI on one grid along the DWI's axes.

    Attributes:
        grid: The grid.
        t2, dwi: Voxels, float32, robustly scaled to about 0 to 1.
        both: True where both images have data.
    """

    grid: Geometry
    t2: np.ndarray
    dwi: np.ndarray
    both: np.ndarray


def working_grid(t2: Geometry, dwi: Geometry, rigid: SimpleITK.Transform, spacing_mm: float) -> Geometry:
    """The smallest grid along the DWI's axes that covers the T2, moved by the rigid transform.

    Args:
        t2: Grid of the T2.
        dwi: Grid of the DWI.
        rigid: From LPS points of the T2 to LPS points of the DWI.
        spacing_mm: Distance of the grid's points in the DWI's plane; along the slices it is the DWI's own
            slice distance, but not below this.
    """
    spacing = np.array([spacing_mm, spacing_mm, max(dwi.spacing_mm[2], spacing_mm)])
    corners = np.array([rigid.TransformPoint(corner.tolist()) for corner in t2.corners_lps_mm()])
    along_axes = (corners - np.array(dwi.origin_lps_mm)) @ dwi.direction
    first = np.floor(along_axes.min(axis=0) / spacing) - 1
    last = np.ceil(along_axes.max(axis=0) / spacing) + 1
    origin = np.array(dwi.origin_lps_mm) + dwi.direction @ (first * spacing)
    return Geometry(
        tuple(int(n) for n in last - first + 1),  # type: ignore[arg-type]
        tuple(float(x) for x in origin),  # type: ignore[arg-type]
        tuple(float(s) for s in spacing),  # type: ignore[arg-type]
        dwi.direction_lps,
    )


def bring_together(t2: Image, dwi: Image, rigid: SimpleITK.Transform, spacing_mm: float) -> Pair:
    """Both images on the working grid, the T2 moved by the inverse of the rigid transform."""
    import SimpleITK as sitk

    grid = working_grid(t2.geometry, dwi.geometry, rigid, spacing_mm)
    detail_mm = np.maximum(grid.spacing_mm, dwi.geometry.spacing_mm)
    moved_t2, t2_here = _sample(t2, grid, rigid.GetInverse(), detail_mm)
    still_dwi, dwi_here = _sample(dwi, grid, sitk.Transform(3, sitk.sitkIdentity), np.array(grid.spacing_mm))
    both = t2_here & dwi_here
    return Pair(grid, _scaled(moved_t2, both), _scaled(still_dwi, both), both)


def sitk_grid(grid: Geometry) -> SimpleITK.Image:
    """An empty image on a grid, as reference for resampling."""
    import SimpleITK as sitk

    image = sitk.Image(grid.size_ijk, sitk.sitkUInt8)
    image.SetOrigin(grid.origin_lps_mm)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction_lps)
    return image


def _sample(
    image: Image, grid: Geometry, to_image: SimpleITK.Transform, detail_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The image on the grid, blurred to the given detail along the grid's axes, and where it has data."""
    import SimpleITK as sitk

    source = sitk.Cast(image.to_sitk(), sitk.sitkFloat32)
    ones = sitk.Image(source.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(source)
    axes = np.abs(image.geometry.direction.T @ grid.direction)
    wanted = axes @ detail_mm
    for axis, (own, coarse) in enumerate(zip(image.geometry.spacing_mm, wanted)):
        if coarse > 1.3 * own and image.geometry.size_ijk[axis] >= 4:  # the recursive filter's least size
            sigma = 0.42 * float(np.sqrt(coarse**2 - own**2))
            source = _smooth(source, sigma, axis)
    reference = sitk_grid(grid)
    values = sitk.Resample(source, reference, to_image, sitk.sitkLinear, 0.0)
    here = sitk.Resample(ones, reference, to_image, sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(values), sitk.GetArrayFromImage(here).astype(bool)


def _smooth(image: SimpleITK.Image, sigma_mm: float, axis: int) -> SimpleITK.Image:
    """Gaussian along one axis."""
    import SimpleITK as sitk

    return sitk.RecursiveGaussian(image, sigma_mm, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)


def _scaled(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Voxels scaled so that the 1st and 99th percentile inside become 0 and 1, clipped beyond 0 and 1.5."""
    if not inside.any():
        return np.zeros_like(array, dtype=np.float32)
    low, high = np.percentile(array[inside], (1.0, 99.0))
    scaled = (array - low) / max(float(high - low), 1e-6)
    return np.clip(scaled, 0.0, 1.5).astype(np.float32)
