"""Balls on a voxel grid, of which many tests make their nodes."""

from __future__ import annotations

import numpy as np
from LymphNodeSegLib.images.image import Geometry


def ball(grid: Geometry, center_ijk, radius_mm: float) -> np.ndarray:
    """Boolean [k, j, i], true within a radius of a voxel."""
    k, j, i = np.indices(grid.size_ijk[::-1])
    offsets = [(axis - c) * s for axis, c, s in zip((i, j, k), center_ijk, grid.spacing_mm)]
    return sum(offset**2 for offset in offsets) <= radius_mm**2


def ras(grid: Geometry, index_ijk) -> tuple[float, float, float]:
    """Where a voxel lies."""
    return tuple((grid.lps_from_ijk(np.array(index_ijk)) * [-1.0, -1.0, 1.0]).tolist())
