"""The patient's small movement between T2 and DWI: rigid, by how well the T2 explains the DWI everywhere.

A rigid movement is a 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from .correlation import local_fit
from .rigid import LEAST_POINTS, rotated_about
from .space import Level

# How far patients move between two series of one examination (standard deviations): a movement that the
# images hardly show is held back.
USUAL_SHIFT_MM = 2.0
USUAL_TURN_DEGREES = 1.0
VOXELS_A_VOTE = 200.0  # neighboring voxels do not vote for themselves: window and noise are shared
LONGEST_STEP_MM = 3.0
STILL_MM = 0.02
FASTEST = 8.0


def moved(
    level: Level, dwi: np.ndarray, start: np.ndarray, steps: int, report: Callable[[float], None]
) -> np.ndarray:
    """The most probable rigid movement near `start`.

    Args:
        level: The working grid, and the T2 that can be moved there.
        dwi: The DWI on the grid, free of distortion as far as that is known, [k, j, i].
        start: Movement to begin with, 4x4.
        steps: Largest number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    expected = np.diag([USUAL_SHIFT_MM**-2] * 3 + [np.radians(USUAL_TURN_DEGREES) ** -2] * 3)
    total, center, rigid = np.zeros(6), None, start
    update = last_force = np.zeros(6)
    for step in range(steps):
        t2, body = level.t2_moved(rigid)
        both = body & level.dwi_here
        if both.sum() < LEAST_POINTS:
            return start
        fit = local_fit(dwi, t2, both)
        k, j, i = np.nonzero(both)
        points = level.grid.lps_from_ijk(np.stack([i, j, k], axis=1))
        center = points.mean(axis=0) if center is None else center
        slope = _slope_lps(level, t2)[both]
        # The T2 moved by t is T2(y - t): its value falls where it rises along t.
        change = -np.concatenate([slope, np.cross(points - center, slope)], axis=1)
        votes = max(fit.mismatch, 1e-3) * VOXELS_A_VOTE
        normal = (change * fit.curvature[both][:, None]).T @ change / votes + expected
        force = change.T @ fit.pull[both] / votes - expected @ total
        pace = _pace(update, last_force - force, normal)
        update, last_force = pace * np.linalg.solve(normal, force), force
        update *= min(1.0, LONGEST_STEP_MM / max(float(np.abs(update[:3]).max()), 1e-9))
        total = total + update
        rigid = rotated_about(center, total[3:], total[:3]) @ start
        report((step + 1) / steps)
        if np.abs(update[:3]).max() < STILL_MM:
            break
    return rigid


def _pace(step: np.ndarray, relief: np.ndarray, normal: np.ndarray) -> float:
    """How many Gauss-Newton steps to take at once, from what the last one brought (Barzilai, Borwein 1988).

    Gauss-Newton alone would creep: it does not see that each window's slope and offset follow the movement.
    """
    if not step.any():
        return 1.0
    brought = float(step @ relief)
    return float(np.clip(float(step @ normal @ step) / brought, 1.0, FASTEST)) if brought > 0.0 else FASTEST


def _slope_lps(level: Level, array: np.ndarray) -> np.ndarray:
    """Gradient per mm along L, P, S, [k, j, i, 3]."""
    slopes = [
        np.gradient(array, mm, axis=2 - axis) if array.shape[2 - axis] > 1 else np.zeros_like(array)
        for axis, mm in enumerate(level.grid.spacing_mm)
    ]
    return np.asarray(np.stack(slopes, axis=-1) @ level.grid.direction.T)
