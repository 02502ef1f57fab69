"""Closed polygons around masks in a plane, and masks from closed polygons.

The polygons run along the edges of the pixels. Half a pixel away from every pixel center, they give back the
same pixels in every reader that asks "is the center inside?", and their area is the area of the pixels.
Polygons through pixel centers lose half a pixel all around: a quarter of the volume of a node of 5 mm.

All coordinates are (i, j), column and row, with pixel centers at whole numbers.
"""

from __future__ import annotations

import numpy as np

# Steps along the edges of the lattice, clockwise on the screen (j points down).
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))

Vertex = tuple[int, int]


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Polygons along the pixel edges of a mask, one for each 4-connected piece.

    A hole is part of its piece's polygon, by a keyhole: a cut of no width from the hole to the left. Readers
    that fill each polygon on its own would otherwise fill the hole (DICOM PS3.3 C.8.8.6.3).

    Args:
        mask: Boolean [j, i].

    Returns:
        Polygons of shape (n, 2), not closed by a repeated point, clockwise on the screen; n is at least 4.
    """
    outer: list[list[Vertex]] = []
    holes: list[list[Vertex]] = []
    for loop in _loops(np.asarray(mask, dtype=bool)):
        (outer if area(np.array(loop)) > 0 else holes).append(loop)
    merged = _with_keyholes(outer, holes)
    return [_corners(loop).astype(float) - 0.5 for loop in merged]


def _loops(mask: np.ndarray) -> list[list[Vertex]]:
    """Every boundary as its lattice vertices, one step apart; outer ones clockwise, holes counter-clockwise.

    Vertex (i, j) is the corner that pixel (i, j) shares with pixel (i - 1, j - 1).
    """
    rows, columns = mask.shape
    padded = np.pad(mask, 1)
    here, above, left = padded[1:, 1:], padded[:-1, 1:], padded[1:, :-1]
    corner = padded[:-1, :-1]
    # leaving[d][j, i]: a boundary leaves vertex (i, j) in direction d, the mask on its right.
    leaving = np.stack([here & ~above, left & ~here, corner & ~left, above & ~corner])
    assert leaving.shape[1:] == (rows + 1, columns + 1)
    loops = []
    for j, i in np.argwhere(leaving[0]):
        if leaving[0, j, i]:
            loops.append(_walk(leaving, (int(i), int(j))))
    return loops


def _walk(leaving: np.ndarray, start: Vertex) -> list[Vertex]:
    """Follow one boundary from a vertex that it leaves to the right, and strike out its edges."""
    loop = []
    (i, j), direction = start, 0
    while True:
        leaving[direction, j, i] = False
        loop.append((i, j))
        i, j = i + _STEPS[direction][0], j + _STEPS[direction][1]
        # Where two pixels meet at a corner only, turn right: stay with the same pixel.
        for turn in (1, 0, 3):
            if leaving[(direction + turn) % 4, j, i]:
                direction = (direction + turn) % 4
                break
        else:
            return loop


def _with_keyholes(outer: list[list[Vertex]], holes: list[list[Vertex]]) -> list[list[Vertex]]:
    """Cut every hole open to the loop on its left.

    Taken from left to right, the first boundary that a hole meets on its left is an outer loop or a hole
    that has been joined to one already.
    """
    merged = list(outer)
    owner = {vertex: index for index, loop in enumerate(merged) for vertex in loop}
    for hole in sorted(holes, key=min):
        first = hole.index(min(hole))
        i, j = hole[first]
        i -= 1
        while (i, j) not in owner:
            i -= 1
        index = owner[i, j]
        at = merged[index].index((i, j))
        bridge = [(column, j) for column in range(i + 1, hole[first][0])]
        around = hole[first:] + hole[: first + 1]
        merged[index] = [*merged[index][: at + 1], *bridge, *around, *bridge[::-1], *merged[index][at:]]
        owner.update(dict.fromkeys((*bridge, *hole), index))
    return merged


def _corners(loop: list[Vertex]) -> np.ndarray:
    """The vertices at which a loop turns."""
    points = np.array(loop)
    arriving = points - np.roll(points, 1, axis=0)
    departing = np.roll(points, -1, axis=0) - points
    return points[np.any(np.sign(arriving) != np.sign(departing), axis=1)]


def area(polygon: np.ndarray) -> float:
    """The area of a polygon (n, 2); positive for clockwise on the screen (j points down)."""
    i, j = polygon.T
    return 0.5 * float(np.sum(i * np.roll(j, -1) - np.roll(i, -1) * j))


def is_inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points (m, 2) lie inside a polygon (n, 2), by the even-odd rule; boolean (m,)."""
    u, v = np.asarray(points, dtype=float).T
    inside = np.zeros(len(u), dtype=bool)
    for (u0, v0), (u1, v1) in zip(polygon, np.roll(polygon, -1, axis=0)):
        if v0 != v1:
            crossed = (v0 <= v) != (v1 <= v)
            inside ^= crossed & (u < u0 + (v - v0) * ((u1 - u0) / (v1 - v0)))
    return inside


def fill(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose centers lie inside a polygon, by the even-odd rule; keyholes stay open.

    Args:
        polygon: (n, 2), points (i, j), closed without a repeated point; it may reach beyond the grid.
        shape: Rows, columns of the mask wanted.

    Returns:
        Boolean [j, i].
    """
    rows, columns = shape
    start = np.asarray(polygon, dtype=float)
    end = np.roll(start, -1, axis=0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    # An edge crosses the rows from `first` to below `last`: low <= row < high.
    first = np.clip(np.ceil(low), 0, rows).astype(int)
    last = np.clip(np.ceil(high), 0, rows).astype(int)
    count = last - first
    edge = np.repeat(np.arange(len(start)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    run = end[edge] - start[edge]
    crossing = start[edge, 0] + (row - start[edge, 1]) * run[:, 0] / run[:, 1]
    column = np.clip(np.ceil(crossing), 0, columns).astype(int)
    toggles = np.zeros((rows, columns + 1), dtype=np.int32)
    np.add.at(toggles, (row, column), 1)
    return (np.cumsum(toggles, axis=1)[:, :columns] % 2).astype(bool)
