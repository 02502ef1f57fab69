"""Transforms of a registration: the distortion as a B-spline, the composition, the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry
from .spline import SmoothField

if TYPE_CHECKING:
    import SimpleITK

    from .result import Registration

ORDER = 3


def spline_transform(
    coefficients_mm: np.ndarray, space: SmoothField, axis: int, grid: Geometry
) -> SimpleITK.Transform:
    """A displacement along one axis of a grid as a transform from LPS points to LPS points.

    Args:
        coefficients_mm: [k, j, i], of the displacement along the grid's axis.
        space: What the coefficients mean.
        axis: 0, 1, 2 for i, j, k.
        grid: The grid; outside it the transform is the identity.
    """
    import SimpleITK as sitk

    transform = sitk.BSplineTransform(3, ORDER)
    transform.SetTransformDomainMeshSize([int(n) for n in space.mesh[::-1]])
    transform.SetTransformDomainOrigin(grid.origin_lps_mm)
    transform.SetTransformDomainPhysicalDimensions(
        [float(n * mm) for n, mm in zip(space.mesh[::-1], space.step_mm[::-1])]
    )
    transform.SetTransformDomainDirection(grid.direction_lps)
    vector = grid.direction[:, axis]
    transform.SetParameters(np.concatenate([(coefficients_mm * part).ravel() for part in vector]).tolist())
    return transform


def rigid_transform(matrix: np.ndarray) -> SimpleITK.Transform:
    """A 4x4 rigid LPS matrix as a transform."""
    import SimpleITK as sitk

    left, _, right = np.linalg.svd(matrix[:3, :3])  # rounding must not make it less than orthogonal
    transform = sitk.VersorRigid3DTransform()
    transform.SetMatrix((left @ right).ravel().tolist(), 1e-6)
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def compose(*steps: SimpleITK.Transform) -> SimpleITK.CompositeTransform:
    """One transform that applies the given ones in their order."""
    import SimpleITK as sitk

    composite = sitk.CompositeTransform(3)
    for step in reversed(steps):
        composite.AddTransform(step)
    return composite


def write_transform(registration: Registration, path: Path) -> None:
    """Writes the registration's transform (T2 points to DWI points, LPS) as an ITK text file.

    Slicer loads a ``.tfm`` as a transform from the parent, which is the sense that moves the DWI onto the T2.

    Raises:
        OSError: the file cannot be written.
    """
    import SimpleITK as sitk

    try:
        sitk.WriteTransform(registration.transform, str(path))
    except RuntimeError as error:
        raise OSError(f"The transform cannot be written to {path.name}.") from error
