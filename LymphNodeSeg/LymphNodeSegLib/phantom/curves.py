"""Rotations, and smooth paths through points."""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import ArrayLike

SCATTER = 0.25
"""How far, as a tangent, a rotation's first axis points from where it should."""


def rotation_from_degrees(about_x: float = 0.0, about_y: float = 0.0, about_z: float = 0.0) -> np.ndarray:
    """The rotation matrix Rz @ Ry @ Rx."""
    a, b, c = np.radians([about_x, about_y, about_z])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


def random_rotation(rng: np.random.Generator, first: Optional[np.ndarray] = None) -> np.ndarray:
    """A rotation drawn evenly from all rotations, by QR of a Gaussian matrix.

    Args:
        rng: Source of randomness.
        first: Where its first axis points, nearly; by default anywhere.
    """
    gaussian = rng.standard_normal((3, 3))
    if first is not None:
        gaussian[:, 0] = first / np.linalg.norm(first) + SCATTER * gaussian[:, 0]
    q, r = np.linalg.qr(gaussian)
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q * np.array([1.0, 1.0, -1.0])


def smooth_path(points_mm: ArrayLike, step_mm: float = 7.0) -> np.ndarray:
    """A Catmull-Rom curve through the points, sampled about every `step_mm`, shape (n, columns).

    Further columns (a radius, say) are carried along.
    """
    points = np.asarray(points_mm, dtype=float)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    pieces = [points[:1]]
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:]):
        count = max(int(np.ceil(np.linalg.norm((c - b)[:3]) / step_mm)), 1)
        t = (np.arange(1, count + 1) / count)[:, None]
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
        )
    return np.vstack(pieces)
