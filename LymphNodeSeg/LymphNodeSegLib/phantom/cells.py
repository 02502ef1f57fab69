"""The pixels of a voxel grid in small square cells, and which cells a shape may touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .sampling import LATTICE_STRIDE, STRETCH, Sampling

CELL = LATTICE_STRIDE  # pixels along each side: so the points of a cell follow from those of its corners
PIXELS = CELL * CELL
# Gauss-Legendre: the mean over a slice from two planes, so many slice distances before and after its center.
PLANE_OFFSET = 0.289


class CellPlace:
    """The pixels of some cells, on the middle of the slices or on both planes that make a slice's mean.

    Args:
        corners: x, y, z of the corners of each cell, (3, 4, cells) or (3, 2 planes, 4, cells).
    """

    def __init__(self, corners: np.ndarray) -> None:
        self._x, self._y, self._z = corners

    def along(self, direction: Sequence[Any], offset: Any) -> np.ndarray:
        """See `places.Place`; float32 (cells, pixels) or (2 planes, cells, pixels)."""
        values = self._x * direction[0]
        values += self._y * direction[1]
        values += self._z * direction[2]
        values -= offset
        return np.matmul(values.swapaxes(-1, -2), WEIGHTS)

    def each(self, values: Any) -> Any:
        """See `places.Place`."""
        return values[:, None] if isinstance(values, np.ndarray) else values


def bilinear_weights(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Shares of a cell's four corners at places within it (0 to 1), float32 (places, 4)."""
    return np.stack(
        [(1 - rows) * (1 - columns), (1 - rows) * columns, rows * (1 - columns), rows * columns], axis=-1
    ).astype(np.float32)


WEIGHTS = bilinear_weights(*(np.array(np.divmod(np.arange(PIXELS), CELL)) / CELL)).T.copy()


class CellGrid:
    """The cells of a grid. A cell goes by the number of its first corner.

    Args:
        sampling: The grid and its points.
    """

    def __init__(self, sampling: Sampling) -> None:
        geometry = sampling.geometry
        width, height, self.depth = geometry.size_ijk
        self.size = (height, width)
        self.rows, self.columns = -(-height // CELL) + 1, -(-width // CELL) + 1
        self.count = self.depth * self.rows * self.columns
        half_slice = PLANE_OFFSET * geometry.spacing_mm[2] * geometry.normal_lps
        self._planes = np.stack([-half_slice, half_slice], axis=1).astype(np.float32)[:, :, None, None]
        self.half_slice_mm = PLANE_OFFSET * geometry.spacing_mm[2]
        half = (CELL - 1) / 2.0 * np.array(geometry.spacing_mm[:2])
        # No point of a cell is farther from its middle.
        self.radius_mm = STRETCH * float(np.linalg.norm([*half, self.half_slice_mm]))
        self._corners = [
            np.ascontiguousarray(np.moveaxis(points, -1, 0)).reshape(3, -1)
            for points in (sampling.anatomy, sampling.patient)
        ]
        self._steps = np.array([0, 1, self.columns, self.columns + 1])[:, None]
        self._centers = [self._center(corners) for corners in self._corners]

    def _center(self, corners: np.ndarray) -> np.ndarray:
        middle = np.array([(CELL - 1) / (2.0 * CELL)])
        last = corners.shape[1] - self.columns - 1
        out = np.zeros_like(corners)
        for share, step in zip(bilinear_weights(middle, middle)[0], self._steps[:, 0]):
            out[:, :last] += share * corners[:, step : step + last]
        return out

    def planes(self, cells: np.ndarray, in_patient: bool) -> CellPlace:
        """The pixels on both planes of the slices."""
        return CellPlace(self._corners_of(cells, in_patient)[:, None] + self._planes)

    def middle(self, cells: np.ndarray) -> CellPlace:
        """The pixels on the middle of the slices, in the anatomy."""
        return CellPlace(self._corners_of(cells, False))

    def _corners_of(self, cells: np.ndarray, in_patient: bool) -> np.ndarray:
        return self._corners[in_patient].take(cells + self._steps, axis=1)

    def centers(self, cells: np.ndarray, in_patient: bool) -> np.ndarray:
        """The middle of each cell on the middle of its slice, x, y, z in mm, (3, cells)."""
        return self._centers[in_patient].take(cells, axis=1)

    def plane_centers(self, cells: np.ndarray, in_patient: bool) -> np.ndarray:
        """The middle of each cell on both planes of its slice, x, y, z in mm, (3, 2, cells)."""
        return self.centers(cells, in_patient)[:, None] + self._planes[:, :, 0]

    def image(self, values: np.ndarray) -> np.ndarray:
        """Values (cells, pixels) as a stack of slices [k, j, i]."""
        height, width = self.size
        grid = values.reshape(self.depth, self.rows, self.columns, CELL, CELL).swapaxes(2, 3)
        stack = grid.reshape(self.depth, CELL * self.rows, CELL * self.columns)
        return stack[:, :height, :width]


def cells_in(grid: CellGrid, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All cells in boxes of voxels.

    Args:
        grid: The cells.
        boxes: First and last index + 1 along i, j, k, (n, 2, 3).

    Returns:
        The cells, box after box, and the number of each one's box.
    """
    first = boxes[:, 0] // (CELL, CELL, 1)
    size = np.maximum(-(-boxes[:, 1] // (CELL, CELL, 1)) - first, 0)
    size[(boxes[:, 1] <= boxes[:, 0]).any(axis=1)] = 0
    start = (first[:, 2] * grid.rows + first[:, 1]) * grid.columns + first[:, 0]
    owner = np.arange(len(boxes))
    for axis, step in ((2, grid.rows * grid.columns), (1, grid.columns), (0, 1)):
        count = size[owner, axis]
        start, owner = expand(start, count, step), np.repeat(owner, count)
    return start, owner


def expand(start: np.ndarray, count: np.ndarray, step: int) -> np.ndarray:
    """``start[n] + step * (0 ... count[n] - 1)`` for all n in a row."""
    before = np.cumsum(count) - count
    return np.repeat(start - step * before, count) + step * np.arange(int(count.sum()))
