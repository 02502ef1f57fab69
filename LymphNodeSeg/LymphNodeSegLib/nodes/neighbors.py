"""How far each node is from the next one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..images.image import Geometry
from .blocks import Block
from .solid import Surface, surface_of

_MOST_PAIRS = 4_000_000


def nearest_mm(
    blocks: Sequence[Block], wanted: Sequence[Block], surfaces: Sequence[Surface], geometry: Geometry
) -> dict[int, float]:
    """Distance between the surface of each wanted node and that of the node nearest to it, by label.

    Surfaces are the midpoints between voxels inside and outside, so that nodes that touch are 0 mm apart.

    Args:
        blocks: All nodes.
        wanted: Those to give a distance for.
        surfaces: Theirs.
        geometry: Grid of the label map.
    """
    if len(blocks) < 2:
        return {}
    spacing = np.asarray(geometry.spacing_mm)
    low = (np.array([block.start_ijk for block in blocks]) - 0.5) * spacing
    high = (np.array([[part.stop for part in block.box[::-1]] for block in blocks]) - 0.5) * spacing
    position = {block.label: number for number, block in enumerate(blocks)}
    first = np.cumsum([0, *(len(surface.points) for surface in surfaces)])
    starts = np.repeat([block.start_ijk for block in wanted], np.diff(first), axis=0)
    every = ((np.concatenate([surface.points for surface in surfaces]) + starts) * spacing).T.copy()
    points = {
        position[block.label]: every[:, a:b]
        for block, a, b in zip(wanted, first[:-1].tolist(), first[1:].tolist())
    }
    pairs: dict[tuple[int, int], float] = {}

    def surface(number: int) -> np.ndarray:
        if number not in points:
            block = blocks[number]
            points[number] = ((surface_of(block.mask).points + block.start_ijk) * spacing).T
        return points[number]

    def gap(own: int, other: int) -> float:
        pair = (min(own, other), max(own, other))
        if pair not in pairs:
            boxes = (low[own], high[own]), (low[other], high[other])
            pairs[pair] = _gap_mm(surface(own), surface(other), *boxes)
        return pairs[pair]

    nearest = {}
    for block in wanted:
        own = position[block.label]
        apart = np.maximum(np.maximum(low - high[own], low[own] - high), 0.0)
        at_least = np.sqrt((apart * apart) @ np.ones(3))
        at_least[own] = np.inf
        best = gap(own, int(at_least.argmin()))
        rest = np.flatnonzero(at_least < best)
        for other in rest[at_least[rest].argsort(kind="stable")].tolist():
            if at_least[other] < best:
                best = min(best, gap(own, other))
        nearest[block.label] = best
    return nearest


_Box = tuple[np.ndarray, np.ndarray]


def _gap_mm(first: np.ndarray, second: np.ndarray, around_first: _Box, around_second: _Box) -> float:
    """Smallest distance between two sets of points (3, n), each with the box around it."""
    from scipy.spatial.distance import cdist

    outside_mm2 = _outside_mm2(first, around_second)
    away = second - first[:, outside_mm2.argmin()][:, None]
    at_most = float(np.einsum("kn,kn->n", away, away).min()) + 1e-9
    # Only points no farther from the other set's box than that can be nearer.
    one = first.T[outside_mm2 <= at_most]
    other = second.T[_outside_mm2(second, around_first) <= at_most]
    if len(one) * len(other) > _MOST_PAIRS:
        from scipy.spatial import cKDTree

        return float(cKDTree(one).query(other)[0].min())
    return float(np.sqrt(cdist(one, other, "sqeuclidean").min()))


def _outside_mm2(points: np.ndarray, box: _Box) -> np.ndarray:
    """How far each point (3, n) lies outside a box, squared."""
    low, high = box
    beyond = np.maximum(low[:, None] - points, points - high[:, None])
    np.maximum(beyond, 0.0, out=beyond)
    return np.asarray(np.einsum("kn,kn->n", beyond, beyond))
