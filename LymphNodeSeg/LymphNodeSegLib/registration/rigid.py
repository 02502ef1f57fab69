"""A rigid transform between T2 and DWI that may start far off, by Gauss-Newton on the descriptors.

A rigid movement is a 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from ..images.image import Geometry

POINTS = 15000
LEAST_POINTS = 300
OUTLIER = 0.05  # squared descriptor mismatch beyond which a point counts less


def rigid_step(
    fixed: np.ndarray,
    moving: np.ndarray,
    weight: np.ndarray,
    grid: Geometry,
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """The small rigid movement from points of the fixed image to points of the moving image, 4x4, LPS.

    Args:
        fixed: Descriptors [k, j, i, channel] of the T2 on the grid.
        moving: Descriptors of the DWI.
        weight: [k, j, i], how far a voxel counts, 0 to 1.
        grid: The grid of all three.
        steps: Largest number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    chosen = np.flatnonzero(weight.ravel() > 0.5)
    chosen = chosen[:: max(1, len(chosen) // POINTS)]
    if len(chosen) < LEAST_POINTS:
        return np.eye(4)
    points = grid.lps_from_ijk(np.stack(np.unravel_index(chosen, weight.shape), axis=1)[:, ::-1])
    center = points.mean(axis=0)
    wanted = fixed.reshape(-1, fixed.shape[-1])[chosen]
    table = moving.reshape(-1, moving.shape[-1])
    to_lps = grid.direction / np.array(grid.spacing_mm)
    rotation, shift = np.eye(3), np.zeros(3)
    for step in range(steps):
        turned = (points - center) @ rotation.T
        index = grid.ijk_from_lps(turned + center + shift)
        within = np.all((index >= 0) & (index <= np.array(grid.size_ijk) - 1), axis=1)
        value, slope_ijk = _interpolated(table, index, weight.shape)
        residual = wanted - value
        slope = np.einsum("ab,nbc->nac", to_lps, slope_ijk)
        jacobian = np.concatenate([_cross(turned, slope), slope], axis=1)
        factor = within / (1.0 + np.mean(residual**2, axis=1) / OUTLIER)
        normal = np.einsum("n,nac,nbc->ab", factor, jacobian, jacobian, optimize=True)
        force = np.einsum("n,nac,nc->a", factor, jacobian, residual, optimize=True)
        damping = 1e-3 * np.diag(np.diag(normal)) + 1e-9 * np.eye(6)
        update = np.linalg.solve(normal + damping, force)
        rotation = _rotation(update[:3]) @ rotation
        shift = shift + update[3:]
        report((step + 1) / steps)
        if np.abs(update[3:]).max() < 0.01 and np.abs(update[:3]).max() < 1e-4:
            break
    return _turned_about(center, rotation, shift)


def rotated_about(center: np.ndarray, rotation_vector: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The rigid movement, 4x4, that turns about a center and then shifts."""
    return _turned_about(center, _rotation(rotation_vector), shift)


def _turned_about(center: np.ndarray, rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
    movement = np.eye(4)
    movement[:3, :3] = rotation
    movement[:3, 3] = center + shift - rotation @ center
    return movement


def _interpolated(
    table: np.ndarray, index_ijk: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table, one a voxel of `shape` [k, j, i], at fractional indices, and their slopes.

    Returns:
        Trilinear values (n, c), and slopes (n, 3, c) along i, j, k per voxel; the ends are held.
    """
    last = np.array(shape[::-1]) - 1
    position = np.clip(index_ijk, 0, last)
    lower = np.minimum(position.astype(np.intp), np.maximum(last - 1, 0))
    part = (position - lower).astype(np.float32)
    stride = np.array([1, shape[2], shape[1] * shape[2]])
    base, onward = lower @ stride, np.where(last > 0, stride, 0)
    values = np.zeros((len(index_ijk), table.shape[1]), dtype=np.float32)
    slopes = np.zeros((len(index_ijk), 3, table.shape[1]), dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        row = table[base + np.array(corner) @ onward]
        share = np.where(corner, part, 1.0 - part)
        values += np.prod(share, axis=1)[:, None] * row
        for axis in range(3):
            others = share[:, (axis + 1) % 3] * share[:, (axis + 2) % 3]
            slopes[:, axis] += (others if corner[axis] else -others)[:, None] * row
    return values, slopes


def _cross(arms: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Cross product of arms (n, 3) with slopes (n, 3, c), (n, 3, c)."""
    x, y, z = (arms[:, axis, None] for axis in range(3))
    a, b, c = (slopes[:, axis] for axis in range(3))
    return np.stack([y * c - z * b, z * a - x * c, x * b - y * a], axis=1)


def _rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vector).as_matrix())
