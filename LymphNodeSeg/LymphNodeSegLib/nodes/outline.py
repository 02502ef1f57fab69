"""Sub-pixel outlines of masks in parallel planes, and the two RECIST axes on them.

A mask knows only which voxel centers lie inside. Its outline runs somewhere between the outermost centers
inside and the innermost outside; taking the pixels' edges or centers instead biases every diameter by up to
a pixel. Here the mask is smoothed in the plane by a small kernel whose second moment is zero (it leaves
straight and gently curved edges where they are, where a Gaussian would pull curved ones inwards), and the
outline is the level line at one half, with its crossings of the pixel grid found by linear interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

SIGMA_PIXELS = 0.75
"""Width of the smoothing kernel: the smallest that averages the staircase of a slanting edge."""

RADIUS_PIXELS = 3
"""Half the kernel's support; masks need as many empty pixels around them."""

LEVEL = 0.5

_TIE_MM = 1e-6
_DIRECTIONS = 32


@dataclass(frozen=True)
class PlanarAxes:
    """Long and short axis in one plane.

    Attributes:
        plane: Index of the plane they lie in.
        long_yx, short_yx: End points, (2, 2), in fractional rows and columns of the field.
        long_mm, short_mm: Lengths.
    """

    plane: int
    long_yx: np.ndarray
    short_yx: np.ndarray
    long_mm: float
    short_mm: float


def kernel(sigma_pixels: float = SIGMA_PIXELS, radius_pixels: int = RADIUS_PIXELS) -> np.ndarray:
    """Smoothing weights of sum 1 and second moment 0: a Gaussian times (a - b x^2)."""
    x = np.arange(-radius_pixels, radius_pixels + 1, dtype=float)
    g = np.exp(-0.5 * (x / sigma_pixels) ** 2)
    m0, m2, m4 = g.sum(), (g * x**2).sum(), (g * x**4).sum()
    b = m2 / (m4 * m0 - m2 * m2)
    a = (1 + b * m2) / m0
    return g * (a - b * x**2)


def smooth_planes(mask: np.ndarray) -> np.ndarray:
    """A mask [plane, row, column] smoothed within its planes, with `RADIUS_PIXELS` rows and columns added."""
    r = RADIUS_PIXELS
    padded = np.pad(np.asarray(mask, dtype=float), ((0, 0), (r, r), (r, r)))
    return np.matmul(np.matmul(_band(padded.shape[1]), padded), _band(padded.shape[2]))


def _band(size: int) -> np.ndarray:
    """The kernel as a symmetric banded matrix of the given size."""
    weights = kernel()
    matrix = np.zeros((size, size))
    for offset, weight in zip(range(-RADIUS_PIXELS, RADIUS_PIXELS + 1), weights):
        if abs(offset) < size:
            matrix += np.diag(np.full(size - abs(offset), weight), offset)
    return matrix


def planar_axes(
    field: np.ndarray, spacing_mm: tuple[float, float], level: float = LEVEL
) -> Optional[PlanarAxes]:
    """The RECIST axes of the region where a field [plane, row, column] is at least the level.

    Pieces of the region that do not hang together in their plane are measured on their own. The long axis is
    the largest distance between two points of one piece's outline, in the plane where it is largest. The
    short axis is the longest line perpendicular to it that stays inside the piece (holes are filled).

    Args:
        field: Real values; below the level at the rims of all planes.
        spacing_mm: Distance between rows, between columns.
        level: Value of the outline.

    Returns:
        The axes, or None where the field reaches the level nowhere.
    """
    points, plane_of = _crossings(field, level)
    if not len(points):
        return None
    scale = np.asarray(spacing_mm, dtype=float)
    bound = _length_bounds(points * scale, plane_of)
    best: Optional[PlanarAxes] = None
    for plane in sorted(bound, key=bound.__getitem__, reverse=True):
        if best is not None and bound[plane] <= best.long_mm:
            break
        for piece in _pieces(field[plane], level):
            axes = _piece_axes(piece, level, scale, plane)
            if axes is not None and (best is None or axes.long_mm > best.long_mm + _TIE_MM):
                best = axes
    return best


def _crossings(field: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (row, column) where the level line crosses the pixel grid, and the plane of each, by plane."""
    inside = field >= level
    found = []
    for axis in (1, 2):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        where = np.argwhere(inside[tuple(low)] != inside[tuple(high)])
        ahead = where.copy()
        ahead[:, axis] += 1
        f0, f1 = field[tuple(where.T)], field[tuple(ahead.T)]
        point = where.astype(float)
        point[:, axis] += (level - f0) / (f1 - f0)
        found.append(point)
    points = np.concatenate(found)
    points = points[np.argsort(points[:, 0], kind="stable")]
    return points[:, 1:], points[:, 0].astype(int)


def _length_bounds(points_mm: np.ndarray, plane_of: np.ndarray) -> dict[int, float]:
    """For each plane a length that no two of its points exceed: the largest width over some directions."""
    angles = np.arange(_DIRECTIONS) * (np.pi / _DIRECTIONS)
    along = points_mm @ np.stack([np.sin(angles), np.cos(angles)])
    planes, first = np.unique(plane_of, return_index=True)
    widths = np.maximum.reduceat(along, first) - np.minimum.reduceat(along, first)
    longest = widths.max(axis=1) / np.cos(np.pi / (2 * _DIRECTIONS))
    return dict(zip(planes.tolist(), longest.tolist()))


def _pieces(field: np.ndarray, level: float) -> list[np.ndarray]:
    """The field of each connected piece of a plane, the others lowered below the level; holes filled."""
    from scipy import ndimage

    labels, count = ndimage.label(field >= level)
    pieces = []
    for piece in range(1, count + 1):
        own = (
            field if count == 1 else np.where((labels > 0) & (labels != piece), np.minimum(field, 0.0), field)
        )
        holes = ndimage.binary_fill_holes(labels == piece) & (labels == 0)
        pieces.append(np.where(holes, 1.0, own) if holes.any() else own)
    return pieces


def _piece_axes(field: np.ndarray, level: float, scale: np.ndarray, plane: int) -> Optional[PlanarAxes]:
    start, end = _segments(field, level)
    start, end = start * scale, end * scale
    ends = _farthest_pair(np.unique(np.round(start, 9), axis=0))
    if ends is None:
        return None
    direction = ends[1] - ends[0]
    long_mm = float(np.hypot(*direction))
    short = _longest_chord(start, end, direction / long_mm)
    return PlanarAxes(plane, ends / scale, short / scale, long_mm, float(np.hypot(*(short[1] - short[0]))))


def _farthest_pair(points: np.ndarray) -> Optional[np.ndarray]:
    """The two points farthest apart, (2, 2); None for fewer than two points."""
    if len(points) < 2:
        return None
    if len(points) > 64:
        from scipy.spatial import ConvexHull

        points = points[ConvexHull(points).vertices]
    difference = points[:, None] - points[None]
    squared = np.einsum("abk,abk->ab", difference, difference)
    first, second = divmod(int(np.argmax(squared)), len(points))
    return points[[first, second]]


def _segments(field: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The level line of one plane as segments: start and end points (row, column), each (n, 2).

    Marching squares; where a cell is crossed four times its mean decides which corners hang together.
    """
    inside = field >= level
    cells = np.argwhere(
        (inside[:-1, :-1] != inside[:-1, 1:])
        | (inside[:-1, 1:] != inside[1:, 1:])
        | (inside[1:, 1:] != inside[1:, :-1])
    )
    row, column = cells.T
    corner = np.stack(
        [field[row, column], field[row, column + 1], field[row + 1, column + 1], field[row + 1, column]]
    )
    sides = np.array([[0, 1], [1, 2], [3, 2], [0, 3]])  # top, right, bottom, left
    origin = np.array([[0, 0], [0, 1], [1, 0], [0, 0]])
    along = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
    f0, f1 = corner[sides[:, 0]], corner[sides[:, 1]]
    crossed = (f0 >= level) != (f1 >= level)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(crossed, (level - f0) / (f1 - f0), 0.0)
    point = cells[None] + origin[:, None] + along[:, None] * fraction[:, :, None]
    four = crossed.sum(axis=0) == 4
    two = np.flatnonzero(~four)
    order = np.argsort(~crossed[:, two], axis=0, kind="stable")[:2]
    start, end = [point[order[0], two]], [point[order[1], two]]
    saddle = np.flatnonzero(four)
    if len(saddle):
        joined = (corner[:, saddle].mean(axis=0) >= level) == (corner[0, saddle] >= level)
        # The line goes round the corners top-right and bottom-left where the other diagonal is joined.
        start += [point[0, saddle], point[2, saddle]]
        end += [point[np.where(joined, 1, 3), saddle], point[np.where(joined, 3, 1), saddle]]
    return np.concatenate(start), np.concatenate(end)


def _longest_chord(start: np.ndarray, end: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The longest line across a closed outline, perpendicular to a direction, that stays inside: (2, 2).

    Between two vertices a chord's length changes linearly, so that the longest one passes through a vertex.
    """
    across = np.array([-direction[1], direction[0]])
    x0, y0, x1, y1 = start @ direction, start @ across, end @ direction, end @ across
    swap = x0 > x1
    x0, x1, y0, y1 = (
        np.where(swap, x1, x0),
        np.where(swap, x0, x1),
        np.where(swap, y1, y0),
        np.where(swap, y0, y1),
    )
    best, ends = -1.0, np.zeros((2, 2))
    stations = np.unique(np.concatenate([x0, x1]))
    for low_closed in (True, False):
        x = stations[:, None]
        cut = (x0 <= x) & (x < x1) if low_closed else (x0 < x) & (x <= x1)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(cut, y0 + (x - x0) * (y1 - y0) / (x1 - x0), np.inf)
        most = int(cut.sum(axis=1).max(initial=0))
        if most < 2:
            continue
        y = np.sort(y, axis=1)[:, : most - most % 2]
        with np.errstate(invalid="ignore"):
            length = np.nan_to_num(y[:, 1::2] - y[:, ::2], nan=-1.0, posinf=-1.0)
        at, pair = divmod(int(np.argmax(length)), length.shape[1])
        if length[at, pair] > best:
            best = float(length[at, pair])
            ends = np.outer([1, 1], stations[at] * direction) + np.outer(
                y[at, 2 * pair : 2 * pair + 2], across
            )
    return ends
