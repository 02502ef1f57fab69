"""Lymph nodes of a phantom: where they lie and what they look like."""

from __future__ import annotations

from typing import Optional

import numpy as np

from ..images.image import Geometry
from .anatomy import Body, Vessel
from .curves import random_rotation
from .layers import Layer, Texture
from .shapes import Ellipsoid
from .tissues import Signal
from .truth import Draft, unit_sphere
from .warp import BodyWarp

MAX_CURVE = 0.55
LONG_SHARE = 0.3
"""Of the nodes of a varied pelvis that are tried, how many are drawn out."""
LONG_TRIES = 8
"""How often such a node is turned to find room."""
LONG_BETWEEN_MM = (3.0, 10.0)
"""Short axis of these: none is longer than nodes are."""
PRESSED_SHARE = 0.85
"""Of the nodes of a varied pelvis that are tried, how many may lie against vessels and muscles."""
DEEPEST_PRESSED = 0.4
"""How far they may reach into these at most, as a share of their short axis."""
FAVORED = ("external_iliac", "obturator", "inguinal_deep", "inguinal_superficial")


SPHERE = unit_sphere(60)


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


def draw_long_shape(
    rng: np.random.Generator, center: np.ndarray, short_mm: float, course: np.ndarray
) -> Ellipsoid:
    """A node two to four times as long as thick, as those of the groin are; half of them follow a vessel.

    Args:
        rng: Source of randomness.
        center: Its middle.
        short_mm: Its short axis.
        course: The direction in which the vessel runs.
    """
    along = course if rng.random() < 0.5 else None
    radii = short_mm / 2.0 * np.array([rng.uniform(2.3, 4.2), rng.uniform(1.0, 1.35), 1.0])
    bend = rng.uniform(0.0, MAX_CURVE) * radii[1] / radii[0] ** 2
    return Ellipsoid(center, radii, random_rotation(rng, along), bend)


def draw_short_axis(rng: np.random.Generator, large_share: float) -> float:
    """A short axis in mm: most nodes are small."""
    if rng.random() < large_share:
        return float(np.clip(8.0 * np.exp(abs(rng.normal(0, 0.45))), 8.0, 30.0))
    return float(np.clip(2.0 + rng.gamma(2.2, 1.35), 2.0, 9.0))


def place_nodes(
    body: Body, warp: BodyWarp, geometry: Geometry, count: int, large_share: float
) -> list[Draft]:
    """Nodes beside the vessels, in patient coordinates, that overlap nothing but fat and small vessels.

    Args:
        body: The pelvis.
        warp: From the patient to the anatomy.
        geometry: The grid that is to show them.
        count: How many there are, unless there is no room.
        large_share: Share of nodes with a short axis of 8 mm and more.
    """
    rng = body.rng
    free = _Free(body, warp)
    vessels = [vessel for vessel in body.vessels if len(vessel.path) > 1]
    weights = np.array([1.0 + len(v.path) * 0.15 for v in vessels])
    weights *= np.array([2.0 if v.station in FAVORED else 1.0 for v in vessels])
    tries = rng.choice(len(vessels), size=count * 40, p=weights / weights.sum())
    sizes = np.array([draw_short_axis(rng, large_share) for _ in tries])
    pressed = _pressed(body, sizes)
    places = [_beside(rng, vessels[n], short, deep) for n, short, deep in zip(tries, sizes, pressed)]
    centers = np.array(places)
    promising = free.around(centers, 0.4 * sizes - pressed)
    tries, sizes, pressed = tries[promising], sizes[promising], pressed[promising]
    centers = warp.to_patient(centers[promising])
    ijk = geometry.ijk_from_lps(centers)
    seen = ((ijk > -1.0) & (ijk < geometry.size_ijk)).all(axis=1)
    drafts: list[Draft] = []
    for n, short, deep, center in zip(tries[seen], sizes[seen], pressed[seen], centers[seen]):
        if len(drafts) >= count:
            break
        vessel = vessels[n]
        shapes = _shapes_to_try(body, vessel, center, short)
        shape = next((one for one in shapes if free(one, drafts, deep)), None)
        if shape is None:
            continue
        drafts.append(_with_looks(rng, shape, vessel.side, vessel.station, short))
        if rng.random() < 0.22:
            beside = _touching(rng, drafts[-1].shape, short * rng.uniform(0.6, 1.1))
            if beside is not None and free(beside, drafts):
                drafts.append(_with_looks(rng, beside, vessel.side, vessel.station, short))
    return drafts


def _beside(rng: np.random.Generator, vessel: Vessel, short_mm: float, pressed_mm: float) -> np.ndarray:
    """A place beside a vessel, in the anatomy, for a node of that size that may reach so far into it."""
    at = vessel.path[rng.integers(len(vessel.path))]
    away = rng.normal(0, 1, 3) * 0.6 + vessel.away
    away /= np.linalg.norm(away)
    gap = rng.exponential(0.5 if pressed_mm else 2.0) - pressed_mm
    return np.asarray(at[:3] + away * (at[3] + 0.55 * short_mm + gap))


def _pressed(body: Body, short_mm: np.ndarray) -> np.ndarray:
    """How far into its neighborhood each node may reach, in mm: in patients few have fat all around."""
    if not body.pressed_share:  # nothing is drawn, so that the benchmark's phantoms stay as they are
        return np.zeros(len(short_mm))
    deep = body.rng.uniform(0.0, DEEPEST_PRESSED, len(short_mm)) * short_mm
    return deep * (body.rng.random(len(short_mm)) < body.pressed_share)


def _shapes_to_try(body: Body, vessel: Vessel, center: np.ndarray, short_mm: float) -> list[Ellipsoid]:
    """A node's shape; of one that is drawn out several, since there is not room for each."""
    rng, (shortest, longest) = body.rng, LONG_BETWEEN_MM
    if body.long_share and shortest < short_mm < longest and rng.random() < body.long_share:
        course = _course(vessel, center)
        return [draw_long_shape(rng, center, short_mm, course) for _ in range(LONG_TRIES)]
    return [draw_shape(rng, center, short_mm)]


def _course(vessel: Vessel, place: np.ndarray) -> np.ndarray:
    """The direction in which a vessel runs past a place."""
    points = vessel.path[:, :3]
    nearest = int(np.argmin(((points - place) ** 2).sum(axis=1)))
    return np.asarray(points[min(nearest + 1, len(points) - 1)] - points[max(nearest - 1, 0)])


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
        warp: From the patient to the anatomy.
    """

    def __init__(self, body: Body, warp: BodyWarp) -> None:
        self._body, self._warp = body, warp
        grow = np.array([[g] for _, g in body.obstacles])
        self._low = np.array([shape.box_mm[0] for shape, _ in body.obstacles]) - grow
        self._high = np.array([shape.box_mm[1] for shape, _ in body.obstacles]) + grow

    def around(self, points: np.ndarray, radii_mm: np.ndarray) -> np.ndarray:
        """Whether balls around points of the anatomy (n, 3) are clear of the body's organs, boolean (n,)."""
        clear = self._body.trunk.distance(*points.T) < -5.0 - radii_mm
        for (obstacle, grow), low, high in zip(self._body.obstacles, self._low, self._high):
            near = np.flatnonzero(clear & ((points > low) & (points < high)).all(axis=1))
            if len(near):
                clear[near] = obstacle.distance(*points[near].T) > grow + radii_mm[near]
        return clear

    def __call__(self, shape: Ellipsoid, drafts: list[Draft], pressed_mm: float = 0.0) -> bool:
        """Whether a node of that shape (patient mm) is clear of other nodes, and of the body's organs but for
        `pressed_mm`.
        """
        if any(_overlap(shape, draft.shape) for draft in drafts):
            return False
        points = self._warp.to_anatomy(np.vstack([shape.surface(SPHERE), shape.center_mm]))
        if (self._body.trunk.distance(*points.T) > -5.0).any():
            return False
        near = ((self._low <= points.max(axis=0)) & (self._high >= points.min(axis=0))).all(axis=1)
        for n in np.flatnonzero(near):
            obstacle, grow = self._body.obstacles[n]
            if (obstacle.distance(*points.T) < grow + 0.1 - pressed_mm).any():
                return False
        return True


def node_layers(body: Body, draft: Draft) -> list[Layer]:
    """How a node is painted: cortex, then its fatty hilum or necrotic center."""
    rng, shape = body.rng, draft.shape
    signal = body.palette.signal("node", 0.14)
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
