"""The RECIST axes in the true axial plane, for masks acquired in another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from ..images.image import Geometry
from .axes import DIRECTIONS, Axes, axes_of_outlines, in_slices, planar_axes
from .interpolation import PAD, signed_distance
from .solid import Surface
from .surface import Ellipsoid, cut, smooth_surface, widths_of_cuts

EXACTLY_AXIAL_DEGREES = 0.01
"""Below this tilt the slices are the axial planes; above it masks are reformatted, however small the tilt."""

_STEEP_DEGREES = 60.0


def tilt_degrees(geometry: Geometry) -> float:
    """Angle between the slices and the true axial plane, 0 to 90."""
    return float(np.degrees(np.arccos(min(1.0, abs(float(geometry.normal_lps[2]))))))


def axial_axes(
    masks: Sequence[np.ndarray], surfaces: Sequence[Surface], geometry: Geometry
) -> list[Optional[Axes]]:
    """The RECIST axes of masks in planes perpendicular to the patient's S axis.

    Axial planes, one smallest voxel spacing apart, cut the smooth surface around the mask's voxels (see
    `surface`). A mask that has no such surface is sampled in axial planes instead (`_reformat`).

    Args:
        masks: Boolean blocks [k, j, i] of the grid; the first voxel of a block is its index (0, 0, 0).
        surfaces: `solid.surface_of` each mask.
        geometry: The grid (its spacing and direction are used).

    Returns:
        For each mask its axes; None where the planes missed all of it.
    """
    axes: list[Optional[Axes]] = []
    without = []
    for number, (mask, surface) in enumerate(zip(masks, surfaces)):
        smooth = smooth_surface(mask, surface)
        if isinstance(smooth, Ellipsoid):
            axes.append(_axes_of_ellipsoid(smooth, geometry))
        else:
            axes.append(None if smooth is None else _axes_of_surface(smooth, geometry))
        if axes[-1] is None:
            without.append(number)
    if without:
        for number, found in zip(without, _reformatted_axes([masks[n] for n in without], geometry)):
            axes[number] = found
    return axes


def _axes_of_ellipsoid(ellipsoid: Ellipsoid, geometry: Geometry) -> Axes:
    """The axes in the axial plane through its center, where its cut is largest."""
    to_mm = geometry.direction * np.array(geometry.spacing_mm)
    half_axes = ellipsoid.half_axes @ to_mm.T
    quadric = np.linalg.inv(half_axes.T @ half_axes)
    values, vectors = np.linalg.eigh(quadric[:2, :2])
    half_mm = 1 / np.sqrt(values)  # the longer one first
    ends = np.zeros((4, 3))
    ends[[0, 2], :2] = (vectors * half_mm).T
    ends[[1, 3]] = -ends[[0, 2]]
    return Axes(
        2 * float(half_mm[0]), 2 * float(half_mm[1]), ellipsoid.center + ends @ np.linalg.inv(to_mm).T
    )


def _axes_of_surface(vertices_ijk: np.ndarray, geometry: Geometry) -> Optional[Axes]:
    """The axes in the axial planes through a surface."""
    spacing, direction = np.array(geometry.spacing_mm), geometry.direction
    vertices = (vertices_ijk * spacing) @ direction.T
    z, step_mm = vertices[:, 2], float(spacing.min())
    middle = float(z.mean())
    heights = middle + step_mm * np.arange(
        np.ceil((z.min() - middle) / step_mm), np.floor((z.max() - middle) / step_mm) + 1
    )
    angles = np.arange(DIRECTIONS) * (np.pi / DIRECTIONS)
    widths = widths_of_cuts(vertices, heights, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    share = np.cos(np.pi / (2 * DIRECTIONS))
    best: Optional[tuple[float, np.ndarray, float]] = None
    for n in np.argsort(-widths, kind="stable").tolist():
        if best is not None and widths[n] <= best[0] * share:
            break
        found = axes_of_outlines(cut(vertices, float(heights[n])))
        if found is not None and (best is None or found[0] > best[0]):
            best = (found[0], np.column_stack([found[1], np.full(4, heights[n])]), found[2])
    if best is None:
        return None
    return Axes(best[0], best[2], (best[1] @ direction) / spacing)


def _reformatted_axes(masks: Sequence[np.ndarray], geometry: Geometry) -> list[Optional[Axes]]:
    """The axes of masks sampled in axial planes.

    The samples lie where the voxels are: on steep slices (sagittal, coronal) the rows of the reformat lie on
    the slices, so that nothing is interpolated between slices, and the planes are one pixel apart; on flat
    ones the reformat has the pixels' spacing and the planes the slices', and between slices the mask is
    interpolated by shape. Where the grid is not oblique the samples are the voxels.
    """
    steps_mm, spacing_mm = _sampling(geometry)
    to_ijk = (geometry.direction.T @ steps_mm) / np.array(geometry.spacing_mm)[:, None]
    to_ijk[np.abs(to_ijk) < 1e-9] = 0.0
    reformats, matrices = [], []
    for mask in masks:
        reformat, matrix = _reformat(mask, to_ijk, geometry.spacing_mm)
        reformats.append(reformat)
        matrices.append(matrix)
    found = planar_axes(reformats, spacing_mm)
    return [None if axes is None else in_slices(axes, matrix) for axes, matrix in zip(found, matrices)]


def _sampling(geometry: Geometry) -> tuple[np.ndarray, tuple[float, float]]:
    """Steps from row to row, column to column, plane to plane as columns, LPS mm; row and column spacing."""
    direction, spacing = geometry.direction, np.array(geometry.spacing_mm)
    superior = np.array([0.0, 0.0, 1.0])
    normal = geometry.normal_lps
    if tilt_degrees(geometry) < _STEEP_DEGREES:
        column = direction[:, 0] - direction[2, 0] * superior
        column = column / np.linalg.norm(column)
        row = np.cross(superior, column)
        plane = superior * spacing[2] * abs(normal[2])
        steps = np.stack([row * spacing[1], column * spacing[0], plane], axis=1)
        return steps, (float(spacing[1]), float(spacing[0]))
    column = np.cross(normal, superior)
    column /= np.linalg.norm(column)
    row = np.cross(superior, column)
    row_mm = float(spacing[2] / abs(row @ normal))
    up = np.cross(column, normal)
    along_column = int(np.argmax(np.abs(column @ direction[:, :2])))
    column_mm, up_mm = float(spacing[along_column]), float(spacing[1 - along_column])
    return np.stack([row * row_mm, column * column_mm, up * up_mm], axis=1), (row_mm, column_mm)


def _reformat(
    mask: np.ndarray, to_ijk: np.ndarray, spacing_mm: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The mask sampled at [plane, row, column], and the matrix from there to the block's indices."""
    from scipy.ndimage import map_coordinates

    distance = signed_distance(mask, spacing_mm[::-1])
    center = np.round(np.argwhere(mask).mean(axis=0))[::-1]
    ends = np.array([(-1.0, size) for size in mask.shape[::-1]])
    corners = np.array([(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]]) - center
    reach = corners @ np.linalg.inv(to_ijk).T
    low, high = np.ceil(reach.min(axis=0) - 1e-9), np.floor(reach.max(axis=0) + 1e-9)
    rows, columns, planes = (np.arange(a, b + 1) for a, b in zip(low, high))
    start = center + to_ijk @ low
    samples = [
        to_ijk[axis, 2] * (planes - low[2])[:, None, None]
        + to_ijk[axis, 0] * (rows - low[0])[:, None]
        + to_ijk[axis, 1] * (columns - low[1])
        + (start[axis] + pad)
        for axis, pad in ((2, 1), (1, PAD), (0, PAD))
    ]
    # The tiny step decides samples that lie exactly on the outline the same way in every orientation.
    inside = map_coordinates(distance, samples, order=1, cval=-1.0) > 1e-7
    return inside, np.hstack([to_ijk, start[:, None]])
