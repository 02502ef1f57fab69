"""The RECIST axes in the true axial plane, for masks acquired in another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from ..images.image import Geometry
from .axes import DIRECTIONS, Axes, axes_of_outlines, in_slices, planar_axes
from .interpolation import PAD, signed_distance
from .mesh import cuts, even_heights, longest_heights
from .packed import packed
from .solid import Moments, Surface
from .surface import Ellipsoid, smooth_surfaces

EXACTLY_AXIAL_DEGREES = 0.01
"""Below this tilt the slices are the axial planes; above it masks are reformatted, however small the tilt."""

_STEEP_DEGREES = 60.0


def tilt_degrees(geometry: Geometry) -> float:
    """Angle between the slices and the true axial plane, 0 to 90."""
    return float(np.degrees(np.arccos(min(1.0, abs(float(geometry.normal_lps[2]))))))


def axial_axes(
    masks: Sequence[np.ndarray], surfaces: Sequence[Surface], moments: Moments, geometry: Geometry
) -> list[Optional[Axes]]:
    """The RECIST axes of masks in planes perpendicular to the patient's S axis.

    The smooth surface around the mask's voxels (see `surface`) is cut where its cut is longest. A mask that
    has no such surface is sampled in axial planes instead (`_reformat`).

    Args:
        masks: Boolean blocks [k, j, i] of the grid; the first voxel of a block is its index (0, 0, 0).
        surfaces: `solid.surfaces_of` them.
        moments: `solid.moments_of` them.
        geometry: The grid (its spacing and direction are used).

    Returns:
        For each mask its axes; None where the planes missed all of it.
    """
    axes: list[Optional[Axes]] = [None] * len(masks)
    smooth = smooth_surfaces(surfaces, moments)
    ellipsoids = {n: one for n, one in enumerate(smooth) if isinstance(one, Ellipsoid)}
    if ellipsoids:
        for number, found in zip(ellipsoids, _axes_of_ellipsoids([*ellipsoids.values()], geometry)):
            axes[number] = found
    curved = {n: one for n, one in enumerate(smooth) if isinstance(one, np.ndarray)}
    if curved:
        for number, found in zip(curved, _axes_of_surfaces(np.stack([*curved.values()]), geometry)):
            axes[number] = found
    without = [number for number, found in enumerate(axes) if found is None]
    if without:
        for number, reformatted in zip(without, _reformatted_axes([masks[n] for n in without], geometry)):
            axes[number] = reformatted
    return axes


def _axes_of_ellipsoids(ellipsoids: Sequence[Ellipsoid], geometry: Geometry) -> list[Axes]:
    """The axes in the axial planes through their centers, where their cuts are largest."""
    to_mm = geometry.direction * np.array(geometry.spacing_mm)
    half_axes = np.stack([ellipsoid.half_axes for ellipsoid in ellipsoids]) @ to_mm.T
    quadrics = np.linalg.inv(half_axes.transpose(0, 2, 1) @ half_axes)
    values, vectors = np.linalg.eigh(quadrics[:, :2, :2])
    half_mm = 1 / np.sqrt(values)  # the longer one first
    ends = np.zeros((len(ellipsoids), 4, 3))
    ends[:, ::2, :2] = (vectors * half_mm[:, None, :]).transpose(0, 2, 1)
    ends[:, 1::2] = -ends[:, ::2]
    ends = np.array([ellipsoid.center for ellipsoid in ellipsoids])[:, None] + ends @ np.linalg.inv(to_mm).T
    return [Axes(2 * long_mm, 2 * short_mm, at) for (long_mm, short_mm), at in zip(half_mm.tolist(), ends)]


def _axes_of_surfaces(vertices_ijk: np.ndarray, geometry: Geometry) -> list[Axes]:
    """The axes of surfaces (n, vertices, 3) in the axial planes in which they are longest."""
    spacing, direction = np.array(geometry.spacing_mm), geometry.direction
    vertices = (vertices_ijk * spacing) @ direction.T
    angles = np.arange(DIRECTIONS) * (np.pi / DIRECTIONS)
    surface, heights = longest_heights(vertices, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    outlines, cut = cuts(vertices[surface], heights)
    bent = np.unique(surface[np.flatnonzero(np.bincount(cut) > 1)])
    if len(bent):  # wide because cut in two pieces: one piece may be longer elsewhere
        more = even_heights(vertices[bent])
        surface = np.concatenate([surface, np.repeat(bent, more.shape[1])])
        heights = np.concatenate([heights, more.ravel()])
        outlines, cut = cuts(vertices[surface], heights)
    found = axes_of_outlines(outlines)
    best: dict[int, int] = {}
    for n, owner in enumerate(surface[cut].tolist()):
        if owner not in best or found.long[n] > found.long[best[owner]]:
            best[owner] = n
    axes = []
    for owner in range(len(vertices)):
        n = best[owner]
        ends = np.column_stack([found.ends[n], np.full(4, heights[cut[n]])])
        axes.append(Axes(float(found.long[n]), float(found.short[n]), (ends @ direction) / spacing))
    return axes


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
    found = planar_axes(packed(reformats), len(reformats), spacing_mm)
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
