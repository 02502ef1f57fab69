"""A smooth scalar field on a grid: cubic B-splines on a coarse mesh, as ITK's `BSplineTransform` has them.

Arrays are [k, j, i]. Along every axis there is a coefficient at each point of the mesh, one more at each end.
"""

from __future__ import annotations

import numpy as np

from .separable import along

LEVEL_MM = 80.0  # over which off-resonance in the pelvis is alike, about


class SmoothField:
    """What a field on a grid is made of.

    Args:
        shape: Of the grid's arrays.
        spacing_mm: Distances of the grid's points along the same axes.
        knot_mm: Distance of the mesh's points, about: a whole number of cells covers the grid.
    """

    def __init__(self, shape: tuple[int, ...], spacing_mm: tuple[float, ...], knot_mm: float) -> None:
        extents = [max((n - 1) * mm, 1e-6) for n, mm in zip(shape, spacing_mm)]
        self.mesh = tuple(max(1, round(extent / knot_mm)) for extent in extents)
        self.step_mm = tuple(extent / cells for extent, cells in zip(extents, self.mesh))
        self.shape = tuple(cells + 3 for cells in self.mesh)
        self._bases = [
            _basis(n, mm / step, cells)
            for n, mm, step, cells in zip(shape, spacing_mm, self.step_mm, self.mesh)
        ]

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """The field at every point of the grid, float32."""
        for axis, basis in enumerate(self._bases):
            coefficients = along(axis, basis, coefficients)
        return coefficients

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """The transpose of `values`: how far each coefficient takes part in a sum over the grid."""
        for axis in (2, 1, 0):  # contiguous as long as the array is large
            values = along(axis, self._bases[axis].T, values)
        return values

    def roughness(self, coefficients: np.ndarray) -> np.ndarray:
        """Derivative of half the summed squared bending (per mm^2) of the coefficients.

        A small share of their squared slope is in it: far from what is seen the field levels off.
        """
        result = np.zeros_like(coefficients)
        for axis, step in enumerate(self.step_mm):
            along, values = np.moveaxis(result, axis, 0), np.moveaxis(coefficients, axis, 0)
            second = np.diff(values, 2, axis=0) * np.float32(step**-4)
            along[:-2] += second
            along[1:-1] -= 2.0 * second
            along[2:] += second
            first = np.diff(values, axis=0) * np.float32((step * LEVEL_MM) ** -2)
            along[:-1] -= first
            along[1:] += first
        return result

    @property
    def roughness_diagonal(self) -> float:
        """What a coefficient inside the mesh adds to its own `roughness`."""
        return float(sum(6.0 * step**-4 + 2.0 * (step * LEVEL_MM) ** -2 for step in self.step_mm))


def _basis(count: int, step: float, cells: int) -> np.ndarray:
    """Weights of the coefficients (columns) at the points of an axis (rows), `step` cells apart."""
    distance = np.abs(np.arange(count)[:, None] * step - (np.arange(cells + 3) - 1))
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    return np.where(distance < 1.0, near, far).astype(np.float32)
