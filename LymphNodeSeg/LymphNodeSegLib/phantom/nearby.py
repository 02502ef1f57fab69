"""Which cells of a grid each shape may touch, and how far the shape's surface is from their pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cells import PIXELS, CellGrid, cells_in
from .places import Points
from .sampling import Sampling
from .shapes import Capsule, Shape, capsule_distance, parts_of

CHUNK_POINTS = 16384  # so many stay in the processor's cache
CHUNK_CELLS = 1820  # the matrix products of more are large enough for a BLAS to start its threads


class Nearby:
    """The cells near each of some shapes.

    Args:
        grid: The cells.
        sampling: Grid and points.
        shapes: The shapes.
        in_patient: Which of them are given in true patient coordinates.
        margins_mm: By how much each shape's box is blown up; nothing is near outside it.
        reach_mm: The farthest pixels of interest from each shape.
    """

    def __init__(
        self,
        grid: CellGrid,
        sampling: Sampling,
        shapes: Sequence[Shape],
        in_patient: np.ndarray,
        margins_mm: np.ndarray,
        reach_mm: np.ndarray,
    ) -> None:
        self._grid, self._in_patient = grid, in_patient
        self._parts = [part for shape in shapes for part in parts_of(shape)]
        counts = [len(parts_of(shape)) for shape in shapes]
        self._owner = np.repeat(np.arange(len(shapes)), counts)
        self._is_capsule = np.array([isinstance(part, Capsule) for part in self._parts])
        frames = [part.frame if isinstance(part, Capsule) else [0.0] * 15 for part in self._parts]
        self._frames = np.array(frames, dtype=np.float32).T
        boxes = sampling.boxes(self._parts, margins_mm[self._owner], in_patient[self._owner])
        cells, parts = cells_in(grid, boxes)
        distance = self._from_centers(cells, parts)
        kept = distance < (reach_mm + grid.radius_mm)[self._owner[parts]]
        self._sort(cells[kept], parts[kept], distance[kept], len(shapes))

    def _from_centers(self, cells: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Distance of each cell's middle to a part; `parts` ascends."""
        distance = np.empty(len(cells), dtype=np.float32)
        in_patient = self._in_patient[self._owner]
        bounds = np.searchsorted(parts, np.arange(len(self._parts) + 1))
        for p in np.flatnonzero(~self._is_capsule & (np.diff(bounds) > 0)):
            own = slice(bounds[p], bounds[p + 1])
            place = Points(*self._grid.plane_centers(cells[own], bool(in_patient[p])))
            distance[own] = self._cautious(self._parts[p], place)
        for flag in (False, True):
            capsules = np.flatnonzero((self._is_capsule & (in_patient == flag))[parts])
            for start in range(0, len(capsules), CHUNK_POINTS):
                chosen = capsules[start : start + CHUNK_POINTS]
                place = Points(*self._grid.centers(cells[chosen], flag))
                distance[chosen] = capsule_distance(place, self._frames.take(parts[chosen], axis=1))
        return distance

    def _cautious(self, part: Shape, place: Points) -> np.ndarray:
        """Distance of cells from the middle of the slice, given the cells' middles on both planes.

        What a flat ellipsoid calls distance may change by more than the way from plane to plane, and so its
        edge is spread farther; in its middle it may be anything up to its longest radius.
        """
        one, other = part.distance_at(place)
        excess = np.maximum(np.abs(one - other) - 2.0 * self._grid.half_slice_mm, 0.0)
        return np.asarray(np.maximum(0.5 * (one + other) - 0.75 * excess, -part.depth_mm))

    def _sort(self, cells: np.ndarray, parts: np.ndarray, distance: np.ndarray, count: int) -> None:
        """Order by shape and cell, and leave out parts that another part of the shape is nearer than."""
        shapes = self._owner[parts]
        key = shapes * self._grid.count + cells
        order = np.argsort(key, kind="stable")
        key, parts, distance = key[order], parts[order], distance[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        nearest = np.minimum.reduceat(distance, first) if len(first) else distance
        size = np.diff(np.append(first, len(key)))
        kept = distance <= np.repeat(nearest, size) + 2.0 * self._grid.radius_mm
        self._pair_parts = parts[kept]
        size = np.add.reduceat(kept, first, dtype=int) if len(first) else size
        before = np.cumsum(size) - size
        shapes, cells = np.divmod(key[first], self._grid.count)
        # Within each shape, cells that belong to many parts come first.
        order = np.lexsort((-size, shapes))
        self._first, self._size = before[order], size[order]
        self._cells, self._nearest = cells[order], nearest[order]
        self._bounds = np.searchsorted(shapes, np.arange(count + 1))

    def of(self, shape: int) -> tuple[np.ndarray, np.ndarray]:
        """The cells near a shape, and the distance of their middles to it."""
        own = slice(self._bounds[shape], self._bounds[shape + 1])
        return self._cells[own], self._nearest[own]

    def distance(self, shape: int, chosen: np.ndarray) -> np.ndarray:
        """Distance of all pixels of some of the shape's cells, float32 (2 planes, cells, pixels)."""
        chosen = chosen + self._bounds[shape]
        out = np.empty((2, len(chosen), PIXELS), dtype=np.float32)
        for start in range(0, len(chosen), CHUNK_CELLS):
            groups = chosen[start : start + CHUNK_CELLS]
            part = out[:, start : start + CHUNK_CELLS]
            part[...] = self._pairs(groups, 0, shape)
            for rank in range(1, int(self._size[groups[0]])):
                more = groups[: np.count_nonzero(self._size[groups] > rank)]
                np.minimum(part[:, : len(more)], self._pairs(more, rank, shape), out=part[:, : len(more)])
        return out

    def _pairs(self, groups: np.ndarray, rank: int, shape: int) -> np.ndarray:
        """Distance of all pixels of cells to one of the parts near each cell."""
        cells, parts = self._cells[groups], self._pair_parts[self._first[groups] + rank]
        in_patient = bool(self._in_patient[shape])
        if self._is_capsule[parts].all():
            return capsule_distance(self._grid.planes(cells, in_patient), self._frames.take(parts, axis=1))
        distance = np.empty((2, len(cells), PIXELS), dtype=np.float32)
        for p in np.unique(parts):
            own = np.flatnonzero(parts == p)
            distance[:, own] = self._parts[p].distance_at(self._grid.planes(cells[own], in_patient))
        return distance
