"""Which of several slices holds the longest axis, where their own outlines cannot tell.

An outline gives the long axis of its slice within a tenth or two of a pixel. In a bean two slices may be as
equal as that and of different width. All slices together say more: a bent ellipsoid, the simplest bean, has
ten parameters and thousands of voxel centers that must lie on its right side. Where one does that, its
cuts are compared; a node of another shape keeps the slice that was measured longest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Optional

import numpy as np

from .axes import PlanarAxes, axes_of_outlines
from .mesh import cuts, unit_mesh
from .solid import Surface

WIDTH_PIXELS = 0.75
"""Slices whose short axes differ by less are left as measured."""

_MOST_WRONG = 0.25  # half steps that a center may lie on the wrong side
_POINTS = 600  # of the pairs of centers that decide a round
_FEW = 200  # points to choose the start with
_SQUARES = 3  # rounds of least squares after that
_EVEN = 0.05  # so near a center no more is asked for
_TIMES = 4  # at most, that the points farthest off are sought
_POWERS = (4, 8, 8)  # of the residuals, in the rounds with them
_ONE = np.eye(3)


@dataclass(frozen=True)
class BentEllipsoid:
    """An ellipsoid bent along its first axis: (u/a)^2 + ((v + bend u^2)/b)^2 + (w/c)^2 = 1.

    Attributes:
        center: In mm.
        rotation: u, v and w as columns.
        half: Half axes a, b, c in mm.
        bend: In 1/mm.
    """

    center: np.ndarray
    rotation: np.ndarray
    half: np.ndarray
    bend: float

    def vertices(self) -> np.ndarray:
        """Its surface, in the order of `mesh.unit_mesh`."""
        local = unit_mesh().vertices * self.half
        local[:, 1] -= self.bend * local[:, 0] ** 2
        return np.asarray(self.center + local @ self.rotation.T)

    def value(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Root of the form less 1 at points (3, n), and its derivatives by the ten parameters, (10, n).

        These are the center, a small turn about u, v and w, the logarithms of the half axes, and the bend.
        """
        u, v0, w = self.rotation.T @ (points - self.center[:, None])
        bend = self.bend
        v = v0 + bend * u * u
        a, b, c = (1 / (self.half * self.half)).tolist()
        by = np.empty((10, points.shape[1]))
        du, dv, dw = u * a, v * b, w * c
        by[6], by[7], by[8], by[9] = u * du, v * dv, w * dw, dv * u * u
        root = np.sqrt(by[6] + by[7] + by[8]) + 1e-9
        np.negative(by[6:9], out=by[6:9])
        du += (2 * bend) * dv * u
        by[3], by[4], by[5] = dv * w - dw * v0, dw * u - du * w, du * v0 - dv * u
        np.matmul(-self.rotation, (du, dv, dw), out=by[:3])
        by /= root
        return root - 1, by

    def moved(self, step: np.ndarray) -> BentEllipsoid:
        """The shape after a step of the ten parameters."""
        x, y, z = (0.5 * step[3:6]).tolist()
        half = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        # Cayley's formula: a rotation, and by that angle where it is small.
        rotation = _ONE + 2 / (1 + x * x + y * y + z * z) * (half + half @ half)
        return BentEllipsoid(
            self.center + step[:3],
            self.rotation @ rotation,
            self.half * np.exp(step[6:9]),
            self.bend + float(step[9]),
        )


def settled(
    axes: PlanarAxes, surface: Surface, covariance: np.ndarray, spacing_mm: tuple[float, float, float]
) -> PlanarAxes:
    """The axes of the slice that is longest in the shape fitted to all slices, where that matters.

    Args:
        axes: As measured, with their rivals.
        surface: Of the mask.
        covariance: Of i, j, k in the mask.
        spacing_mm: Along i, j, k.
    """
    pixel_mm = max(spacing_mm[:2])
    tied = (axes, *axes.rivals)
    shorts = [one.short_mm for one in tied]
    if max(shorts) - min(shorts) <= WIDTH_PIXELS * pixel_mm:
        return axes
    bent = bent_ellipsoid(surface, covariance, spacing_mm)
    if bent is None:
        return axes
    lengths = _long_axes_mm(bent, np.array([one.plane * spacing_mm[2] for one in tied]))
    best = int(np.argmax(lengths))
    if best == 0:
        return axes
    chosen = tied[best]
    return replace(
        chosen, rivals=(replace(axes, rivals=()), *(one for one in axes.rivals if one is not chosen))
    )


def bent_ellipsoid(
    surface: Surface, covariance: np.ndarray, spacing_mm: tuple[float, float, float]
) -> Optional[BentEllipsoid]:
    """The bent ellipsoid with the voxel centers on their sides; None where there is none.

    By Gauss-Newton steps on the distances of the halfway points, each in half steps along the normal, in
    powers that rise from 2 to 8: the last asks for the largest to be as small as may be.
    """
    spacing = np.array(spacing_mm)
    points, steps = (surface.points * spacing).T, (surface.inwards * spacing).T
    centers = np.concatenate([points + steps, points - steps], axis=1)
    values, vectors = np.linalg.eigh(covariance * np.outer(spacing, spacing) + np.diag(spacing**2) / 12)
    few = _some(centers, np.arange(0, points.shape[1], 1 + points.shape[1] // _FEW))
    starts = [
        _start(points.T[:: 1 + points.shape[1] // _FEW], vectors[:, order], np.sqrt(5 * values[[*order]]))
        for order in permutations(range(3))
    ]
    starts = sorted(starts, key=lambda one: _mean_off(one, few))[:3]
    for kept in (2, 1):
        starts = [_nearer(_nearer(start, few, 2), few, 2) for start in starts]
        starts = sorted(starts, key=lambda one: _mean_off(one, few))[:kept]
    bent = starts[0]
    some = _some(centers, np.arange(0, points.shape[1], 1 + points.shape[1] // _POINTS))
    for _ in range(_SQUARES):
        bent = _nearer(bent, some, 2)
    for _ in range(_TIMES):
        # A high power is decided by the points that are farthest off.
        off, _ = _in_half_steps(bent, centers)
        if np.abs(off).max() <= 1 + _EVEN:
            break
        far = _some(centers, np.argsort(-np.abs(off))[:_POINTS])
        for power in _POWERS:
            bent = _nearer(bent, far, power)
    off, _ = _in_half_steps(bent, centers)
    return bent if np.abs(off).max() <= 1 + _MOST_WRONG else None


def _some(centers: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Some of the pairs of centers (3, pairs inside, then pairs outside)."""
    return centers[:, np.concatenate([numbers, numbers + centers.shape[1] // 2])]


def _start(points: np.ndarray, rotation: np.ndarray, half: np.ndarray) -> BentEllipsoid:
    """An ellipsoid along principal axes, bent as its points are."""
    middle = points.mean(axis=0)
    u, v, _ = ((points - middle) @ rotation).T
    square = u * u - np.mean(u * u)
    bend = -float((square @ v) / (square @ square))
    shift = float(np.mean(v + bend * u * u))
    half[1] = max(0.5 * half[1], np.sqrt(3) * float(np.std(v + bend * u * u)))
    return BentEllipsoid(middle + rotation[:, 1] * shift, rotation, half, bend)


def _in_half_steps(bent: BentEllipsoid, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the surface passes between the centers of each pair, and that by the ten parameters.

    -1 is the center outside and 1 the one inside; beyond, a center lies on the wrong side.
    """
    value, by = bent.value(centers)
    pairs = centers.shape[1] // 2
    apart = np.maximum(value[pairs:] - value[:pairs], 1e-3)
    return (value[:pairs] + value[pairs:]) / apart, (by[:, :pairs] + by[:, pairs:]) / apart


def _mean_off(bent: BentEllipsoid, centers: np.ndarray) -> float:
    off = float(np.abs(_in_half_steps(bent, centers)[0]).mean())
    return off if np.isfinite(off) else np.inf


def _nearer(bent: BentEllipsoid, centers: np.ndarray, power: int) -> BentEllipsoid:
    """The shape after one step."""
    off, by = _in_half_steps(bent, centers)
    weighted = by if power == 2 else by * np.minimum(np.abs(off), 3.0) ** (power - 2)
    gram = weighted @ by.T
    gram.ravel()[::11] *= 1.0001
    gram.ravel()[::11] += 1e-12
    step = np.linalg.solve(gram, -weighted @ off) / (power - 1)
    # No more than half a millimeter, half a radian, or half of a half axis at once.
    step = np.minimum(np.maximum(step, -0.5), 0.5)
    return bent.moved(step) if np.isfinite(step).all() else bent


def _long_axes_mm(bent: BentEllipsoid, heights_mm: np.ndarray) -> np.ndarray:
    """The long axis of the shape's cut at each height; 0 where it does not reach."""
    vertices = np.repeat(bent.vertices()[None], len(heights_mm), axis=0)
    outlines, number = cuts(vertices, heights_mm)
    exact = []
    for outline, height in zip(outlines, heights_mm[number].tolist()):
        points = np.column_stack([outline, np.full(len(outline), height)])
        for _ in range(2):
            value, by = bent.value(points.T)
            points[:, :2] += (by[:2] * (value / (by[:2] ** 2).sum(axis=0))).T
        exact.append(points[:, :2])
    lengths = np.zeros(len(heights_mm))
    np.maximum.at(lengths, number, axes_of_outlines(exact).long)
    return lengths
