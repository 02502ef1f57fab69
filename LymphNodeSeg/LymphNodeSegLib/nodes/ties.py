"""Which of several slices holds the longest axis, where their own outlines cannot tell.

An outline gives the long axis of its slice within a tenth or two of a pixel. In a node that is bent or wider
at one end two slices may be as equal as that, and of different width. All slices together say more: a smooth
solid that has every voxel center on its side is fitted to them, and its cuts are compared. It is an ellipsoid
in a space warped by second powers, so that it may be bent, twisted and tapered in every way, as little as the
voxels allow. A node that no such solid follows keeps the slice that was measured longest.

What is given are the axes of the slice's own outline. Some ties no method can tell, as solids of the same
mask have different slices longest: the reader is told of the others (`PlanarAxes.rivals`), and the largest of
their short axes is kept beside. To give that one as the short axis would be safer and not RECIST.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from .axes import PlanarAxes, axes_of_outlines
from .linear import solve_one
from .solid import Surface

WIDTH_PIXELS = 0.75
"""Slices whose short axes differ by less are left as measured."""

_MOST_WRONG_PIXELS = 0.3  # that a voxel center may lie beyond the surface
_STAGES = ((0.5, 0.06), (0.2, 0.1), (0.08, 0.18), (0.04, 0.22))
"""By stages, how soft the surface is, in pixels, and the standard deviation that its second powers have."""

_STEPS = 20  # of Newton's method in a stage, at most
_ENOUGH = 1e-2  # of the cost: a step that gains less ends the stage
_SURE = 10.0  # times its softness from the surface a center says nothing more
_PROJECTIONS = 4

# The products of two of ten powers, each once, and where each two of them are in that list.
_ONE, _OTHER = np.triu_indices(10)
_PRODUCT = np.zeros((10, 10), int)
_PRODUCT[_ONE, _OTHER] = _PRODUCT[_OTHER, _ONE] = np.arange(len(_ONE))
_PAIR = np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2]])  # likewise of three: 11, 22, 33, 12, 23, 31


@dataclass(frozen=True)
class WarpedEllipsoid:
    """The points x with |warp (1, y, yy, y y')| <= 1, where y = scale (x - center).

    Attributes:
        center: In mm.
        scale: Along the principal axes, (3, 3), in 1/mm; half axes become 1.
        warp: (3, 10), by 1, the coordinates, their squares, the products of 1 and 2, 2 and 3, 3 and 1.
    """

    center: np.ndarray
    scale: np.ndarray
    warp: np.ndarray

    def value(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far outside points (3, n) lie in half axes, below 0 inside, and that by the points in 1/mm."""
        local = self.scale @ (points - self.center[:, None])
        radius, unit = _radius(self.warp, _powers(local))
        linear, squares, products = self.warp[:, 1:4].T, self.warp[:, 4:7].T, self.warp[:, 7:].T
        by = linear @ unit + 2 * local * (squares @ unit)
        across = products @ unit
        by += across * local[[1, 2, 0]] + (across * local)[[2, 0, 1]]
        return radius - 1, self.scale.T @ by


def settled(
    axes: PlanarAxes, surface: Surface, covariance: np.ndarray, spacing_mm: tuple[float, float, float]
) -> PlanarAxes:
    """The axes of the slice that is longest in the solid fitted to all slices, where that matters.

    Args:
        axes: As measured, with their rivals.
        surface: Of the mask.
        covariance: Of i, j, k in the mask.
        spacing_mm: Along i, j, k.
    """
    tied = (axes, *axes.rivals)
    shorts = [one.short_mm for one in tied]
    if max(shorts) - min(shorts) <= WIDTH_PIXELS * np.sqrt(spacing_mm[0] * spacing_mm[1]):
        return axes
    solid = warped_ellipsoid(surface, covariance, spacing_mm)
    if solid is None:
        return axes
    best = int(np.argmax(_long_axes_mm(solid, tied, spacing_mm)))
    if best == 0:
        return axes
    chosen = tied[best]
    return replace(
        chosen, rivals=(replace(axes, rivals=()), *(one for one in axes.rivals if one is not chosen))
    )


def warped_ellipsoid(
    surface: Surface, covariance: np.ndarray, spacing_mm: tuple[float, float, float]
) -> Optional[WarpedEllipsoid]:
    """The warped ellipsoid with the voxel centers on their sides; None where there is none.

    By logistic regression of the centers on both sides of the surface: the odds of being inside are given by
    the distance from the solid's surface over a softness, which is taken down to a twenty-fifth of a pixel.
    The second powers are normally distributed about 0, ever more widely.
    """
    spacing, pixel_mm = np.array(spacing_mm), max(spacing_mm[:2])
    centers, sides = _centers(surface)
    values, vectors = np.linalg.eigh(covariance * np.outer(spacing, spacing) + np.diag(spacing**2) / 12)
    scale = (vectors / np.sqrt(5 * values)).T
    middle = surface.points.mean(axis=0) * spacing
    local = scale @ (centers * spacing - middle).T
    # In the ellipsoid of the start, about which this is a distance.
    slope = np.linalg.norm(scale.T @ (local / (np.linalg.norm(local, axis=0) + 1e-9)), axis=0) + 1e-9
    powers, distances = _powers(local), sides / (slope * pixel_mm)
    warp = np.hstack([np.zeros((3, 1)), np.eye(3), np.zeros((3, 6))])
    for softness, deviation in _STAGES:
        margin = distances * (_radius(warp, powers)[0] - 1)
        near = margin <= _SURE * max(softness, 0.2)
        warp = _settle(warp, powers.compress(near, axis=1), distances[near] / softness, deviation**-2)
    margin = distances * (_radius(warp, powers)[0] - 1)
    if not margin.min() >= -_MOST_WRONG_PIXELS:
        return None
    return WarpedEllipsoid(middle, scale, warp)


def _centers(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """The voxel centers on both sides of a surface (n, 3), each once, and -1 for those inside, 1 outside."""
    both = np.concatenate([surface.points + surface.inwards, surface.points - surface.inwards])
    index = np.round(both).astype(np.int64) + 1
    i, j, k = index.T
    size = index.max(axis=0) + 1
    _, first = np.unique((k * size[1] + j) * size[0] + i, return_index=True)
    return both[first], np.where(first < len(surface.points), -1.0, 1.0)


def _powers(local: np.ndarray) -> np.ndarray:
    """1, the coordinates, their squares and products of points (3, n): (10, n)."""
    return np.concatenate([np.ones((1, local.shape[1])), local, local * local, local * local[[1, 2, 0]]])


def _radius(warp: np.ndarray, powers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the middle in half axes, and the direction there."""
    warped = warp @ powers
    radius = np.sqrt(np.einsum("kn,kn->n", warped, warped)) + 1e-9
    return radius, warped / radius


def _settle(warp: np.ndarray, powers: np.ndarray, factors: np.ndarray, stiffness: float) -> np.ndarray:
    """The warp of least cost, by Newton's steps damped where they fail (Levenberg and Marquardt).

    Args:
        warp: To start with.
        powers: Of the centers.
        factors: What makes a radius less 1 the logit of lying on the right side.
        stiffness: Of the second powers.
    """
    stiff = np.zeros((3, 10))
    stiff[:, 4:] = stiffness
    products = np.empty((len(_ONE), powers.shape[1]))
    for number, power in enumerate(powers):
        first = _PRODUCT[number, number]
        np.multiply(power, powers[number:], out=products[first : first + len(powers) - number])
    damping = 1e-3

    def cost(warp: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        radius, unit = _radius(warp, powers)
        odds = np.exp(np.minimum(factors * (1 - radius), 700.0))  # of lying on the wrong side
        wrong = np.log1p(odds).sum() + 0.5 * (stiff * warp * warp).sum()
        return float(wrong), odds / (1 + odds), unit

    now, doubt, unit = cost(warp)
    for _ in range(_STEPS):
        by = unit * factors
        downhill = ((by * doubt) @ powers.T - stiff * warp).ravel()
        weight = np.maximum(doubt * (1 - doubt), 0.02 * doubt)
        pairs = np.concatenate([by * by, by * by[[1, 2, 0]]])
        gram = ((pairs * weight) @ products.T)[_PAIR[:, None, :, None], _PRODUCT[:, None]].reshape(30, 30)
        gram.ravel()[::31] += stiff.ravel()
        mean = float(np.trace(gram)) / 30
        for _ in range(4):
            damped = gram.copy()
            damped.ravel()[::31] += damping * mean
            step = warp + solve_one(damped, downhill).reshape(3, 10)
            after, *there = cost(step)
            if after < now:
                break
            damping *= 10
        else:
            break
        gain = (now - after) / now
        warp, now, (doubt, unit), damping = step, after, there, max(damping / 10, 1e-8)
        if gain < _ENOUGH:
            break
    return warp


def _long_axes_mm(
    solid: WarpedEllipsoid, tied: Sequence[PlanarAxes], spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """The long axes of the solid's cuts in the slices of some axes, from the outlines measured there."""
    counts = [len(axes.outline_yx) for axes in tied]
    points = np.empty((3, sum(counts)))
    points[1], points[0] = np.concatenate([axes.outline_yx for axes in tied]).T
    points[2] = np.repeat([float(axes.plane) for axes in tied], counts)
    points *= np.array(spacing_mm)[:, None]
    most_mm = 2 * max(spacing_mm[:2])
    for _ in range(_PROJECTIONS):
        value, by = solid.value(points)
        step = by[:2] * (value / np.maximum((by[:2] ** 2).sum(axis=0), 1e-12))
        points[:2] -= step * np.minimum(1.0, most_mm / np.maximum(np.hypot(*step), 1e-12))
    return axes_of_outlines(np.split(points[:2].T, np.cumsum(counts[:-1]))).long
