"""Transforms of a registration: the distortion as a B-spline, the composition, the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry

if TYPE_CHECKING:
    import SimpleITK

    from .result import Registration

ORDER = 3


def spline_transform(
    displacement_mm: np.ndarray, axis: int, grid: Geometry, knot_mm: float
) -> SimpleITK.Transform:
    """A displacement along one axis of a grid as a cubic B-spline transform.

    Args:
        displacement_mm: [k, j, i] on the grid, along the grid's axis.
        axis: 0, 1, 2 for i, j, k.
        grid: The grid; outside it the transform is the identity.
        knot_mm: Distance of the spline's knots in the plane.

    Returns:
        A transform from LPS points to LPS points, small enough to be written as text.
    """
    import SimpleITK as sitk
    from scipy.ndimage import map_coordinates, spline_filter

    extent = np.array(grid.size_ijk) - 1
    mesh = np.maximum(
        1, np.round(extent * np.array(grid.spacing_mm) / np.array([knot_mm, knot_mm, grid.spacing_mm[2]]))
    )
    mesh = mesh.astype(int)
    # Interpolating coefficients: the spline passes through the displacement at each knot. Knots beyond the
    # grid hold the value at its border.
    pad = 6
    places = [np.arange(-pad, n + pad + 1) * (e / n) for n, e in zip(mesh[::-1], extent[::-1])]
    at_knots = map_coordinates(
        displacement_mm, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest", output=np.float64
    )
    coefficients = spline_filter(at_knots, order=ORDER, mode="mirror")
    cut = tuple(slice(pad - 1, pad + n + 2) for n in mesh[::-1])
    coefficients = coefficients[cut]
    vector = grid.direction[:, axis]
    transform = sitk.BSplineTransform(3, ORDER)
    transform.SetTransformDomainMeshSize([int(n) for n in mesh])
    transform.SetTransformDomainOrigin(grid.origin_lps_mm)
    transform.SetTransformDomainPhysicalDimensions([float(e * s) for e, s in zip(extent, grid.spacing_mm)])
    transform.SetTransformDomainDirection(grid.direction_lps)
    parameters = np.concatenate([(coefficients * part).ravel() for part in vector])
    # Binary fractions of a millimeter have few decimals: the text file is a tenth of the size.
    transform.SetParameters((np.round(parameters * 512.0) / 512.0).tolist())
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
