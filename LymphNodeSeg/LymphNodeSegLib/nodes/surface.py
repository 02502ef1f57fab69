"""The smoothest closed surface that has the same voxel centers inside.

The counterpart in space of the outline in a plane (see `outline`), for planes that are not the slices.
Between thick slices a mask says little; a smooth surface says what an anatomist would guess. It is an
ellipsoid where one leaves all voxel centers on their side; else a radius in every direction from the center
of mass, after a linear map that makes the second moments of the mask equal: spherical harmonics of the lowest
degree that does. Both are fitted by least squares to the points halfway between centers inside and outside;
a point weighs the more, the less it could be moved along the radius. Shapes that cannot be written so,
strongly bent or ragged ones, have no such surface, and the caller must do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Union

import numpy as np

from .linear import solve, solve_one
from .mesh import unit_mesh
from .solid import Moments, Surface

DEGREES = (4, 6)
TOLERANCE_VOXELS = 0.5
"""How far a voxel center may lie on the wrong side of an ellipsoid, or for a degree to be high enough."""

WORST_VOXELS = 1.0
"""The same for the surface to be used at all."""

_MOST_POINTS = 5000  # the smooth surface of a larger mask needs no more of them
_AT_ONCE = 8000  # points of several masks, few enough to stay in the processor's cache
_FLOOR = 0.2  # of the mean half step: no point is trusted to less
_SUSPECTS = 64  # voxel centers that a degree is tried on: those that seem farthest on the wrong side
_PER_POINT = 0.5  # coefficients at most


@dataclass(frozen=True)
class Ellipsoid:
    """A surface that is an ellipsoid.

    Attributes:
        center: In i, j, k.
        half_axes: Three conjugate half axes as rows, in i, j, k.
    """

    center: np.ndarray
    half_axes: np.ndarray


@dataclass(frozen=True)
class _Points:
    """Where masks end, in coordinates in which the second moments of each mask are 1.

    Attributes:
        first: Where the points of each mask begin; one entry more than there are masks.
        middle: Halfway points, (3, n).
        inside, outside: The voxel centers on both sides, (3, n).
        inner_voxels, outer_voxels: Their distance from the center of mass in voxels, (n,).
        weights: Of the halfway points, (n,).
    """

    first: np.ndarray
    middle: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    inner_voxels: np.ndarray
    outer_voxels: np.ndarray
    weights: np.ndarray

    def of(self, number: int) -> _Points:
        """Those of one mask."""
        a, b = self.first[number : number + 2].tolist()
        return _Points(
            self.first[number : number + 2] - a,
            self.middle[:, a:b],
            self.inside[:, a:b],
            self.outside[:, a:b],
            self.inner_voxels[a:b],
            self.outer_voxels[a:b],
            self.weights[a:b],
        )


Smooth = Union[Ellipsoid, np.ndarray, None]


def smooth_surfaces(surfaces: Sequence[Surface], moments: Moments) -> list[Smooth]:
    """For each mask an ellipsoid, or the vertices of its surface in the order of `mesh.unit_mesh`.

    Args:
        surfaces: Where the masks end.
        moments: Of the masks.

    Returns:
        Ellipsoids, or vertices (n, 3) in i, j, k; None where no surface of this kind fits.
    """
    # A voxel is as wide as its spacing: that is the twelfth.
    values, vectors = np.linalg.eigh(moments.covariances + np.eye(3) / 12)
    root = np.sqrt(values)[:, None, :]
    turned = vectors.transpose(0, 2, 1)
    whiten, spread = (vectors / root) @ turned, (vectors * root) @ turned
    smooth: list[Smooth] = []
    sizes = np.cumsum([min(len(surface.points), _MOST_POINTS) for surface in surfaces])
    for numbers in np.split(np.arange(len(surfaces)), np.flatnonzero(np.diff(sizes // _AT_ONCE)) + 1):
        points = _points([surfaces[n] for n in numbers], moments.centers[numbers], whiten[numbers])
        for place, (number, fitted) in enumerate(zip(numbers.tolist(), _ellipsoids(points))):
            center = moments.centers[number]
            if fitted is not None:
                half_axes = fitted.half_axes @ spread[number]
                smooth.append(Ellipsoid(center + fitted.center @ spread[number], half_axes))
                continue
            vertices = _star(points.of(place))
            smooth.append(None if vertices is None else center + vertices @ spread[number])
    return smooth


def _points(surfaces: Sequence[Surface], centers: np.ndarray, whiten: np.ndarray) -> _Points:
    thinned = [slice(None, None, 1 + len(surface.points) // _MOST_POINTS) for surface in surfaces]
    midpoints = [surface.points[part] for surface, part in zip(surfaces, thinned)]
    first = np.cumsum([0, *(len(one) for one in midpoints)])
    counts = np.diff(first)
    offsets = np.concatenate(midpoints).T - np.repeat(centers.T, counts, axis=1)
    inwards = np.concatenate([surface.inwards[part] for surface, part in zip(surfaces, thinned)]).T
    ranges = list(zip(first[:-1].tolist(), first[1:].tolist(), whiten))
    middle = np.concatenate([matrix @ offsets[:, a:b] for a, b, matrix in ranges], axis=1)
    steps = np.concatenate([matrix @ inwards[:, a:b] for a, b, matrix in ranges], axis=1)
    inside, outside = middle + steps, middle - steps
    # The true surface crosses somewhere within the step from center to center.
    half = 0.5 * np.abs(_norms(outside) - _norms(inside))
    floor = _FLOOR * np.add.reduceat(half, first[:-1]) / counts
    weights = 1 / (half * half + np.repeat(floor * floor, counts))
    return _Points(
        first, middle, inside, outside, _norms(offsets + inwards), _norms(offsets - inwards), weights
    )


def _norms(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors (3, n), never quite 0."""
    return np.asarray(np.sqrt(np.einsum("kn,kn->n", vectors, vectors)) + 1e-9)


def _ellipsoids(points: _Points) -> list[Optional[Ellipsoid]]:
    """For each mask the quadric x A x + b x = 1 nearest to its points, where it is an ellipsoid that fits."""
    basis = _quadratic(points.middle)
    weighted = basis * points.weights
    ranges = list(zip(points.first[:-1].tolist(), points.first[1:].tolist()))
    gram = np.stack([weighted[:, a:b] @ basis[:, a:b].T for a, b in ranges])
    gram += 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(9)
    right = np.add.reduceat(weighted, points.first[:-1], axis=1).T
    solved = solve(gram, right[:, :, None])[:, :, 0]
    forms = solved[:, [[0, 3, 5], [3, 1, 4], [5, 4, 2]]] * (0.5 + 0.5 * np.eye(3))
    inner = (1 - _shares(points.inside, forms, solved[:, 6:], ranges)) * points.inner_voxels
    outer = (_shares(points.outside, forms, solved[:, 6:], ranges) - 1) * points.outer_voxels
    wrong = np.maximum.reduceat(np.maximum(inner, outer), points.first[:-1])
    values, vectors = np.linalg.eigh(forms)
    slopes = np.einsum("nk,nkl->nl", solved[:, 6:], vectors)
    found: list[Optional[Ellipsoid]] = []
    for fits, value, vector, slope in zip(wrong <= TOLERANCE_VOXELS, values, vectors, slopes):
        if not fits or value[0] <= 0:
            found.append(None)
            continue
        middle = -0.5 * slope / value
        half = np.sqrt((1 + (middle * middle) @ value) / value)
        found.append(Ellipsoid(vector @ middle, (vector * half).T))
    return found


def _quadratic(points: np.ndarray) -> np.ndarray:
    """xx, yy, zz, xy, yz, zx, x, y, z of points (3, n)."""
    basis = np.empty((9, points.shape[1]))
    np.multiply(points, points, out=basis[:3])
    np.multiply(points[:2], points[1:], out=basis[3:5])
    np.multiply(points[2], points[0], out=basis[5])
    basis[6:] = points
    return basis


def _shares(
    points: np.ndarray, forms: np.ndarray, slopes: np.ndarray, ranges: Sequence[tuple[int, int]]
) -> np.ndarray:
    """By how much each point must be scaled to lie on the quadric of its mask, x form x + slope x = 1."""
    both = np.concatenate([forms, 0.5 * slopes[:, None]], axis=1)
    at = np.concatenate([one @ points[:, a:b] for one, (a, b) in zip(both, ranges)], axis=1)
    square, linear = np.einsum("kn,kn->n", points, at[:3]), at[3]
    root = np.sqrt(np.maximum(linear * linear + square, 1e-12))
    # The form of a quadric that is no ellipsoid may be 0 or less: then a point lies nowhere near it.
    nowhere = np.full(len(root), np.inf)
    return np.divide(1.0, root + linear, out=nowhere, where=square > 0)


def _star(points: _Points) -> Optional[np.ndarray]:
    """The vertices of the surface that has a radius in every direction, where there is one."""
    radii, inner, outer = _norms(points.middle), _norms(points.inside), _norms(points.outside)
    inwards, outwards = points.inner_voxels / inner, points.outer_voxels / outer
    coefficients: Optional[np.ndarray] = None
    wrong = np.inf
    for degree in DEGREES:
        if (degree + 1) ** 2 > _PER_POINT * len(radii):
            break
        basis = _harmonics(points.middle / radii, degree)
        weighted = basis * points.weights
        gram = weighted @ basis.T
        gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
        coefficients = solve_one(gram, weighted @ radii)
        radius = coefficients @ basis
        seems = np.concatenate([(inner - radius) * inwards, (radius - outer) * outwards])
        suspects = np.argpartition(seems, -min(_SUSPECTS, len(seems)))[-_SUSPECTS:]
        a, b = suspects[suspects < len(radii)], suspects[suspects >= len(radii)] - len(radii)
        at = np.concatenate([points.inside[:, a] / inner[a], points.outside[:, b] / outer[b]], axis=1)
        beyond = np.concatenate([inner[a], outer[b]]) - coefficients @ _harmonics(at, degree)
        wrong = float((beyond * np.concatenate([inwards[a], -outwards[b]])).max())
        if wrong <= TOLERANCE_VOXELS:
            break
    if coefficients is None or wrong > WORST_VOXELS:
        return None
    degree = round(len(coefficients) ** 0.5) - 1
    return np.asarray(unit_mesh().vertices * (coefficients @ _at_vertices(degree))[:, None])


def _harmonics(directions: np.ndarray, degree: int) -> np.ndarray:
    """A basis of all spherical harmonics up to a degree, [function, direction], for unit vectors (3, n).

    On the sphere the monomials of that degree and of the one below span them.
    """
    powers = np.ones((degree + 1, *directions.shape))
    for n in range(degree):
        np.multiply(powers[n], directions, out=powers[n + 1])
    a, b, c = _exponents(degree)
    basis = powers[a, 0]
    basis *= powers[b, 1]
    basis *= powers[c, 2]
    return np.asarray(basis)


@lru_cache(maxsize=8)
def _exponents(degree: int) -> np.ndarray:
    """Of x, y and z in each monomial, (3, function)."""
    return np.array(
        [(a, b, n - a - b) for n in (degree, degree - 1) for a in range(n + 1) for b in range(n - a + 1)]
    ).T


@lru_cache(maxsize=8)
def _at_vertices(degree: int) -> np.ndarray:
    return _harmonics(unit_mesh().vertices.T.copy(), degree)
