"""Lymph nodes of a phantom: where they lie, what they look like, and their exact measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

import numpy as np

from .anatomy import Body, Vessel
from .render import Layer, Texture
from .shapes import Ellipsoid, random_rotation
from .tissues import Signal

MAX_CURVE = 0.55
FAVORED = ("external_iliac", "obturator", "inguinal_deep", "inguinal_superficial")


@dataclass(frozen=True)
class TrueNode:
    """One lymph node as it really is, before any imaging.

    Attributes:
        label: Its value in `Phantom.labels`.
        center_lps_mm: Center of mass.
        semi_axes_mm: Half axes of the (bent) ellipsoid, along the columns of `axes_lps`.
        axes_lps: 3x3 row-major; columns are the axes in LPS.
        bend_per_mm: Bend of the second axis along the first: ``v = bend * (u**2 - a**2 / 5)``; 0: no bean.
        volume_mm3: 4/3 pi abc, which the bend leaves as it is.
        short_axis_mm, long_axis_mm: RECIST 1.1 in the acquisition plane, on the continuous shape: of all
            planes parallel to the slices, the one with the longest chord; the longest chord across it.
        side: "left", "right" or "midline".
        station: Node station, such as "external_iliac".
        kind: "plain", "hilum" or "necrotic".
        malignant: Drawn as metastatic (lower ADC on average); T2 does not tell.
        complete: The whole node lies inside the T2's grid.
    """

    label: int
    center_lps_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    axes_lps: tuple[float, ...]
    bend_per_mm: float
    volume_mm3: float
    short_axis_mm: float
    long_axis_mm: float
    side: str
    station: str
    kind: str
    malignant: bool
    complete: bool

    @property
    def shape(self) -> Ellipsoid:
        """The node's shape, in LPS mm."""
        axes = np.array(self.axes_lps).reshape(3, 3)
        return Ellipsoid(self.center_lps_mm, self.semi_axes_mm, axes, self.bend_per_mm)


def unit_sphere(count: int) -> np.ndarray:
    """Evenly spread unit vectors (Fibonacci sphere), (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1.0 - 2.0 * n / count
    angle = np.pi * (1.0 + 5.0**0.5) * n
    return np.column_stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z])


SPHERE = unit_sphere(60)


def section_ellipse(shape: Ellipsoid, normal: np.ndarray) -> tuple[float, float]:
    """Full axes (short, long) in mm of an unbent ellipsoid's largest section across `normal`.

    The sections of an ellipsoid by parallel planes are similar ellipses, the largest through the center.
    """
    basis = plane_basis(normal)
    quadric = shape.rotation @ np.diag(shape.radii_mm**-2.0) @ shape.rotation.T
    values = np.linalg.eigvalsh(basis.T @ quadric @ basis)
    return 2.0 / float(np.sqrt(values[1])), 2.0 / float(np.sqrt(values[0]))


def plane_basis(normal: np.ndarray) -> np.ndarray:
    """Two orthonormal vectors across `normal`, as columns (3, 2)."""
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    return np.column_stack([first, np.cross(normal, first)])


def recist_axes(shape: Ellipsoid, normal: np.ndarray) -> tuple[float, float]:
    """Short and long axis in mm by RECIST 1.1 in the planes across `normal`, on the continuous shape.

    Of all parallel sections the one with the longest chord gives the long axis; the short axis is the
    longest chord of that section at right angles to it. Closed form for an ellipsoid; for a bean the
    section's outline is traced to about 0.01 mm.
    """
    if not shape.bend_per_mm:
        return section_ellipse(shape, normal)
    basis = plane_basis(normal)
    unit = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    heights = (shape.surface(unit_sphere(2000)) - shape.center_mm) @ unit
    longest, level, reach = 0.0, float(heights.mean()), float(np.ptp(heights)) / 2.0
    for count in (13, 9):
        for height in level + reach * np.linspace(-1, 1, count + 2)[1:-1]:
            long, _, _ = longest_chord(_outline(shape, basis, unit * height, 120))
            if long > longest:
                longest, level = long, float(height)
        reach *= 0.15
    outline = _outline(shape, basis, unit * level, 720)
    return longest_chord_across(outline), longest_chord(outline)[0]


def _outline(shape: Ellipsoid, basis: np.ndarray, offset: np.ndarray, count: int) -> np.ndarray:
    """Outline points (count, 2), in the basis, of the section through center + offset; or none."""
    reach = float(np.linalg.norm(shape.box_mm[1] - shape.box_mm[0])) / 2.0
    grid = np.linspace(-reach, reach, 61)
    a, b = np.meshgrid(grid, grid)
    points = shape.center_mm + offset + a[..., None] * basis[:, 0] + b[..., None] * basis[:, 1]
    inside = shape.level(points[..., 0], points[..., 1], points[..., 2]) < 1.0
    if not inside.any():
        return np.empty((0, 2))
    middle = np.array([a[inside].mean(), b[inside].mean()])
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rays = np.column_stack([np.cos(angle), np.sin(angle)])
    low, high = np.zeros(count), np.full(count, 2 * reach)
    for _ in range(20):
        radius = (low + high) / 2.0
        p = shape.center_mm + offset + (middle + radius[:, None] * rays) @ basis.T
        out = shape.level(p[:, 0], p[:, 1], p[:, 2]) > 1.0
        low, high = np.where(out, low, radius), np.where(out, radius, high)
    return np.asarray(middle + low[:, None] * rays)


def longest_chord(outline: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Length and ends of the longest line between two points of an outline (n, 2); 0 for an empty one."""
    if not len(outline):
        return 0.0, np.zeros(2), np.zeros(2)
    squared = (outline**2).sum(axis=1)
    apart = squared[:, None] + squared[None] - 2.0 * outline @ outline.T
    n, m = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return float(np.sqrt(max(apart[n, m], 0.0))), outline[n], outline[m]


def longest_chord_across(outline: np.ndarray) -> float:
    """The longest line within a closed outline (n, 2) at right angles to its longest chord."""
    long, start, end = longest_chord(outline)
    along = (end - start) / max(long, 1e-9)
    u, v = outline @ along, outline @ np.array([-along[1], along[0]])
    stations = np.linspace(u.min(), u.max(), 401)[1:-1, None]
    u1, v1 = np.roll(u, -1), np.roll(v, -1)
    hit = (stations >= np.minimum(u, u1)) & (stations <= np.maximum(u, u1)) & (u != u1)
    share = (stations - u) / np.where(u == u1, 1.0, u1 - u)
    height = v + share * (v1 - v)
    top = np.where(hit, height, -np.inf).max(axis=1)
    bottom = np.where(hit, height, np.inf).min(axis=1)
    return float((top - bottom).max())


@dataclass(frozen=True)
class Draft:
    """A node that has found its place, before it is known whether the T2 sees it."""

    shape: Ellipsoid
    side: str
    station: str
    kind: str
    malignant: bool


def draw_shape(rng: np.random.Generator, center: np.ndarray, short_mm: float) -> Ellipsoid:
    """A round, oval or bean-shaped node whose smallest axis is about `short_mm`."""
    kind = rng.choice(["round", "oval", "bean"], p=[0.25, 0.45, 0.3])
    a = short_mm / 2.0
    if kind == "round":
        radii = a * np.array([rng.uniform(1.0, 1.2), rng.uniform(0.98, 1.12), 1.0])
    else:
        radii = a * np.array([rng.uniform(1.3, 2.3), rng.uniform(1.0, 1.35), 1.0])
    bend = 0.0
    if kind == "bean":
        bend = rng.uniform(0.25, MAX_CURVE) * radii[1] / radii[0] ** 2
    return Ellipsoid(center, radii, random_rotation(rng), bend)


def draw_short_axis(rng: np.random.Generator, large_share: float) -> float:
    """A short axis in mm: most nodes are small."""
    if rng.random() < large_share:
        return float(np.clip(8.0 * np.exp(abs(rng.normal(0, 0.45))), 8.0, 30.0))
    return float(np.clip(2.0 + rng.gamma(2.2, 1.35), 2.0, 9.0))


def place_nodes(
    body: Body,
    to_patient: Callable[[np.ndarray], np.ndarray],
    to_anatomy: Callable[[np.ndarray], np.ndarray],
    count: int,
    large_share: float,
) -> list[Draft]:
    """Nodes beside the vessels, in patient coordinates, that overlap nothing but fat.

    Args:
        body: The pelvis.
        to_patient: Points of the anatomy (n, 3) to the patient.
        to_anatomy: And back.
        count: How many to try for.
        large_share: Share of nodes with a short axis of 8 mm and more.
    """
    rng = body.rng
    free = _Free(body, to_anatomy)
    vessels = [vessel for vessel in body.vessels if len(vessel.path) > 1]
    weights = np.array([1.0 + len(v.path) * 0.15 for v in vessels])
    weights *= np.array([2.0 if v.station in FAVORED else 1.0 for v in vessels])
    tries = rng.choice(len(vessels), size=count * 6, p=weights / weights.sum())
    sizes = [draw_short_axis(rng, large_share) for _ in tries]
    centers = to_patient(np.array([_beside(rng, vessels[n], short) for n, short in zip(tries, sizes)]))
    drafts: list[Draft] = []
    for n, short, center in zip(tries, sizes, centers):
        if len(drafts) >= count:
            break
        vessel, shape = vessels[n], draw_shape(rng, center, short)
        if not free(shape, drafts):
            continue
        drafts.append(_with_looks(rng, shape, vessel.side, vessel.station, short))
        if rng.random() < 0.22:
            beside = _touching(rng, drafts[-1].shape, short * rng.uniform(0.6, 1.1))
            if beside is not None and free(beside, drafts):
                drafts.append(_with_looks(rng, beside, vessel.side, vessel.station, short))
    return drafts


def _beside(rng: np.random.Generator, vessel: Vessel, short_mm: float) -> np.ndarray:
    """A place beside a vessel, in the anatomy, for a node of that size."""
    at = vessel.path[rng.integers(len(vessel.path))]
    away = rng.normal(0, 1, 3) * 0.6 + vessel.away
    away /= np.linalg.norm(away)
    return np.asarray(at[:3] + away * (at[3] + 0.55 * short_mm + rng.exponential(2.0)))


def _with_looks(rng: np.random.Generator, shape: Ellipsoid, side: str, station: str, short: float) -> Draft:
    kind = "plain"
    if short >= 4.0 and rng.random() < 0.4:
        kind = "hilum"
    elif short >= 9.0 and rng.random() < 0.2:
        kind = "necrotic"
    malignant = bool(rng.random() < (0.6 if short >= 9.0 else 0.12))
    return Draft(shape, side, station, kind, malignant)


def _touching(rng: np.random.Generator, first: Ellipsoid, short: float) -> Optional[Ellipsoid]:
    """A second node whose surface just touches the first."""
    direction = rng.normal(0, 1, 3)
    direction /= np.linalg.norm(direction)
    second = draw_shape(rng, first.center_mm, max(short, 2.0))
    for distance in np.arange(0.0, 60.0, 0.25):
        center = first.center_mm + direction * distance
        moved = Ellipsoid(center, second.radii_mm, second.rotation, second.bend_per_mm)
        if not _overlap(first, moved):
            return moved
    return None


def _overlap(a: Ellipsoid, b: Ellipsoid) -> bool:
    if ((a.box_mm[0] > b.box_mm[1]) | (b.box_mm[0] > a.box_mm[1])).any():
        return False
    for one, other in ((a, b), (b, a)):
        points = np.vstack([one.surface(SPHERE), one.center_mm])
        if (other.level(*points.T) < 1.0).any():
            return True
    return False


class _Free:
    """Tells whether a node would lie in fat, clear of everything else.

    Args:
        body: The pelvis.
        to_anatomy: Points of the patient (n, 3) to the anatomy.
    """

    def __init__(self, body: Body, to_anatomy: Callable[[np.ndarray], np.ndarray]) -> None:
        self._body, self._to_anatomy = body, to_anatomy
        grow = np.array([[g] for _, g in body.obstacles])
        self._low = np.array([shape.box_mm[0] for shape, _ in body.obstacles]) - grow
        self._high = np.array([shape.box_mm[1] for shape, _ in body.obstacles]) + grow

    def __call__(self, shape: Ellipsoid, drafts: list[Draft]) -> bool:
        """Whether a node of that shape (patient mm) is clear of the body's organs and of other nodes."""
        if any(_overlap(shape, draft.shape) for draft in drafts):
            return False
        points = self._to_anatomy(np.vstack([shape.surface(SPHERE), shape.center_mm]))
        if (self._body.trunk.distance(*points.T) > -5.0).any():
            return False
        near = ((self._low <= points.max(axis=0)) & (self._high >= points.min(axis=0))).all(axis=1)
        for n in np.flatnonzero(near):
            obstacle, grow = self._body.obstacles[n]
            if (obstacle.distance(*points.T) < grow + 0.1).any():
                return False
        return True


def node_layers(body: Body, draft: Draft) -> list[Layer]:
    """How a node is painted: cortex, then its fatty hilum or necrotic center."""
    rng, shape = body.rng, draft.shape
    signal = body.palette.signal("node", 0.08)
    factor = rng.normal(0.79, 0.1) if draft.malignant else rng.normal(1.04, 0.15)
    b = np.asarray(body.palette.protocol.b_values_s_mm2) * 1e-3
    weight = np.exp(-b * 0.98 * (np.clip(factor, 0.5, 1.5) - 1.0)).astype(np.float32)
    signal = Signal(signal.t2, np.append(signal.dwi[:-1] * weight, signal.dwi[-1]))
    grain = Texture(0.10, (3.0, 3.0, 3.0))
    layers = [Layer(shape, signal, texture=grain, soft_mm=0.2, in_patient=True)]
    if draft.kind == "hilum":
        share = rng.uniform(0.3, 0.62)
        shift = shape.rotation @ (np.array([0.0, rng.uniform(0.1, 0.3), 0.0]) * shape.radii_mm)
        inner = Ellipsoid(shape.center_mm + shift, shape.radii_mm * share, shape.rotation, shape.bend_per_mm)
        fat = body.palette.signal("hilum", 0.1)
        layers.append(Layer(inner, fat, soft_mm=0.6, rough_mm=0.3, in_patient=True))
    elif draft.kind == "necrotic":
        inner = Ellipsoid(
            shape.center_mm, shape.radii_mm * rng.uniform(0.4, 0.7), shape.rotation, shape.bend_per_mm
        )
        fluid = body.palette.signal("necrosis", 0.15)
        layers.append(Layer(inner, fluid, soft_mm=1.0, rough_mm=0.8, in_patient=True))
    return layers
