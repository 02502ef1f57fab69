"""Paints layers of shapes onto a voxel grid, slice by slice, with partial volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np

from ..images.image import Geometry
from .fields import TILE_SAMPLES, lattice_count, linear_weights, tile_at
from .shapes import Shape
from .tissues import Signal

LATTICE_STRIDE = 6

PointMap = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Texture:
    """Noise that multiplies a layer's signal.

    Attributes:
        amount: Standard deviation relative to the signal.
        scale_mm: Size of a grain along each axis of `rotation`.
        rotation: 3x3, columns are the axes of the grain.
        ridges: 0 for plain noise; otherwise the width (in standard deviations) of thin streaks where the
            noise crosses zero, which change the signal by `amount`.
    """

    amount: float
    scale_mm: tuple[float, float, float]
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    ridges: float = 0.0

    def factor(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """What the signal is multiplied with at the points (mm)."""
        scaled = self.rotation / (np.asarray(self.scale_mm) / TILE_SAMPLES)
        u, v, w = (x * scaled[0, n] + y * scaled[1, n] + z * scaled[2, n] for n in range(3))
        noise = tile_at(u, v, w)
        if self.ridges:
            noise = np.exp(-((noise / self.ridges) ** 2))
        return np.maximum(1.0 + self.amount * noise, 0.0)


@dataclass(frozen=True)
class Layer:
    """A shape filled with a tissue; later layers cover earlier ones.

    Attributes:
        shape: Where.
        signal: Of what brightness.
        grow_mm: The shape is blown up by this much (negative: shrunk).
        soft_mm: Width of the transition at the edge, beside that of a pixel.
        rough_mm: Amplitude of the edge's irregularity.
        texture: Noise inside.
        opacity: Below 1 what lies beneath shines through.
        in_patient: The shape is given in true patient coordinates, not in those of the unwarped anatomy.
    """

    shape: Shape
    signal: Signal
    grow_mm: float = 0.0
    soft_mm: float = 0.0
    rough_mm: float = 0.0
    texture: Optional[Texture] = None
    opacity: float = 1.0
    in_patient: bool = False


class Sampling:
    """The points at which a grid looks at the anatomy.

    A voxel of the T2 sees the patient where it lies; one of the distorted DWI sees another place.

    Args:
        geometry: The voxel grid.
        to_patient: LPS points of the grid (n, 3) to the true place in the patient; None where it is the same.
        to_anatomy: True places in the patient to the coordinates in which the anatomy is described.
        slice_offsets: Places within a slice at which it is sampled, in slice distances from its center.
    """

    def __init__(
        self,
        geometry: Geometry,
        to_patient: Optional[PointMap],
        to_anatomy: PointMap,
        slice_offsets: Sequence[float],
    ) -> None:
        self.geometry, self.slice_offsets = geometry, tuple(slice_offsets)
        width, height, depth = geometry.size_ijk
        self._weights = (linear_weights(height, LATTICE_STRIDE), linear_weights(width, LATTICE_STRIDE))
        i = LATTICE_STRIDE * np.arange(lattice_count(width, LATTICE_STRIDE))
        j = LATTICE_STRIDE * np.arange(lattice_count(height, LATTICE_STRIDE))
        grid = np.stack(np.meshgrid(np.arange(depth), j, i, indexing="ij")[::-1], axis=-1)
        points = geometry.lps_from_ijk(grid).reshape(-1, 3)
        patient = points if to_patient is None else to_patient(points)
        self._patient = patient.reshape(grid.shape).astype(np.float32)
        self._anatomy = to_anatomy(patient).reshape(grid.shape).astype(np.float32)
        self._grid = grid
        # The linear part of the way from the anatomy back to the patient, for boxes.
        spread = self._anatomy.reshape(-1, 3) - self._anatomy.reshape(-1, 3).mean(axis=0)
        target = points - points.mean(axis=0)
        self._turn = np.linalg.lstsq(spread.astype(float), target, rcond=None)[0].T
        self._normal = (geometry.normal_lps * geometry.spacing_mm[2]).astype(np.float32)

    def slice_points(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Patient and anatomy coordinates of the centers in slice k, each float32 (3, rows, columns)."""
        rows, columns = self._weights
        return (
            np.stack([rows @ self._patient[k, :, :, axis] @ columns.T for axis in range(3)]),
            np.stack([rows @ self._anatomy[k, :, :, axis] @ columns.T for axis in range(3)]),
        )

    def boxes(self, layers: Sequence[Layer], margin_mm: float) -> np.ndarray:
        """Where each layer may be seen: first and last index + 1 along i, j, k, shape (layers, 2, 3).

        The corners of a layer's box are carried to the grid by the nearest known points of it.
        """
        from scipy.spatial import cKDTree

        thin = (slice(None), slice(None, None, 2), slice(None, None, 2))
        per_mm = np.abs(np.linalg.inv(self.geometry.ijk_to_lps[:3, :3])).sum(axis=1)
        matrix = np.linalg.inv(self.geometry.ijk_to_lps[:3, :3]) @ self._turn
        grid = self._grid[thin].reshape(-1, 3)
        steps = np.array([(a, b, c) for a in (0, 0.5, 1) for b in (0, 0.5, 1) for c in (0, 0.5, 1)])
        out = np.zeros((len(layers), 2, 3), dtype=int)
        for in_patient, field_ in ((False, self._anatomy), (True, self._patient)):
            chosen = [n for n, layer in enumerate(layers) if layer.in_patient == in_patient]
            if not chosen:
                continue
            known = field_[thin].reshape(-1, 3).astype(float)
            low = np.array([layers[n].shape.box_mm[0] for n in chosen])
            high = np.array([layers[n].shape.box_mm[1] for n in chosen])
            corners = low[:, None] + steps * (high - low)[:, None]
            nearest = cKDTree(known).query(corners)[1]
            ijk = (
                grid[nearest]
                + (corners - known[nearest])
                @ (matrix if not in_patient else np.linalg.inv(self.geometry.ijk_to_lps[:3, :3])).T
            )
            extra = [margin_mm + layers[n].soft_mm + layers[n].rough_mm + layers[n].grow_mm for n in chosen]
            slack = np.maximum(np.array(extra), 0.0)[:, None] + 0.05 * (high - low).max(axis=1, keepdims=True)
            out[chosen, 0] = np.floor(ijk.min(axis=1) - slack * per_mm)
            out[chosen, 1] = np.ceil(ijk.max(axis=1) + slack * per_mm) + 1
        return np.clip(out, 0, np.array(self.geometry.size_ijk))


def paint(
    sampling: Sampling, layers: Sequence[Layer], channels: Callable[[Signal], np.ndarray], rng_seed: int
) -> np.ndarray:
    """Paint layers, in order, onto the grid.

    Args:
        sampling: Grid and points.
        layers: From the outside in.
        channels: The values of a signal to paint, shape (c,).
        rng_seed: For the roughness of edges.

    Returns:
        float32 [c, k, j, i]; each slice is the mean over its sampled places.
    """
    width, height, depth = sampling.geometry.size_ijk
    pixel_mm = float(np.sqrt(sampling.geometry.spacing_mm[0] * sampling.geometry.spacing_mm[1]))
    values = [np.asarray(channels(layer.signal), dtype=np.float32) for layer in layers]
    boxes = sampling.boxes(layers, 1.5 * pixel_mm)
    out = np.zeros((len(values[0]), depth, height, width), dtype=np.float32)
    rough_shift = np.random.default_rng(rng_seed).uniform(0, 128, 3)
    normal = sampling._normal
    for k in range(depth):
        patient, anatomy = sampling.slice_points(k)
        visible = [
            int(n)
            for n in np.flatnonzero((boxes[:, 0, 2] <= k) & (boxes[:, 1, 2] > k))
            if (boxes[n, 1] > boxes[n, 0]).all()
        ]
        rough = tile_at(*(a * (TILE_SAMPLES / 4.0) + s for a, s in zip(anatomy, rough_shift)))
        for offset in sampling.slice_offsets:
            shift = (normal * offset)[:, None, None]
            places = (anatomy + shift, patient + shift)
            plane = np.zeros((len(values[0]), height, width), dtype=np.float32)
            for n in visible:
                _paint_layer(plane, layers[n], values[n], boxes[n], places, rough, pixel_mm)
            out[:, k] += plane
    out /= len(sampling.slice_offsets)
    return out


def _paint_layer(
    plane: np.ndarray,
    layer: Layer,
    value: np.ndarray,
    box: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    rough: np.ndarray,
    pixel_mm: float,
) -> None:
    window = (slice(box[0, 1], box[1, 1]), slice(box[0, 0], box[1, 0]))
    x, y, z = places[int(layer.in_patient)][:, window[0], window[1]]
    distance = layer.shape.distance(x, y, z)
    if layer.grow_mm:
        distance -= np.float32(layer.grow_mm)
    if layer.rough_mm:
        distance += np.float32(layer.rough_mm) * rough[window]
    alpha = 0.5 - distance * np.float32(1.0 / (pixel_mm + layer.soft_mm))
    np.clip(alpha, 0.0, layer.opacity, out=alpha)
    if not alpha.any():
        return
    factor = layer.texture.factor(x, y, z) if layer.texture else None
    for channel, target in enumerate(value):
        part = plane[channel][window]
        fill = target if factor is None else target * factor
        part += alpha * (fill - part)
