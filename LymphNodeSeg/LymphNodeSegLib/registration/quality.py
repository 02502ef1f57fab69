"""How well DWI and T2 agree: figures that do not take part in the registration itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry
from .space import sitk_grid

if TYPE_CHECKING:
    import SimpleITK

BINS = 32


def normalized_mutual_information(first: np.ndarray, second: np.ndarray, inside: np.ndarray) -> float:
    """(H(A) + H(B)) / H(A, B) of two images inside a mask (Studholme 1999); 1 means independent, 2 identical."""
    if int(inside.sum()) < 100:
        return 1.0
    joint, _, _ = np.histogram2d(_ranked(first[inside]), _ranked(second[inside]), bins=BINS)
    joint /= joint.sum()
    both = _entropy(joint)
    if both <= 0.0:
        return 1.0
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))) / both


def edge_overlap(t2: np.ndarray, dwi: np.ndarray, inside: np.ndarray) -> float:
    """Share of the strong T2 edges (top 10 % inside) that lie on a strong DWI edge, 0 to 1."""
    if int(inside.sum()) < 100:
        return 0.0
    strong_t2 = _strong(t2, inside)
    strong_dwi = _strong(dwi, inside)
    return float((strong_t2 & strong_dwi).sum() / max(int(strong_t2.sum()), 1))


def largest_displacement_mm(transform: SimpleITK.Transform, grid: Geometry, inside: np.ndarray) -> float:
    """Longest displacement at the grid's points inside a mask."""
    field = _field(transform, grid)
    length = np.sqrt((field**2).sum(axis=-1))
    return float(length[inside].max()) if inside.any() else 0.0


def smallest_jacobian(transform: SimpleITK.Transform, grid: Geometry, inside: np.ndarray) -> float:
    """Smallest Jacobian determinant of the mapping at the grid's points inside a mask."""
    import SimpleITK as sitk

    if not inside.any():
        return 1.0
    field = sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat64, *_where(grid))
    determinant = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    return float(determinant[inside].min())


def _field(transform: SimpleITK.Transform, grid: Geometry) -> np.ndarray:
    """Displacement vectors [k, j, i, 3] in LPS millimeters at the grid's points."""
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(
        sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat64, *_where(grid))
    )


def _where(grid: Geometry) -> tuple:
    """Size, origin, spacing and direction, in the order SimpleITK's filters want them."""
    image = sitk_grid(grid)
    return image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()


def _ranked(values: np.ndarray) -> np.ndarray:
    """Values clipped to their 0.5th and 99.5th percentile, so that a bright bladder does not set the bins."""
    low, high = np.percentile(values, (0.5, 99.5))
    return np.clip(values, low, high)


def _entropy(share: np.ndarray) -> float:
    """Shannon entropy in nats."""
    positive = share[share > 0]
    return float(-(positive * np.log(positive)).sum())


def _strong(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The tenth of the voxels inside with the steepest in-plane gradient."""
    from scipy.ndimage import gaussian_gradient_magnitude

    steepness = np.stack([gaussian_gradient_magnitude(plane.astype(np.float32), 1.0) for plane in array])
    return (steepness >= np.percentile(steepness[inside], 90.0)) & inside
