"""Paints layers of shapes onto a voxel grid, with partial volume.

Layers are painted from the top down, cell by cell, so that nothing is worked out of what later layers cover;
and of each layer only the cells that hold an edge of it are measured pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable, Optional

import numpy as np

from .cells import PIXELS, PLANE_OFFSET, CellGrid
from .fields import TILE_SAMPLES, TILE_SIZE, tile_at
from .layers import Layer
from .nearby import CHUNK_CELLS, Nearby
from .sampling import STRETCH, Sampling
from .tissues import Signal

ROUGH_SCALE_MM = 7.0
ROUGH_LIMIT = 4.0  # standard deviations that the noise at an edge hardly ever exceeds
ONES = np.ones(PIXELS, dtype=np.float32)


def paint(
    sampling: Sampling, layers: Sequence[Layer], channels: Callable[[Signal], np.ndarray], rough_seed: int
) -> np.ndarray:
    """Paint layers, in order, onto the grid.

    Args:
        sampling: Grid and points.
        layers: From the outside in; later ones cover earlier ones.
        channels: The values of a signal to paint, shape (c,).
        rough_seed: For the roughness of edges.

    Returns:
        float32 [c, k, j, i].
    """
    return _Painter(sampling, layers, channels, rough_seed).run()


class _Painter:
    """The state of one `paint`.

    Attributes:
        left: The share of each pixel that the layers painted so far let through, (cells, pixels).
        shows: Which cells show anything of what lies below them.
        painted: The image, (channels, cells, pixels).
        users: The layers of each shape that are still to be painted.
        measured: By shape, while it has users: distances in its cells with edges, and where each is in them.
    """

    def __init__(
        self,
        sampling: Sampling,
        layers: Sequence[Layer],
        channels: Callable[[Signal], np.ndarray],
        rough_seed: int,
    ) -> None:
        self.layers = layers
        self.values = [np.asarray(channels(layer.signal), dtype=np.float32).tolist() for layer in layers]
        self.grid = CellGrid(sampling)
        spacing = sampling.geometry.spacing_mm
        self.pixel_mm = float(np.sqrt(spacing[0] * spacing[1]))
        self.tilt_mm = STRETCH * PLANE_OFFSET * spacing[2]
        self.rough_shift = np.random.default_rng(rough_seed).uniform(0, TILE_SIZE, 3).tolist()
        numbers: dict[int, int] = {}
        self.shape_of = [numbers.setdefault(id(layer.shape), len(numbers)) for layer in layers]
        self.users: list[list[Layer]] = [[] for _ in numbers]
        for layer, shape in zip(layers, self.shape_of):
            self.users[shape].append(layer)
        self.near = self._nearby(sampling)
        self.measured: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.painted = np.zeros((len(self.values[0]), self.grid.count, PIXELS), dtype=np.float32)
        self.left = np.ones((self.grid.count, PIXELS), dtype=np.float32)
        self.shows = np.ones(self.grid.count, dtype=bool)

    def _nearby(self, sampling: Sampling) -> Nearby:
        parts = [users[0].shape for users in self.users]
        in_patient = np.array([users[0].in_patient for users in self.users])
        margins = [max(u.reach_mm for u in users) + 0.8 * self.pixel_mm + 0.5 for users in self.users]
        reach = [max(u.grow_mm + u.shell_mm / 2 + self._blur_mm(u) for u in users) for users in self.users]
        return Nearby(self.grid, sampling, parts, in_patient, np.array(margins), np.array(reach))

    def run(self) -> np.ndarray:
        """The image."""
        for n in reversed(range(len(self.layers))):
            self._paint_layer(n)
        return np.stack([self.grid.image(channel) for channel in self.painted])

    def _blur_mm(self, layer: Layer) -> float:
        """From the surface of a layer to where it surely covers nothing, or all."""
        return (self.pixel_mm + layer.soft_mm + self.tilt_mm) / 2.0 + ROUGH_LIMIT * layer.rough_mm

    def _edge_and_full(self, layer: Layer, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which cells a layer may cover in part, and which wholly, from the distance of their middles."""
        limit = self._blur_mm(layer) + self.grid.radius_mm
        depth = layer.depth(distance)
        full = depth < -limit
        return (depth < limit) & ~full, full

    def _paint_layer(self, n: int) -> None:
        layer, shape = self.layers[n], self.shape_of[n]
        cells, distance = self.near.of(shape)
        shows = self.shows[cells]
        edge, full = self._edge_and_full(layer, distance)
        chosen = np.flatnonzero(edge & shows)
        if len(chosen):
            measured, where = self._measure(shape, cells, distance)
            for own in _chunks(chosen):
                alpha = self._coverage(layer, measured.take(where[own], axis=1), cells[own])
                seen = alpha @ ONES > 0.0
                self._blend(n, cells[own[seen]], alpha[seen])
        for own in _chunks(cells[full & shows]):
            self._blend(n, own, None)
        self.users[shape].pop()
        if not self.users[shape]:
            self.measured.pop(shape, None)

    def _measure(self, shape: int, cells: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `measured`."""
        if shape not in self.measured:
            edges = [self._edge_and_full(layer, distance)[0] for layer in self.users[shape]]
            edge = np.logical_or.reduce(edges) & self.shows[cells]
            self.measured[shape] = self.near.distance(shape, np.flatnonzero(edge)), np.cumsum(edge) - 1
        return self.measured[shape]

    def _coverage(self, layer: Layer, distance: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """The share of each pixel that the layer covers, the mean over the planes of the slice."""
        # Where the surface runs obliquely through the slice, its edge is spread over more pixels.
        width = distance[0] - distance[1]
        np.abs(width, out=width)
        width *= 0.5
        width += self.pixel_mm + layer.soft_mm
        depth = layer.depth(distance)
        if layer.rough_mm:
            depth += layer.rough_mm * self._rough(cells)
        depth /= width
        alpha = np.subtract(0.5, depth, out=depth)
        np.clip(alpha, 0.0, layer.opacity, out=alpha)
        mean = alpha[0]
        mean += alpha[1]
        mean *= 0.5
        return mean

    def _rough(self, cells: np.ndarray) -> np.ndarray:
        place = self.grid.middle(cells)
        axes = (np.eye(3) * (TILE_SAMPLES / ROUGH_SCALE_MM)).tolist()
        return tile_at(*(place.along(axis, -shift) for axis, shift in zip(axes, self.rough_shift)))

    def _blend(self, n: int, cells: np.ndarray, alpha: Optional[np.ndarray]) -> None:
        """Put a layer below what is painted; `alpha` is the covered share of each pixel, None: all of it."""
        layer = self.layers[n]
        share = self.left.take(cells, axis=0)
        if alpha is None and layer.opacity == 1.0:
            self.shows[cells] = False
        else:
            left, share = share, share * (layer.opacity if alpha is None else alpha)
            left -= share
            self.left[cells] = left
            if layer.opacity == 1.0:
                self.shows[cells] = left @ ONES > 0.0
        if layer.texture:
            share *= layer.texture.factor(self.grid.middle(cells))
        for value, channel in zip(self.values[n], self.painted):
            if value:
                total = channel.take(cells, axis=0)
                total += share * value
                channel[cells] = total


def _chunks(cells: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(cells), CHUNK_CELLS):
        yield cells[start : start + CHUNK_CELLS]
