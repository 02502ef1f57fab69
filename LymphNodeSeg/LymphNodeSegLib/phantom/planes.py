"""Planes of T2 and DWI as departments combine them: a sagittal T2, an axial DWI. Part of a varied phantom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..images.image import Geometry
from .curves import rotation_from_degrees
from .mixtures import Scan, centered_grid

CORONAL_SHARE = 0.1
"""Of the T2s, where no plane was asked for."""
OWN_PLANE_SHARES = {"axial": 0.3, "sagittal": 0.6, "coronal": 0.6}
"""By the T2's plane, how many DWIs lie axial on their own; the others are parallel to the T2."""
MOST_SLICES, MOST_PIXELS = 36, 192
CORONAL = np.column_stack([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def combined_planes(rng: np.random.Generator, scan: Scan, any_plane: bool) -> Scan:
    """An examination whose DWI may lie in another plane than its T2, and whose T2 may be coronal.

    Args:
        rng: Source of randomness.
        scan: As `mixtures.draw_scan` gives it.
        any_plane: The T2's plane may be changed.
    """
    coronal = rng.random() < CORONAL_SHARE
    if any_plane and coronal:
        scan = _coronal(rng, scan)
    if rng.random() < OWN_PLANE_SHARES[scan.t2.plane.replace("oblique ", "")]:
        scan = replace(scan, dwi=_axial_dwi(rng, scan.t2))
    return scan


def _coronal(rng: np.random.Generator, scan: Scan) -> Scan:
    """The same grids, turned about the middle of the pelvis."""
    turn = rotation_from_degrees(*rng.normal(0, 4.0, 3)) @ CORONAL
    center = np.array([rng.normal(0, 8), rng.uniform(-15, 25), rng.uniform(10, 60)])
    shift = turn @ np.array([*rng.normal(0, 6, 2), 0.0])
    t2, dwi = (
        centered_grid(grid.size_ijk, grid.spacing_mm, turn, place)
        for grid, place in ((scan.t2, center), (scan.dwi, center + shift))
    )
    return replace(scan, t2=t2, dwi=dwi)


def _axial_dwi(rng: np.random.Generator, t2: Geometry) -> Geometry:
    """An axial grid as wide as a pelvis that covers the height of the T2, or most of it."""
    tilt = rng.uniform(-20, 10) if rng.random() < 0.3 else 0.0
    direction = rotation_from_degrees(tilt, *rng.normal(0, 1.5, 2))
    pixel, wide = rng.uniform(1.6, 2.6), rng.uniform(240, 400)
    sides = [
        min(int(round(one / pixel / 2) * 2), MOST_PIXELS) for one in (wide, wide * rng.uniform(0.7, 1.0))
    ]
    height = float(np.abs(t2.direction[2]) @ (np.array(t2.size_ijk) * t2.spacing_mm))
    thick = rng.uniform(3.0, 6.0)
    count = int(np.clip(np.ceil(height * rng.uniform(0.75, 1.15) / thick), 8, MOST_SLICES))
    center = t2.lps_from_ijk((np.array(t2.size_ijk) - 1) / 2.0) + rng.normal(0, (6.0, 6.0, 0.04 * height))
    return centered_grid((sides[0], sides[1], count), (pixel, pixel, thick), direction, center)
