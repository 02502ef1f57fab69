"""Paints layers of shapes onto a voxel grid, slice by slice, with partial volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np

from ..images.image import Geometry
from .fields import TILE_SAMPLES, TILE_SIZE, lattice_count, tile_at, upsample
from .shapes import Shape, hull_of, parts_of
from .tissues import Signal

LATTICE_STRIDE = 6
# Gauss-Legendre nodes: the mean over a slice from two planes, in slice distances from its center.
SLICE_PLANES = (-0.289, 0.289)
ROUGH_SCALE_MM = 7.0

PointMap = Callable[[np.ndarray], np.ndarray]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Texture:
    """Noise that multiplies a layer's signal.

    Attributes:
        amount: Standard deviation relative to the signal.
        scale_mm: Size of a grain along each axis of `rotation`.
        rotation: 3x3, columns are the axes of the grain.
        streak_amount: By how much the signal changes, relatively, in thin streaks where the noise
            crosses zero.
        streak_width: Width of the streaks in standard deviations of the noise.
        patchy: The streaks come and go from place to place.
    """

    amount: float
    scale_mm: tuple[float, float, float]
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    streak_amount: float = 0.0
    streak_width: float = 0.1
    patchy: bool = False

    def factor(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """What the signal is multiplied with at the points (mm)."""
        scaled = (self.rotation / (np.asarray(self.scale_mm) / TILE_SAMPLES)).tolist()
        u = [x * scaled[0][n] + y * scaled[1][n] + z * scaled[2][n] for n in range(3)]
        noise = tile_at(*u)
        factor = 1.0 + self.amount * noise
        if self.streak_amount:
            streak = np.exp(noise * noise * (-1.0 / self.streak_width**2))
            if self.patchy:
                streak *= np.clip(0.3 + 0.5 * tile_at(*(0.37 * v for v in u)), 0.0, 1.0)
            factor += self.streak_amount * streak
        return np.maximum(factor, 0.0, out=factor)


@dataclass(frozen=True)
class Layer:
    """A shape filled with a tissue; later layers cover earlier ones.

    Layers that share one shape object cost little more than one.

    Attributes:
        shape: Where.
        signal: Of what brightness.
        grow_mm: The shape is blown up by this much (negative: shrunk).
        shell_mm: Above 0 only a sheet of this thickness on the (blown up) surface is filled.
        soft_mm: Width of the transition at the edge, beside that of a pixel.
        rough_mm: Amplitude of the edge's irregularity.
        texture: Noise inside.
        opacity: Below 1 what lies beneath shines through.
        in_patient: The shape is given in true patient coordinates, not in those of the unwarped anatomy.
    """

    shape: Shape
    signal: Signal
    grow_mm: float = 0.0
    shell_mm: float = 0.0
    soft_mm: float = 0.0
    rough_mm: float = 0.0
    texture: Optional[Texture] = None
    opacity: float = 1.0
    in_patient: bool = False

    @property
    def reach_mm(self) -> float:
        """How far the layer reaches beyond its shape."""
        return max(self.grow_mm + self.shell_mm / 2.0 + self.soft_mm / 2.0 + 2.0 * self.rough_mm, 0.0)


class Sampling:
    """The points at which a grid looks at the anatomy.

    A voxel of the T2 sees the patient where it lies; one of the distorted DWI sees another place.

    Args:
        geometry: The voxel grid.
        to_patient: LPS points of the grid (n, 3) to the true place in the patient; None where it is the same.
        to_anatomy: True places in the patient to the coordinates in which the anatomy is described.
    """

    def __init__(self, geometry: Geometry, to_patient: Optional[PointMap], to_anatomy: PointMap) -> None:
        self.geometry = geometry
        width, height, depth = geometry.size_ijk
        i = LATTICE_STRIDE * np.arange(lattice_count(width, LATTICE_STRIDE))
        j = LATTICE_STRIDE * np.arange(lattice_count(height, LATTICE_STRIDE))
        self._grid = np.stack(np.meshgrid(np.arange(depth), j, i, indexing="ij")[::-1], axis=-1)
        points = geometry.lps_from_ijk(self._grid).reshape(-1, 3)
        patient = points if to_patient is None else to_patient(points)
        self._patient = patient.reshape(self._grid.shape).astype(np.float32)
        self._anatomy = to_anatomy(patient).reshape(self._grid.shape).astype(np.float32)
        # The linear part of the way from the anatomy back to the grid, for boxes.
        spread = self._anatomy.reshape(-1, 3) - self._anatomy.reshape(-1, 3).mean(axis=0)
        self._turn = np.linalg.lstsq(spread.astype(float), points - points.mean(axis=0), rcond=None)[0].T

    def slice_points(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Patient and anatomy coordinates of the centers in slice k, each float32 (3, rows, columns)."""
        width, height, _ = self.geometry.size_ijk
        patient, anatomy = (
            upsample(np.moveaxis(field[k], -1, 0), LATTICE_STRIDE, height, width)
            for field in (self._patient, self._anatomy)
        )
        return patient, anatomy

    def plane_points(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The same on the planes that make a slice's mean, each float32 (3, planes, rows, columns)."""
        normal = (self.geometry.normal_lps * self.geometry.spacing_mm[2]).astype(np.float32)
        shift = normal[:, None, None, None] * np.array(SLICE_PLANES, dtype=np.float32)[:, None, None]
        patient, anatomy = self.slice_points(k)
        return patient[:, None] + shift, anatomy[:, None] + shift

    def boxes(self, shapes: Sequence[Shape], margins_mm: np.ndarray, in_patient: np.ndarray) -> np.ndarray:
        """Where each shape may be seen: first and last index + 1 along i, j, k, shape (shapes, 2, 3).

        The corners of a shape's box are carried to the grid by the nearest known points of it.
        """
        from scipy.spatial import cKDTree

        thin = (slice(None), slice(None, None, 3), slice(None, None, 3))
        inverse = np.linalg.inv(self.geometry.ijk_to_lps[:3, :3])
        per_mm = np.linalg.norm(inverse, axis=1)
        grid = self._grid[thin].reshape(-1, 3)
        hulls, radii = zip(*(hull_of(shape) for shape in shapes))
        corners_mm, extents = np.array(hulls), np.ptp(hulls, axis=1).max(axis=1)
        # The warp stretches a shape by a few percent.
        margins_mm = margins_mm + 1.12 * np.array(radii) + 0.07 * extents + 0.5
        out = np.zeros((len(shapes), 2, 3), dtype=int)
        for flag, known, matrix in (
            (False, self._anatomy, inverse @ self._turn),
            (True, self._patient, inverse),
        ):
            chosen = np.flatnonzero(in_patient == flag)
            if not len(chosen):
                continue
            places = known[thin].reshape(-1, 3).astype(float)
            corners = corners_mm[chosen]
            nearest = cKDTree(places).query(corners)[1]
            ijk = grid[nearest] + (corners - places[nearest]) @ matrix.T
            slack = margins_mm[chosen, None] * per_mm
            out[chosen, 0] = np.floor(ijk.min(axis=1) - slack)
            out[chosen, 1] = np.ceil(ijk.max(axis=1) + slack) + 1
        return np.clip(out, 0, np.array(self.geometry.size_ijk))


def paint(
    sampling: Sampling, layers: Sequence[Layer], channels: Callable[[Signal], np.ndarray], rough_seed: int
) -> np.ndarray:
    """Paint layers, in order, onto the grid.

    Args:
        sampling: Grid and points.
        layers: From the outside in.
        channels: The values of a signal to paint, shape (c,).
        rough_seed: For the roughness of edges.

    Returns:
        float32 [c, k, j, i].
    """
    return _Painter(sampling, layers, channels, rough_seed).run()


class _Painter:
    """The state of one `paint`: boxes of all shapes, and the slice that is being painted."""

    def __init__(
        self,
        sampling: Sampling,
        layers: Sequence[Layer],
        channels: Callable[[Signal], np.ndarray],
        rough_seed: int,
    ) -> None:
        self.sampling, self.layers = sampling, layers
        self.values = [np.asarray(channels(layer.signal), dtype=np.float32).tolist() for layer in layers]
        spacing = sampling.geometry.spacing_mm
        self.pixel_mm = float(np.sqrt(spacing[0] * spacing[1]))
        self.rough_shift = np.random.default_rng(rough_seed).uniform(0, TILE_SIZE, 3)
        reach: dict[int, float] = {}
        for layer in layers:
            reach[id(layer.shape)] = max(reach.get(id(layer.shape), 0.0), layer.reach_mm)
        first: dict[int, int] = {}
        parts: list[Shape] = []
        margins: list[float] = []
        in_patient: list[bool] = []
        for layer in layers:
            if id(layer.shape) in first:
                continue
            first[id(layer.shape)] = len(parts)
            own = parts_of(layer.shape)
            parts += own
            margins += [reach[id(layer.shape)] + 0.8 * self.pixel_mm + 0.5] * len(own)
            in_patient += [layer.in_patient] * len(own)
        self.parts = parts
        self.ranges = [(first[id(layer.shape)], len(parts_of(layer.shape))) for layer in layers]
        self.boxes = sampling.boxes(parts, np.array(margins), np.array(in_patient))

    def run(self) -> np.ndarray:
        """All slices."""
        width, height, depth = self.sampling.geometry.size_ijk
        out = np.zeros((len(self.values[0]), depth, height, width), dtype=np.float32)
        for k in range(depth):
            self._paint_slice(k, out[:, k])
        return out

    def _paint_slice(self, k: int, plane: np.ndarray) -> None:
        patient, anatomy = self.sampling.plane_points(k)
        places = (anatomy, patient)
        centers = anatomy.mean(axis=1)
        rough = tile_at(*(a * (TILE_SAMPLES / ROUGH_SCALE_MM) + s for a, s in zip(centers, self.rough_shift)))
        boxes = self.boxes
        seen = (boxes[:, 0, 2] <= k) & (boxes[:, 1, 2] > k) & (boxes[:, 1] > boxes[:, 0]).all(axis=1)
        visible = []
        for n, (start, count) in enumerate(self.ranges):
            if seen[start] if count == 1 else seen[start : start + count].any():
                visible.append(n)
        uses = Counter(id(self.layers[n].shape) for n in visible)
        known: dict[int, tuple[Window, np.ndarray]] = {}
        for n in visible:
            key = id(self.layers[n].shape)
            if key not in known:
                start, count = self.ranges[n]
                chosen = [p for p in range(start, start + count) if seen[p]]
                known[key] = self._distance(chosen, places[int(self.layers[n].in_patient)])
            self._paint_layer(plane, n, known[key], centers, rough)
            uses[key] -= 1
            if not uses[key]:
                del known[key]

    def _distance(self, chosen: list[int], place: np.ndarray) -> tuple[Window, np.ndarray]:
        """Signed distance to the nearest of some parts, float32 (planes, rows, columns), and where it is."""
        boxes = self.boxes[chosen, :, :2]
        i0, j0 = boxes[:, 0].min(axis=0).tolist()
        i1, j1 = boxes[:, 1].max(axis=0).tolist()
        window = (slice(j0, j1), slice(i0, i1))
        if len(chosen) == 1:
            return window, self.parts[chosen[0]].distance(*place[:, :, j0:j1, i0:i1])
        distance = np.full((place.shape[1], j1 - j0, i1 - i0), 1e3, dtype=np.float32)
        for p, ((a0, b0), (a1, b1)) in zip(chosen, boxes.tolist()):
            part = distance[:, b0 - j0 : b1 - j0, a0 - i0 : a1 - i0]
            np.minimum(part, self.parts[p].distance(*place[:, :, b0:b1, a0:a1]), out=part)
        return window, distance

    def _paint_layer(
        self,
        plane: np.ndarray,
        n: int,
        known: tuple[Window, np.ndarray],
        centers: np.ndarray,
        rough: np.ndarray,
    ) -> None:
        layer, (window, distance) = self.layers[n], known
        alpha = self._coverage(layer, distance, rough[window])
        rows = np.flatnonzero(alpha.any(axis=1))
        if not len(rows):
            return
        columns = np.flatnonzero(alpha.any(axis=0))
        alpha = alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        j, i = window[0].start + int(rows[0]), window[1].start + int(columns[0])
        window = (slice(j, j + alpha.shape[0]), slice(i, i + alpha.shape[1]))
        factor = layer.texture.factor(*centers[:, window[0], window[1]]) if layer.texture else None
        for channel, target in enumerate(self.values[n]):
            part = plane[channel][window]
            part += alpha * ((target if factor is None else target * factor) - part)

    def _coverage(self, layer: Layer, distance: np.ndarray, rough: np.ndarray) -> np.ndarray:
        """The share of each pixel that the layer covers, the mean over the planes of the slice."""
        # Where the surface runs obliquely through the slice, its edge is spread over more pixels.
        width = np.abs(distance[0] - distance[1])
        width *= 0.5
        width += self.pixel_mm + layer.soft_mm
        if layer.shell_mm:
            distance = np.abs(distance - layer.grow_mm) - layer.shell_mm / 2.0
        elif layer.grow_mm:
            distance = distance - layer.grow_mm
        if layer.rough_mm:
            distance = distance + layer.rough_mm * rough
        alpha = 0.5 - distance / width
        np.clip(alpha, 0.0, layer.opacity, out=alpha)
        alpha[0] += alpha[1]
        half = alpha[0]
        half *= 0.5
        return half
