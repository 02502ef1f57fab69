"""The patient's small movement between T2 and DWI: rigid, by how well the T2 explains the DWI everywhere.

A rigid movement is a 4x4 matrix from LPS points of the T2 to LPS points of the DWI.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from .correlation import Explained
from .pace import pace
from .rigid import LEAST_POINTS, rotated_about
from .space import Level, points_of

# How far patients move between two series of one examination (standard deviations): a movement that the
# images hardly show is held back.
USUAL_SHIFT_MM = 2.0
USUAL_TURN_DEGREES = 1.0
VOXELS_A_VOTE = 200.0  # neighboring voxels do not vote for themselves: window and noise are shared
LONGEST_STEP_MM = 3.0
STILL_MM = 0.02
FASTEST = 8.0


def moved(
    level: Level,
    dwi: np.ndarray,
    both: np.ndarray,
    start: np.ndarray,
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """The most probable rigid movement near `start`.

    Args:
        level: The working grid, and the T2 that can be moved there.
        dwi: The DWI on the grid, free of distortion as far as that is known, [k, j, i].
        both: Boolean [k, j, i], where both images show the patient at the start.
        start: Movement to begin with, 4x4.
        steps: Largest number of linearizations.
        report: Receives 0 to 1; may raise.
    """
    expected = np.diag([USUAL_SHIFT_MM**-2] * 3 + [np.radians(USUAL_TURN_DEGREES) ** -2] * 3)
    if both.sum() < LEAST_POINTS:
        return start
    points = points_of(level.grid)
    center = points[both].mean(axis=0)
    arms = np.moveaxis(points - center, -1, 0).astype(np.float32)
    explained, total, rigid = Explained(dwi, both), np.zeros(6), start
    update = last_force = np.zeros(6)
    steps_at_once = 1.0
    for step in range(steps):
        t2 = level.t2_moved(rigid)
        fit = explained.by(t2)
        change = _change(_slope_lps(level, t2), arms)
        votes = max(fit.mismatch, 1e-3) * VOXELS_A_VOTE
        normal = (change * fit.curvature.ravel()) @ change.T / votes + expected
        force = change @ fit.pull.ravel() / votes - expected @ total
        if step:
            steps_at_once = pace(
                float(update @ normal @ update), float(update @ (last_force - force)), FASTEST
            )
        update, last_force = steps_at_once * np.linalg.solve(normal, force), force
        update *= min(1.0, LONGEST_STEP_MM / max(float(np.abs(update[:3]).max()), 1e-9))
        total = total + update
        rigid = rotated_about(center, total[3:], total[:3]) @ start
        report((step + 1) / steps)
        if np.abs(update[:3]).max() < STILL_MM:
            break
    return rigid


def _slope_lps(level: Level, array: np.ndarray) -> np.ndarray:
    """Gradient per mm along L, P, S, [3, k, j, i]."""
    slopes = [
        np.gradient(array, mm, axis=2 - axis) if array.shape[2 - axis] > 1 else np.zeros_like(array)
        for axis, mm in enumerate(level.grid.spacing_mm)
    ]
    return np.tensordot(level.grid.direction.astype(np.float32), np.stack(slopes), axes=1)


def _change(slope: np.ndarray, arms: np.ndarray) -> np.ndarray:
    """How each voxel of the T2 changes with shift and turn about the center, (6, n).

    The T2 moved by t is T2(y - t): its value falls where it rises along t.
    """
    (x, y, z), (a, b, c) = arms, slope
    turn = (y * c - z * b, z * a - x * c, x * b - y * a)
    return -np.stack([a, b, c, *turn]).reshape(6, -1)
