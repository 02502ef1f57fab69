"""Surfaces that are one triangulated sphere, moved: where their cuts by parallel planes are longest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .outline import chained
from .solid import sphere

_VERTICES = 600
_LEVELS = 6  # heights at which a surface's width is taken to find where it is longest
_NEARLY = 0.98  # of the longest width, from which a second height is looked at, too


@dataclass(frozen=True)
class Mesh:
    """A triangulated unit sphere.

    Attributes:
        vertices: (n, 3).
        edges: Pairs of vertices.
        triangles: Three edges each, in order.
    """

    vertices: np.ndarray
    edges: np.ndarray
    triangles: np.ndarray


@lru_cache(maxsize=1)
def unit_mesh() -> Mesh:
    """The sphere whose vertices, moved, all surfaces here have."""
    from scipy.spatial import ConvexHull

    vertices = sphere(_VERTICES)
    corners = ConvexHull(vertices).simplices
    a, b, c = np.moveaxis(vertices[corners], 1, 0)
    inwards = np.einsum("nk,nk->n", np.cross(b - a, c - a), a) < 0
    corners[inwards] = corners[inwards][:, ::-1]
    pairs = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, number = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    return Mesh(vertices, edges, np.asarray(number).reshape(-1, 3))


def longest_heights(vertices: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the cuts of surfaces by planes of one z are longest.

    Each surface is cut at `_LEVELS` heights; between them the square of the width is taken as a parabola,
    which it is for an ellipsoid.

    Args:
        vertices: (surfaces, vertices, 3) in the order of `unit_mesh`.
        directions: Unit vectors (n, 2) along which widths are taken.

    Returns:
        Numbers of surfaces and heights: one for each surface, or more where others are `_NEARLY` as long.
    """
    low, step = _low_and_step(vertices)
    levels = (vertices[:, :, 2] - low[:, None]) / step[:, None]
    squares = np.zeros((len(vertices), _LEVELS + 2))
    squares[:, 1:-1] = _widths(vertices, levels, directions) ** 2
    before, at, after = squares[:, :-2], squares[:, 1:-1], squares[:, 2:]
    curvature = np.minimum(before - 2 * at + after, -1e-9)
    offset = np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)
    peak = np.where((at >= before) & (at >= after), at - 0.25 * (before - after) * offset, 0.0)
    number, level = np.nonzero(peak >= _NEARLY**2 * peak.max(axis=1, keepdims=True))
    return number, low[number] + step[number] * (level + 0.5 + offset[number, level])


def even_heights(vertices: np.ndarray) -> np.ndarray:
    """`_LEVELS` heights of each surface (n, vertices, 3), evenly spread."""
    low, step = _low_and_step(vertices)
    return np.asarray(low[:, None] + step[:, None] * (np.arange(_LEVELS) + 0.5))


def _low_and_step(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = vertices[:, :, 2]
    return z.min(axis=1), np.ptp(z, axis=1) / _LEVELS


def _widths(vertices: np.ndarray, levels: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The largest width of each surface's cut halfway between whole `levels` of its vertices."""
    edges = unit_mesh().edges
    one, other = levels[:, edges[:, 0]], levels[:, edges[:, 1]]
    first = np.ceil(np.minimum(one, other) - 0.5).astype(np.int32)
    count = np.ceil(np.maximum(one, other) - 0.5).astype(np.int32) - first
    crossed = np.flatnonzero(count)
    times = count.ravel()[crossed]
    edge = np.repeat(crossed, times)
    level = np.arange(len(edge)) - np.repeat(np.cumsum(times) - times - first.ravel()[crossed], times)
    key = edge // len(edges) * _LEVELS + level
    order = np.argsort(key.astype(np.int32), kind="stable")
    edge, level, key = edge[order], level[order], key[order]
    number, edge = np.divmod(edge, len(edges))
    start, end = edges[edge].T
    share = (level + 0.5 - levels[number, start]) / (levels[number, end] - levels[number, start])
    a, b = vertices[number, start, :2], vertices[number, end, :2]
    along = (a + share[:, None] * (b - a)).astype(np.float32) @ directions.T.astype(np.float32)
    there = np.flatnonzero(np.diff(key, prepend=-1))
    spread = np.maximum.reduceat(along, there) - np.minimum.reduceat(along, there)
    widths = np.zeros(len(vertices) * _LEVELS)
    widths[key[there]] = spread.max(axis=1)
    return widths.reshape(len(vertices), _LEVELS)


def cuts(vertices: np.ndarray, heights: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The closed outlines of surfaces (n, vertices, 3), each cut at its height z.

    Returns:
        Polygons (m, 2), and the number of the surface of each.
    """
    edges, triangles = unit_mesh().edges, unit_mesh().triangles
    above = vertices[:, :, 2] > heights[:, None]
    sides = (above[:, edges[:, 0]] != above[:, edges[:, 1]])[:, triangles]
    number, hit = np.nonzero(sides.any(axis=2))
    # Of the two crossed sides of a triangle, the line comes in by the one after the side not crossed.
    whole = sides[number, hit].argmin(axis=1)
    start, end = triangles[hit, (whole + 1) % 3], triangles[hit, (whole + 2) % 3]
    # The corner that both sides share.
    corner = np.where((edges[start][:, :1] == edges[end]).any(axis=1), *edges[start].T)
    base = number * len(edges)
    up = above[number, corner]
    chain, first = chained(base + np.where(up, start, end), base + np.where(up, end, start))
    number, edge = np.divmod(chain, len(edges))
    a, b = vertices[number, edges[edge, 0]], vertices[number, edges[edge, 1]]
    share = (heights[number] - a[:, 2]) / (b[:, 2] - a[:, 2])
    points = a[:, :2] + share[:, None] * (b[:, :2] - a[:, :2])
    return [points[i:j] for i, j in zip(first[:-1].tolist(), first[1:].tolist())], number[first[:-1]]
