"""The pelvis without its nodes: layers of shapes from the skin inwards, in millimeters.

Anatomy coordinates are LPS with their origin midway between the centers of the femoral heads; a patient
is such a body, scaled, turned and warped (see `warp.BodyWarp`). Sizes are those of an adult of mean build.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from .curves import random_rotation, rotation_from_degrees, smooth_path
from .layers import Layer, Texture
from .shapes import Ellipsoid, Shape, Tube, parts_of
from .tissues import Palette, Signal
from .trunk import Trunk

SIDES = (("right", -1.0), ("left", 1.0))
NO_OBSTACLE = ("fat", "septum", "air", "skin")


@dataclass
class Vessel:
    """A vessel that lymph nodes lie along.

    Attributes:
        station: Name of the lymph node station.
        side: "left" or "right".
        path: Columns x, y, z, radius in mm, shape (n, 4).
        away: Direction in which the nodes lie from the vessel, preferably; zero: all around.
    """

    station: str
    side: str
    path: np.ndarray
    away: np.ndarray = field(default_factory=lambda: np.zeros(3))


class Body:
    """Collects the layers of one pelvis while it is being built.

    Args:
        rng: Source of randomness.
        palette: Signal of each tissue.

    Attributes:
        trunk: The skin's surface.
        layers: From the outside in.
        obstacles: Shapes that a node may not overlap, with the mm they are blown up by.
        vessels: Where nodes lie.
        gas: Bubbles of gas, which distort the DWI, as (x, y, z, radius) in mm.
        narrow_mm: By how much the muscles of the side walls reach farther inwards.
        long_share: Of the nodes, how many are drawn out; fewer find room.
        pressed_share: Of the nodes, how many may lie against vessels and muscles.
        nerve: Signal of the nerves; None: that of the tissue.
        nerve_scale: How much thicker than usual they are.
    """

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        self.rng, self.palette = rng, palette
        width, depth = rng.uniform(165, 205), rng.uniform(100, 138)
        self.trunk = Trunk(width, depth, center_y_mm=rng.uniform(0, 15), power=rng.uniform(2.1, 2.6))
        self.layers: list[Layer] = []
        self.obstacles: list[tuple[Shape, float]] = []
        self.vessels: list[Vessel] = []
        self.gas: list[np.ndarray] = []
        self.narrow_mm, self.long_share, self.pressed_share = 0.0, 0.0, 0.0
        self.nerve: Optional[Signal] = None
        self.nerve_scale = 1.0
        self._late: list[Layer] = []

    def add(
        self,
        shape: Shape,
        tissue: str,
        variation: float = 0.0,
        signal: Optional[Signal] = None,
        late: bool = False,
        obstacle: Optional[bool] = None,
        **look: Any,
    ) -> Signal:
        """Fill a shape with a tissue.

        Args:
            shape: Where.
            tissue: Key of `tissues.TISSUES`.
            variation: Spread of this structure's signal around the tissue's.
            signal: Use this signal instead of drawing one.
            late: Paint after everything that is not late (lumina after all walls).
            obstacle: Whether nodes keep out; by default of all tissues but fat.
            look: Further fields of `Layer`.

        Returns:
            The signal used.
        """
        signal = signal or self.palette.signal(tissue, variation)
        (self._late if late else self.layers).append(Layer(shape, signal, **look))
        if obstacle if obstacle is not None else tissue not in NO_OBSTACLE:
            self.obstacles += [(part, float(look.get("grow_mm", 0.0))) for part in parts_of(shape)]
        return signal

    def finish(self) -> None:
        """Put the late layers on top, and cut off what a muscle or vessel sticks out of the skin."""
        self.layers += self._late
        skin = self.rng.uniform(1.6, 2.6)
        self.layers.append(Layer(self.trunk, self.palette.signal("skin"), -skin / 2, skin, soft_mm=0.4))
        self.layers.append(Layer(self.trunk, self.palette.signal("air"), 500.0, 1000.0))
        self._late = []

    def jitter(self, points: ArrayLike, sd_mm: float) -> np.ndarray:
        """Points moved at random; further columns (a radius) stay."""
        array = np.array(points, dtype=float)
        array[:, :3] += self.rng.normal(0.0, sd_mm, (len(array), 3))
        return array

    def path(self, points: ArrayLike, jitter_mm: float = 2.0, step_mm: float = 8.0) -> np.ndarray:
        """A smooth path through jittered points with columns x, y, z, radius."""
        return smooth_path(self.jitter(points, jitter_mm), step_mm)

    def add_vessel(
        self, path: np.ndarray, signal: Signal, wall_mm: float, flatten: Iterable[float] = (1.0, 1.0, 1.0)
    ) -> None:
        """A vessel: dark wall, then its lumen on top of every wall."""
        tube = Tube(path, flatten)
        large = bool(path[:, 3].max() > 1.6)  # nodes push smaller ones aside
        self.add(tube, "vessel_wall", grow_mm=wall_mm, opacity=0.85, obstacle=large)
        self.add(tube, "blood", signal=signal, late=True, obstacle=False, soft_mm=0.3)

    def add_gas(self, place: np.ndarray, radius: float, **look: Any) -> None:
        """A bubble of gas; it is remembered, because it distorts the DWI."""
        self.gas.append(np.array([*place, radius]))
        self.add(Ellipsoid(place, (radius, 0.8 * radius, radius)), "gas", soft_mm=0.6, **look)


def mirrored(points: ArrayLike, sign: float) -> np.ndarray:
    """Points of the left side on the side with this sign of x."""
    array = np.array(points, dtype=float)
    array[:, 0] *= sign
    return array


def add_trunk(body: Body) -> None:
    """Skin, fat with its septa, and the cleft between the buttocks."""
    rng, trunk = body.rng, body.trunk
    streaks = Texture(
        rng.uniform(0.02, 0.05),
        (26.0, 11.0, 34.0),
        rotation_from_degrees(*rng.uniform(-40, 40, 3)),
        streak_amount=-rng.uniform(0.2, 0.6),
        streak_width=rng.uniform(0.06, 0.12),
        patchy=True,
    )
    body.add(trunk, "fat", texture=streaks)
    back = trunk.center_y_mm + trunk.size[1]
    cleft = Ellipsoid((0, back + 4, -35), (rng.uniform(1.5, 4), rng.uniform(16, 32), 75))
    body.add(cleft, "skin", grow_mm=2.2, soft_mm=0.8)
    body.add(cleft, "air")


def add_small_vessels(body: Body, count: int) -> None:
    """Thin vessels that wander through the fat, dark or bright."""
    rng = body.rng
    width, depth = body.trunk.size
    for _ in range(count):
        angle, away = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0.0, 1.0))
        start = np.array([np.cos(angle) * width, np.sin(angle) * depth, 0.0]) * 0.93 * away
        start += [0.0, body.trunk.center_y_mm, rng.uniform(-70, 130)]
        steps = rng.normal(0, 1, 3) + rng.normal(0, 0.5, (4, 3))
        points = start + np.cumsum(9.0 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
        if (body.trunk.distance(*points.T) > -6.0).any():
            continue
        radius = rng.uniform(0.4, 1.1)
        path = smooth_path(np.column_stack([points, np.full(4, radius)]), 12.0)
        name = "flow_void" if rng.random() < 0.7 else "blood"
        body.add(Tube(path), name, variation=0.2, obstacle=False, opacity=0.8)


def add_strands(body: Body, count: int) -> None:
    """Thin sheets of connective tissue within the fat."""
    rng = body.rng
    signal = body.palette.signal("septum")
    for _ in range(count):
        center = rng.uniform([-125, -95, -75], [125, 100, 130])
        if body.trunk.distance(*center) > -10.0:
            continue
        size = rng.uniform([8, 4, 0.25], [26, 14, 0.7])
        sheet = Ellipsoid(center, size, random_rotation(rng), rng.uniform(-0.3, 0.3) / size[0])
        body.add(sheet, "septum", signal=signal, opacity=rng.uniform(0.25, 0.8), soft_mm=0.3)
