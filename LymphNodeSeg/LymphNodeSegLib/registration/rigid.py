"""The patient's movement between T2 and DWI: a rigid transform by Gauss-Newton on the descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..images.image import Geometry
from typing import Callable

if TYPE_CHECKING:
    import SimpleITK

POINTS = 20000


def rigid_step(
    fixed: np.ndarray,
    moving: np.ndarray,
    weight: np.ndarray,
    grid: Geometry,
    steps: int,
    report: Callable[[float], None],
) -> SimpleITK.Euler3DTransform:
    """The small rigid movement, in the grid's space, from points of the fixed to points of the moving image.

    Args:
        fixed, moving: Descriptors (c, k, j, i) on the grid.
        weight: [k, j, i], how far a voxel counts.
        grid: The grid of both.
        steps: Largest number of linearizations.
        report: Receives 0 to 1.
    """
    import SimpleITK as sitk
    from scipy.ndimage import map_coordinates

    chosen = np.flatnonzero(weight.ravel() > 0.5)
    chosen = chosen[:: max(1, len(chosen) // POINTS)]
    movement = sitk.Euler3DTransform()
    if len(chosen) < 500:
        return movement
    kji = np.stack(np.unravel_index(chosen, weight.shape), axis=1)
    points = grid.lps_from_ijk(kji[:, ::-1])
    center = points.mean(axis=0)
    arm = points - center
    movement.SetCenter(center.tolist())
    wanted = fixed.reshape(len(fixed), -1)[:, chosen]
    here = weight.ravel()[chosen]
    slopes = [
        np.gradient(moving, axis=axis + 1) if moving.shape[axis + 1] > 1 else np.zeros_like(moving)
        for axis in (2, 1, 0)
    ]
    to_lps = grid.direction / np.array(grid.spacing_mm)
    rotation, shift = np.eye(3), np.zeros(3)
    for step in range(steps):
        moved = arm @ rotation.T + center + shift
        index = grid.ijk_from_lps(moved)[:, ::-1].T
        inside = np.all((index >= 0) & (index <= np.array(weight.shape)[:, None] - 1), axis=0)
        normal, force = np.zeros((6, 6)), np.zeros(6)
        turned = moved - center - shift
        for channel in range(len(fixed)):
            residual = wanted[channel] - map_coordinates(moving[channel], index, order=1, mode="nearest")
            slope_ijk = np.stack(
                [map_coordinates(s[channel], index, order=1, mode="nearest") for s in slopes], axis=1
            )
            slope = slope_ijk @ to_lps.T
            jacobian = np.concatenate([np.cross(turned, slope), slope], axis=1)
            factor = here * inside / (1.0 + residual * residual / 0.05)
            normal += (jacobian * factor[:, None]).T @ jacobian
            force += (jacobian * factor[:, None]).T @ residual
        update = np.linalg.solve(normal + 1e-3 * np.diag(np.diag(normal)) + 1e-9 * np.eye(6), force)
        rotation = _rotation(update[:3]) @ rotation
        shift = shift + update[3:]
        report((step + 1) / steps)
        if np.abs(update[3:]).max() < 0.01 and np.abs(update[:3]).max() < 1e-4:
            break
    movement.SetMatrix(rotation.ravel().tolist(), 1e-6)
    movement.SetTranslation(shift.tolist())
    return movement


def _rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector (Rodrigues)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vector).as_matrix()
