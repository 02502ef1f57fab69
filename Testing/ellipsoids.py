"""Label maps of ellipsoids on turned grids."""

from __future__ import annotations

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image

SPACING = (0.7, 0.9, 3.3)


def label_map(geometry: Geometry, *ellipsoids: tuple[tuple[float, ...], tuple[float, ...]]) -> Image:
    """Ellipsoids (center and half axes along i, j, k, in mm from the first voxel) as labels 1, 2, ..."""
    index = np.meshgrid(*(np.arange(n) for n in geometry.size_ijk[::-1]), indexing="ij")[::-1]
    labels = np.zeros(geometry.size_ijk[::-1], np.uint16)
    for number, (center, half) in enumerate(ellipsoids, start=1):
        distance = sum(((i * s - c) / h) ** 2 for i, s, c, h in zip(index, geometry.spacing_mm, center, half))
        labels[np.asarray(distance) <= 1] = number
    return Image(labels, geometry)


def turn(axis: int, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def grid(direction: np.ndarray, size: tuple[int, int, int] = (60, 50, 14)) -> Geometry:
    return Geometry(size, (12.0, -34.0, 56.0), SPACING, tuple(direction.ravel().tolist()))
