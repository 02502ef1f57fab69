"""The points at which a voxel grid looks at the anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from ..images.image import Geometry
from .fields import lattice_count, upsample
from .shapes import Shape, hull_of

LATTICE_STRIDE = 6
STRETCH = 1.12  # the warp stretches a shape by a few percent

PointMap = Callable[[np.ndarray], np.ndarray]


class Sampling:
    """The points at which a grid looks at the anatomy.

    A voxel of the T2 sees the patient where it lies; one of the distorted DWI sees another place.

    Args:
        geometry: The voxel grid.
        to_patient: LPS points of the grid (n, 3) to the true place in the patient; None where it is the same.
        to_anatomy: True places in the patient to the coordinates in which the anatomy is described.

    Attributes:
        patient, anatomy: Those places and coordinates at every `LATTICE_STRIDE`-th pixel, from the first to
            beyond the last, float32 (slices, rows, columns, 3); linear in between.
    """

    def __init__(self, geometry: Geometry, to_patient: Optional[PointMap], to_anatomy: PointMap) -> None:
        self.geometry = geometry
        width, height, depth = geometry.size_ijk
        i = LATTICE_STRIDE * np.arange(lattice_count(width, LATTICE_STRIDE))
        j = LATTICE_STRIDE * np.arange(lattice_count(height, LATTICE_STRIDE))
        self._grid = np.stack(np.meshgrid(np.arange(depth), j, i, indexing="ij")[::-1], axis=-1)
        points = geometry.lps_from_ijk(self._grid).reshape(-1, 3)
        patient = points if to_patient is None else to_patient(points)
        self.patient = patient.reshape(self._grid.shape).astype(np.float32)
        self.anatomy = to_anatomy(patient).reshape(self._grid.shape).astype(np.float32)
        # The linear part of the way from the anatomy back to the grid, for boxes.
        spread = self.anatomy.reshape(-1, 3) - self.anatomy.reshape(-1, 3).mean(axis=0)
        self._turn = np.linalg.lstsq(spread.astype(float), points - points.mean(axis=0), rcond=None)[0].T

    def slice_points(self, k: int) -> np.ndarray:
        """Patient coordinates of the centers in slice k, float32 (3, rows, columns)."""
        width, height, _ = self.geometry.size_ijk
        return upsample(np.moveaxis(self.patient[k], -1, 0), LATTICE_STRIDE, height, width)

    def boxes(self, shapes: Sequence[Shape], margins_mm: np.ndarray, in_patient: np.ndarray) -> np.ndarray:
        """Where each shape may be seen: first and last index + 1 along i, j, k, shape (shapes, 2, 3).

        The corners of a shape's box are carried to the grid by the nearest known points of it.
        """
        from scipy.spatial import cKDTree

        thin = (slice(None), slice(None, None, 3), slice(None, None, 3))
        inverse = np.linalg.inv(self.geometry.ijk_to_lps[:3, :3])
        per_mm = np.linalg.norm(inverse, axis=1)
        grid = self._grid[thin].reshape(-1, 3)
        hulls, radii = zip(*(hull_of(shape) for shape in shapes))
        corners_mm, extents = np.array(hulls), np.ptp(hulls, axis=1).max(axis=1)
        margins_mm = margins_mm + STRETCH * np.array(radii) + 0.07 * extents + 0.5
        out = np.zeros((len(shapes), 2, 3), dtype=int)
        for flag, known, matrix in (
            (False, self.anatomy, inverse @ self._turn),
            (True, self.patient, inverse),
        ):
            chosen = np.flatnonzero(in_patient == flag)
            if not len(chosen):
                continue
            places = known[thin].reshape(-1, 3).astype(float)
            corners = corners_mm[chosen]
            nearest = cKDTree(places).query(corners)[1]
            ijk = grid[nearest] + (corners - places[nearest]) @ matrix.T
            slack = margins_mm[chosen, None] * per_mm
            out[chosen, 0] = np.floor(ijk.min(axis=1) - slack)
            out[chosen, 1] = np.ceil(ijk.max(axis=1) + slack) + 1
        return np.clip(out, 0, np.array(self.geometry.size_ijk))
