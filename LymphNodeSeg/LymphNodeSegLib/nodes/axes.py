"""The two RECIST axes of masks in parallel planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from .outline import chosen, outer_loops, smooth_outlines
from .packed import Pack

DIRECTIONS = 24

TIE_PIXELS = 0.75
"""Long axes that differ by less cannot be told apart: each is known within half a pixel, no better."""

_SHORT = 256  # points of an outline up to which many are measured together
_BATCH = 32
_SLACK_PIXELS = 1.0  # how much a diameter may shrink when its outline is smoothed


@dataclass(frozen=True)
class PlanarAxes:
    """Long and short axis in one plane.

    Attributes:
        plane: Index of the plane they lie in.
        long_yx, short_yx: End points, (2, 2), in fractional rows and columns of the mask.
        long_mm, short_mm: Lengths.
        outline_yx: The outline that they were measured on, (n, 2).
        rivals: The axes on other planes whose long axis is as long within `TIE_PIXELS`.
    """

    plane: int
    long_yx: np.ndarray
    short_yx: np.ndarray
    long_mm: float
    short_mm: float
    outline_yx: np.ndarray
    rivals: tuple[PlanarAxes, ...] = ()


@dataclass(frozen=True)
class Axes:
    """Long and short axis in space.

    Attributes:
        long_mm, short_mm: Lengths.
        ends_ijk: End points of the long axis, then of the short axis, (4, 3), in i, j, k.
        rivals_mm: Short axes of the rivals of `PlanarAxes`.
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
    return Axes(axes.long_mm, axes.short_mm, rows @ to_ijk.T, tuple(one.short_mm for one in axes.rivals))


@dataclass(frozen=True)
class OutlineAxes:
    """Long and short axis of several closed outlines.

    Attributes:
        long, short: Lengths, (n,); 0 for an outline of no extent.
        ends: End points of the long axis, then of the short one, (n, 4, 2).
    """

    long: np.ndarray
    short: np.ndarray
    ends: np.ndarray


def axes_of_outlines(outlines: Sequence[np.ndarray]) -> OutlineAxes:
    """The axes of outlines (n, 2), each of any number of points, in the unit of their coordinates."""
    lengths = np.array([len(outline) for outline in outlines], dtype=int)
    axes = OutlineAxes(np.zeros(len(outlines)), np.zeros(len(outlines)), np.zeros((len(outlines), 4, 2)))
    short = np.flatnonzero(lengths <= _SHORT)
    for begin in range(0, len(short), _BATCH):
        batch = short[begin : begin + _BATCH]
        # Padding repeats the first point: it adds nothing to a closed outline.
        stack = np.empty((len(batch), int(lengths[batch].max()), 2))
        for row, number in zip(stack, batch.tolist()):
            row[:] = outlines[number][0]
            row[: lengths[number]] = outlines[number]
        ends = _farthest_pairs(stack)
        _set(axes, batch, ends, _longest_chords(stack, _directions(ends)))
    for number in np.flatnonzero(lengths > _SHORT).tolist():
        ends = farthest_pair(outlines[number])[None]
        _set(axes, np.array([number]), ends, _longest_chords(outlines[number][None], _directions(ends)))
    return axes


def _set(axes: OutlineAxes, numbers: np.ndarray, long_ends: np.ndarray, short_ends: np.ndarray) -> None:
    axes.ends[numbers, :2], axes.ends[numbers, 2:] = long_ends, short_ends
    axes.long[numbers] = np.hypot(*(long_ends[:, 1] - long_ends[:, 0]).T)
    axes.short[numbers] = np.hypot(*(short_ends[:, 1] - short_ends[:, 0]).T)


def _directions(ends: np.ndarray) -> np.ndarray:
    """Unit vectors from first to second ends, (n, 2); any for two ends in one place."""
    steps = ends[:, 1] - ends[:, 0]
    lengths = np.hypot(*steps.T)
    steps[lengths == 0] = 1.0, 0.0
    return np.asarray(steps / np.where(lengths == 0, 1.0, lengths)[:, None])


def planar_axes(
    packs: Sequence[Pack], count: int, spacing_mm: tuple[float, float]
) -> list[Optional[PlanarAxes]]:
    """The RECIST axes of each of several masks [plane, row, column].

    Pieces of a mask that do not hang together in their plane are measured on their own. The long axis is the
    largest distance between two points of one piece's outline, in the plane where it is largest. The short
    axis is the longest line perpendicular to it that stays inside the piece, holes filled (RECIST 1.1).

    Args:
        packs: The masks (`packed.packed`).
        count: How many.
        spacing_mm: Distance between rows, between columns; the same for all masks.

    Returns:
        For each mask its axes, None for an empty mask.
    """
    found: list[Optional[PlanarAxes]] = [None] * count
    scale = np.asarray(spacing_mm, dtype=float)
    loops = outer_loops(packs) if packs else None
    if not loops:
        return found
    widths = _widths(loops.points * scale, loops.first)
    longest = _largest(widths, loops.owner, count)
    loops = chosen(loops, np.flatnonzero(widths >= longest[loops.owner] - _SLACK_PIXELS * scale.max()))
    outlines = smooth_outlines(loops)
    axes = axes_of_outlines([outline * scale for outline in outlines])
    tie_mm = TIE_PIXELS * float(scale.max())
    tied = axes.long >= _largest(axes.long, loops.owner, count)[loops.owner] - tie_mm
    candidates: dict[int, list[int]] = {}
    for n in np.flatnonzero(tied).tolist():
        candidates.setdefault(int(loops.owner[n]), []).append(n)
    for owner, numbers in candidates.items():
        best, *others = sorted(numbers, key=lambda n: -axes.long[n])
        planar = [
            _planar(axes, n, int(loops.plane[n]), outlines[n], scale)
            for n in (best, *others)
            if n == best or loops.plane[n] != loops.plane[best]
        ]
        found[owner] = replace(planar[0], rivals=tuple(planar[1:]))
    return found


def _planar(axes: OutlineAxes, number: int, plane: int, outline: np.ndarray, scale: np.ndarray) -> PlanarAxes:
    """The axes of one of the outlines."""
    ends = axes.ends[number] / scale
    long_mm, short_mm = float(axes.long[number]), float(axes.short[number])
    return PlanarAxes(plane, ends[:2], ends[2:], long_mm, short_mm, outline)


def _largest(widths: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    """The largest width of each owner."""
    largest = np.zeros(count)
    np.maximum.at(largest, owner, widths)
    return largest


def _widths(points: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The largest width of each outline over some directions."""
    angles = np.arange(DIRECTIONS, dtype=np.float32) * np.float32(np.pi / DIRECTIONS)
    along = np.stack([np.sin(angles), np.cos(angles)], axis=1) @ points.T.astype(np.float32)
    spread = np.maximum.reduceat(along, first[:-1], axis=1) - np.minimum.reduceat(along, first[:-1], axis=1)
    return np.asarray(spread.max(axis=0), dtype=float)


def farthest_pair(points: np.ndarray) -> np.ndarray:
    """The two points farthest apart, (2, 2)."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import cdist

    points = points[ConvexHull(points).vertices]
    apart = cdist(points, points, "sqeuclidean")
    return points[list(divmod(int(np.argmax(apart)), len(points)))]


def _farthest_pairs(stack: np.ndarray) -> np.ndarray:
    """The two points farthest apart of each outline (n, points, 2): (n, 2, 2)."""
    centered = (stack - stack.mean(axis=1, keepdims=True)).astype(np.float32)
    squares = (centered * centered).sum(axis=2, keepdims=True)
    ones = np.ones_like(squares)
    # aa - 2 ab + bb of every two points, as one product.
    one = np.concatenate([centered, squares, ones], axis=2)
    apart = one @ np.concatenate([-2 * centered, ones, squares], axis=2).transpose(0, 2, 1)
    pairs = np.divmod(apart.reshape(len(stack), -1).argmax(axis=1), stack.shape[1])
    return stack[np.arange(len(stack))[:, None], np.stack(pairs, axis=1)]


def _longest_chords(stack: np.ndarray, along: np.ndarray) -> np.ndarray:
    """`longest_chord` of each outline (n, points, 2) for its direction (n, 2): (n, 2, 2).

    Most outlines run once up and once down along the direction. Those are laid one beyond the other, so that
    one interpolation serves all of them.
    """
    count, size, _ = stack.shape
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    axes = np.stack([along, across], axis=1)
    local = stack @ axes.transpose(0, 2, 1)
    place = np.arange(size + 1)
    around = (local[:, :, 0].argmin(axis=1)[:, None] + place) % size
    x, y = local[np.arange(count)[:, None], around].transpose(2, 0, 1)
    top = x.argmax(axis=1)[:, None]
    up = np.diff(x, axis=1) * np.where(place[:-1] < top, 1, -1) >= 0
    x -= x[:, :1]
    shift = 2.0 * x.max() * np.arange(count)[:, None]
    x += shift
    rising = place <= top
    one = np.interp(x.ravel(), x[rising], y[rising]).reshape(x.shape)
    falling = (place >= top)[:, ::-1]
    other = np.interp(x.ravel(), x[:, ::-1][falling], y[:, ::-1][falling]).reshape(x.shape)
    best = np.abs(one - other).argmax(axis=1)
    every = np.arange(count)
    where = (x - shift)[every, best] + local[:, :, 0].min(axis=1)
    chords = np.stack([np.stack([where, y_[every, best]], axis=1) for y_ in (one, other)], axis=1) @ axes
    for number in np.flatnonzero(~up.all(axis=1)).tolist():
        chords[number] = longest_chord(stack[number], along[number])
    return np.asarray(chords)


def longest_chord(outline: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The longest line across a closed outline, perpendicular to a direction, that stays inside: (2, 2).

    Between two vertices a chord's length changes linearly, so that the longest one passes through a vertex.
    """
    across = np.array([-direction[1], direction[0]])
    x0, y0 = outline @ direction, outline @ across
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
