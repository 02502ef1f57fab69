"""The smoothest closed surface that has the same voxel centers inside, and its cuts by planes.

The counterpart in space of the outline in a plane (see `outline`), for planes that are not the slices.
Between thick slices a mask says little; a smooth surface says what an anatomist would guess. The surface is a
radius in every direction from the center of mass, after a linear map that makes the second moments of the
mask equal: spherical harmonics of the lowest degree that leaves all voxel centers on their side; of degree 0
it is an ellipsoid. Shapes that cannot be written so, strongly bent or ragged ones, have no such surface, and
the caller must do without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Union

import numpy as np

from .outline import chained

if TYPE_CHECKING:
    from .solid import Surface

DEGREES = (2, 4, 6)
TOLERANCE_VOXELS = 0.4
"""How far a voxel center may lie on the wrong side of the surface for its degree to be high enough."""

WORST_VOXELS = 1.0
"""The same for the surface to be used at all."""

_VERTICES = 600
_MOST_POINTS = 5000  # the smooth surface of a larger mask needs no more of them


@dataclass(frozen=True)
class Ellipsoid:
    """A surface of degree 0.

    Attributes:
        center: In i, j, k.
        half_axes: Three conjugate half axes as rows, in i, j, k.
    """

    center: np.ndarray
    half_axes: np.ndarray


def smooth_surface(mask: np.ndarray, surface: Surface) -> Union[Ellipsoid, np.ndarray, None]:
    """The surface: an ellipsoid, or its vertices in the order of `_mesh`.

    Args:
        mask: Boolean [k, j, i], its bounding box.
        surface: Where it ends.

    Returns:
        An ellipsoid, or vertices (n, 3) in i, j, k; None where no surface of this kind fits.
    """
    center, whiten, spread = _moments(mask)
    thinned = slice(None, None, 1 + len(surface.points) // _MOST_POINTS)
    midpoints, inwards = surface.points[thinned] - center, surface.inwards[thinned]
    count = len(midpoints)
    # The midpoints, the voxel centers inside, and those outside.
    offsets = np.concatenate([midpoints, midpoints + inwards, midpoints - inwards]).T
    rounded = whiten @ offsets
    radii = np.sqrt((rounded * rounded).sum(axis=0)) + 1e-9
    voxels = np.sqrt((offsets[:, count:] ** 2).sum(axis=0)) / radii[count:]  # in one unit of radius
    even = float(radii[:count].mean())
    if _wrong((radii[count:] - even) * voxels, count) <= TOLERANCE_VOXELS:
        return Ellipsoid(center, even * spread)
    directions = rounded / radii
    wrong, coefficients = np.inf, np.zeros(0)
    for degree in DEGREES:
        if (degree + 1) ** 2 > 0.5 * count:
            break
        basis = _harmonics(directions, degree)
        fitted = basis[:, :count]
        gram = fitted @ fitted.T
        gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
        coefficients = np.linalg.solve(gram, fitted @ radii[:count])
        wrong = _wrong((radii[count:] - coefficients @ basis[:, count:]) * voxels, count)
        if wrong <= TOLERANCE_VOXELS:
            break
    if wrong > WORST_VOXELS:
        return None
    used = next(degree for degree in DEGREES if (degree + 1) ** 2 == len(coefficients))
    radius = coefficients @ _at_vertices(used)
    return np.asarray(center + (_mesh()[0] * radius[:, None]) @ spread)


def _wrong(beyond: np.ndarray, count: int) -> float:
    """How far the worst voxel center lies on the wrong side; the first ones ought to lie inside."""
    return max(float(beyond[:count].max()), -float(beyond[count:].min()))


def _moments(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Center of mass, and the maps to and from coordinates in which all second moments are 1."""
    voxels = np.stack(np.nonzero(mask)[::-1], axis=1).astype(float)
    center = voxels.mean(axis=0)
    centered = voxels - center
    # A voxel is as wide as its spacing: that is the twelfth.
    values, vectors = np.linalg.eigh(centered.T @ centered / len(voxels) + np.eye(3) / 12)
    return center, (vectors / np.sqrt(values)) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T


def _harmonics(directions: np.ndarray, degree: int) -> np.ndarray:
    """A basis of all spherical harmonics up to a degree, [function, direction], for unit vectors (3, n).

    On the sphere the monomials of that degree and of the one below span them.
    """
    powers = [np.ones_like(directions)]
    for _ in range(degree):
        powers.append(powers[-1] * directions)
    exponents = [
        (a, b, n - a - b) for n in (degree, degree - 1) for a in range(n + 1) for b in range(n - a + 1)
    ]
    basis = np.empty((len(exponents), directions.shape[1]))
    for row, (a, b, c) in zip(basis, exponents):
        np.multiply(powers[a][0], powers[b][1], out=row)
        row *= powers[c][2]
    return basis


@lru_cache(maxsize=8)
def _at_vertices(degree: int) -> np.ndarray:
    return _harmonics(_mesh()[0].T.copy(), degree)


@lru_cache(maxsize=1)
def _mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A triangulated unit sphere: vertices, edges (pairs of vertices), triangles (three edges, in order)."""
    from scipy.spatial import ConvexHull

    from .solid import sphere

    vertices = sphere(_VERTICES)
    corners = ConvexHull(vertices).simplices
    a, b, c = np.moveaxis(vertices[corners], 1, 0)
    inwards = np.einsum("nk,nk->n", np.cross(b - a, c - a), a) < 0
    corners[inwards] = corners[inwards][:, ::-1]
    pairs = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, number = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    return vertices, edges, np.asarray(number).reshape(-1, 3)


def widths_of_cuts(vertices: np.ndarray, heights: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """For each height the largest width of the cut of the surface at that z, over some directions (n, 2)."""
    edges = _mesh()[1]
    above = (vertices[:, 2] > heights[:, None]).view(np.uint8)
    level, edge = np.nonzero(above.take(edges[:, 0], axis=1) != above.take(edges[:, 1], axis=1))
    widths = np.zeros(len(heights))
    if len(level):
        along = _crossings(vertices, edges[edge], heights[level]) @ directions.T
        cut, first = np.unique(level, return_index=True)
        spread = np.maximum.reduceat(along, first) - np.minimum.reduceat(along, first)
        widths[cut] = spread.max(axis=1)
    return widths


def cut(vertices: np.ndarray, height: float) -> list[np.ndarray]:
    """The closed outlines of the surface's cut at a height z: polygons (n, 2)."""
    _, edges, triangles = _mesh()
    above = vertices[:, 2] > height
    crossed = above[edges[:, 0]] != above[edges[:, 1]]
    sides = crossed[triangles]
    hit = np.flatnonzero(sides.any(axis=1))
    # Of the two crossed sides of a triangle, the line comes in by the one after the side not crossed.
    whole = np.argmin(sides[hit], axis=1)
    start, end = triangles[hit, (whole + 1) % 3], triangles[hit, (whole + 2) % 3]
    corner_above = _apex_above(above, edges, start, end)
    chain, first = chained(np.where(corner_above, start, end), np.where(corner_above, end, start))
    points = _crossings(vertices, edges[chain], np.full(len(chain), height))
    return [points[a:b] for a, b in zip(first[:-1].tolist(), first[1:].tolist())]


def _apex_above(above: np.ndarray, edges: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether the corner that two sides of a triangle share lies above the plane."""
    first, second = edges[start], edges[end]
    shared = np.where((first[:, :1] == second).any(axis=1), first[:, 0], first[:, 1])
    return np.asarray(above[shared])


def _crossings(vertices: np.ndarray, edges: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Where edges meet the planes, (n, 2)."""
    one, other = vertices[edges[:, 0]], vertices[edges[:, 1]]
    share = (heights - one[:, 2]) / (other[:, 2] - one[:, 2])
    return np.asarray(one[:, :2] + share[:, None] * (other[:, :2] - one[:, :2]))
