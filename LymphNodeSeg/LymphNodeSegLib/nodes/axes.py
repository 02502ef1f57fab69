"""The two RECIST axes of masks in parallel planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from .outline import chosen, outer_loops, smooth_outlines

DIRECTIONS = 24

TIE_PIXELS = 0.75
"""Long axes that differ by less cannot be told apart: each is known within half a pixel, no better."""

_SLACK_PIXELS = 1.0  # how much a diameter may shrink when its outline is smoothed


@dataclass(frozen=True)
class PlanarAxes:
    """Long and short axis in one plane.

    Attributes:
        plane: Index of the plane they lie in.
        long_yx, short_yx: End points, (2, 2), in fractional rows and columns of the mask.
        long_mm, short_mm: Lengths.
        rivals_mm: Short axes on other planes whose long axis is as long within `TIE_PIXELS`.
    """

    plane: int
    long_yx: np.ndarray
    short_yx: np.ndarray
    long_mm: float
    short_mm: float
    rivals_mm: tuple[float, ...] = ()


@dataclass(frozen=True)
class Axes:
    """Long and short axis in space.

    Attributes:
        long_mm, short_mm: Lengths.
        ends_ijk: End points of the long axis, then of the short axis, (4, 3), in i, j, k.
        rivals_mm: See `PlanarAxes`.
    """

    long_mm: float
    short_mm: float
    ends_ijk: np.ndarray
    rivals_mm: tuple[float, ...] = ()


SLICES = np.array([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])
"""The matrix from (row, column, plane, 1) of an image's own slices to (i, j, k)."""


def in_slices(axes: PlanarAxes, to_ijk: np.ndarray = SLICES) -> Axes:
    """Axes found in a stack of planes, in space; `to_ijk` maps (row, column, plane, 1) to (i, j, k)."""
    ends = np.concatenate([axes.long_yx, axes.short_yx])
    rows = np.column_stack([ends, np.full(4, float(axes.plane)), np.ones(4)])
    return Axes(axes.long_mm, axes.short_mm, rows @ to_ijk.T, axes.rivals_mm)


def axes_of_outlines(outlines: Sequence[np.ndarray]) -> Optional[tuple[float, np.ndarray, float]]:
    """Long axis, end points of both axes (4, 2) and short axis of the longest outline (n, 2), in mm."""
    best: Optional[tuple[float, np.ndarray, np.ndarray]] = None
    for outline in outlines:
        ends = farthest_pair(outline)
        length = float(np.hypot(*(ends[1] - ends[0])))
        if length > 0 and (best is None or length > best[0]):
            best = (length, ends, outline)
    if best is None:
        return None
    length, ends, outline = best
    short = longest_chord(outline, (ends[1] - ends[0]) / length)
    return length, np.concatenate([ends, short]), float(np.hypot(*(short[1] - short[0])))


def planar_axes(masks: Sequence[np.ndarray], spacing_mm: tuple[float, float]) -> list[Optional[PlanarAxes]]:
    """The RECIST axes of each of several masks [plane, row, column].

    Pieces of a mask that do not hang together in their plane are measured on their own. The long axis is the
    largest distance between two points of one piece's outline, in the plane where it is largest. The short
    axis is the longest line perpendicular to it that stays inside the piece, holes filled (RECIST 1.1).

    Args:
        masks: Boolean arrays.
        spacing_mm: Distance between rows, between columns; the same for all masks.

    Returns:
        For each mask its axes, None for an empty mask.
    """
    axes: list[Optional[PlanarAxes]] = [None] * len(masks)
    scale = np.asarray(spacing_mm, dtype=float)
    loops = outer_loops(masks) if masks else None
    if not loops:
        return axes
    widths = _widths(loops.points * scale, loops.first)
    longest = _largest(widths, loops.owner, len(masks))
    loops = chosen(loops, np.flatnonzero(widths >= longest[loops.owner] - _SLACK_PIXELS * scale.max()))
    outlines = [outline * scale for outline in smooth_outlines(loops)]
    first = np.cumsum([0, *(len(outline) for outline in outlines)])
    widths = _widths(np.concatenate(outlines), first)
    # The largest of the widths is at least the longest diameter times this share.
    longest = _largest(widths, loops.owner, len(masks)) * np.cos(np.pi / (2 * DIRECTIONS))
    tie_mm = TIE_PIXELS * float(scale.max())
    found: dict[int, list[tuple[float, np.ndarray, int]]] = {}
    for n in np.flatnonzero(widths >= longest[loops.owner] - tie_mm).tolist():
        ends = farthest_pair(outlines[n])
        length = float(np.hypot(*(ends[1] - ends[0])))
        found.setdefault(int(loops.owner[n]), []).append((length, ends, n))
    for owner, candidates in found.items():
        best = max(candidates, key=lambda candidate: candidate[0])
        shorts = {
            n: longest_chord(outlines[n], (ends[1] - ends[0]) / length)
            for length, ends, n in candidates
            if length >= best[0] - tie_mm
        }
        short_mm = {n: float(np.hypot(*(short[1] - short[0]))) for n, short in shorts.items()}
        length, ends, n = best
        rivals = tuple(short_mm[m] for m in shorts if loops.plane[m] != loops.plane[n])
        axes[owner] = PlanarAxes(
            int(loops.plane[n]), ends / scale, shorts[n] / scale, length, short_mm[n], rivals
        )
    return axes


def _largest(widths: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    """The largest width of each owner."""
    largest = np.zeros(count)
    np.maximum.at(largest, owner, widths)
    return largest


def _widths(points: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The largest width of each outline over some directions."""
    angles = np.arange(DIRECTIONS) * (np.pi / DIRECTIONS)
    widest = np.zeros(len(first) - 1)
    for angle in angles.tolist():
        along = points @ np.array([np.sin(angle), np.cos(angle)])
        width = np.maximum.reduceat(along, first[:-1]) - np.minimum.reduceat(along, first[:-1])
        np.maximum(widest, width, out=widest)
    return widest


def farthest_pair(points: np.ndarray) -> np.ndarray:
    """The two points farthest apart, (2, 2)."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import cdist

    if len(points) > 256:
        points = points[ConvexHull(points).vertices]
    apart = cdist(points, points, "sqeuclidean")
    return points[list(divmod(int(np.argmax(apart)), len(points)))]


def longest_chord(outline: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The longest line across a closed outline, perpendicular to a direction, that stays inside: (2, 2).

    Between two vertices a chord's length changes linearly, so that the longest one passes through a vertex.
    """
    across = np.array([-direction[1], direction[0]])
    x0, y0 = outline @ direction, outline @ across
    ahead = np.r_[x0[1:], x0[:1]] > x0
    if np.count_nonzero(ahead[1:] != ahead[:-1]) + (ahead[0] != ahead[-1]) == 2:
        return _longest_of_two_chains(x0, y0) @ np.stack([direction, across])
    after = np.r_[1 : len(outline), 0]
    x1, y1 = x0[after], y0[after]
    swap = x0 > x1
    x0, x1 = np.where(swap, x1, x0), np.where(swap, x0, x1)
    y0, y1 = np.where(swap, y1, y0), np.where(swap, y0, y1)
    stations = np.unique(x0)
    line, side = np.nonzero((x0 <= stations[:, None]) & (stations[:, None] < x1))
    y = y0[side] + (stations[line] - x0[side]) * (y1[side] - y0[side]) / (x1[side] - x0[side])
    order = np.lexsort((y, line))
    line, y = line[order], y[order]
    # A line meets a closed outline an even number of times: inside between the first two, the next two, ...
    length = y[1::2] - y[::2]
    longest = int(np.argmax(length))
    return stations[line[2 * longest]] * direction + np.outer(y[2 * longest : 2 * longest + 2], across)


def _longest_of_two_chains(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The longest line along y inside an outline that runs once up and once down along x: (2, 2)."""
    start = int(np.argmin(x))
    x, y = np.r_[x[start:], x[: start + 1]], np.r_[y[start:], y[: start + 1]]
    top = int(np.argmax(x))
    one = np.interp(x, x[: top + 1], y[: top + 1])
    other = np.interp(x, x[: top - 1 if top else None : -1], y[: top - 1 if top else None : -1])
    longest = int(np.argmax(np.abs(one - other)))
    return np.array([[x[longest], one[longest]], [x[longest], other[longest]]])
