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
    known = {block.label: surface for block, surface in zip(wanted, surfaces)}
    points: dict[int, np.ndarray] = {}
    pairs: dict[tuple[int, int], float] = {}

    def surface(number: int) -> np.ndarray:
        if number not in points:
            block = blocks[number]
            own = known.get(block.label) or surface_of(block.mask)
            points[number] = (own.points + block.start_ijk) * spacing
        return points[number]

    nearest = {}
    for block in wanted:
        own = position[block.label]
        gap = np.maximum(0.0, np.maximum(low - high[own], low[own] - high))
        at_least = np.sqrt((gap**2).sum(axis=1))
        at_least[own] = np.inf
        best = np.inf
        for other in np.argsort(at_least, kind="stable").tolist():
            if at_least[other] >= best:
                break
            pair = (min(own, other), max(own, other))
            if pair not in pairs:
                boxes = (low[own], high[own]), (low[other], high[other])
                pairs[pair] = _gap_mm(surface(own), surface(other), *boxes)
            best = min(best, pairs[pair])
        nearest[block.label] = float(best)
    return nearest


_Box = tuple[np.ndarray, np.ndarray]


def _gap_mm(first: np.ndarray, second: np.ndarray, around_first: _Box, around_second: _Box) -> float:
    """Smallest distance between two sets of points, each with the box around it."""
    from scipy.spatial.distance import cdist

    outside_mm2 = _outside_mm2(first, around_second)
    at_most = float(cdist(first[[np.argmin(outside_mm2)]], second, "sqeuclidean").min()) + 1e-9
    # Only points no farther from the other set's box than that can be nearer.
    first, second = first[outside_mm2 <= at_most], second[_outside_mm2(second, around_first) <= at_most]
    if len(first) * len(second) > _MOST_PAIRS:
        from scipy.spatial import cKDTree

        return float(cKDTree(first).query(second)[0].min())
    return float(np.sqrt(cdist(first, second, "sqeuclidean").min()))


def _outside_mm2(points: np.ndarray, box: _Box) -> np.ndarray:
    """How far each point lies outside a box, squared."""
    beyond = points - np.clip(points, *box)
    return np.asarray(np.einsum("nk,nk->n", beyond, beyond))
