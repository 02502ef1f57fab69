"""The pelvis without its nodes: layers of shapes from the skin inwards, in millimeters.

Anatomy coordinates are LPS with their origin midway between the centers of the femoral heads; a patient
is such a body, scaled, turned and warped (see `pelvis`). Sizes are those of an adult of mean build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from .render import Layer, Texture
from .shapes import Shape, Trunk, smooth_path, tube
from .tissues import Palette, Signal

SIDES = (("right", -1.0), ("left", 1.0))
NO_OBSTACLE = ("fat", "septum", "air", "skin")


@dataclass
class Vessel:
    """A vessel that lymph nodes lie along.

    Attributes:
        station: Name of the lymph node station.
        side: "left", "right" or "midline".
        path: Columns x, y, z, radius in mm, shape (n, 4).
        away: Direction in which the nodes lie from the vessel, preferably; zero: all around.
    """

    station: str
    side: str
    path: np.ndarray
    away: np.ndarray = field(default_factory=lambda: np.zeros(3))


class Body:
    """Collects the layers of one pelvis while it is being built.

    Attributes:
        rng: Source of randomness.
        palette: Signal of each tissue.
        layers: From the outside in.
        obstacles: Shapes that a node may not overlap, with the mm they are blown up by.
        vessels: Where nodes lie.
        gas: Centers and radii in mm of gas bubbles, (x, y, z, radius), which distort the DWI.
    """

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        self.rng, self.palette = rng, palette
        self.layers: list[Layer] = []
        self.obstacles: list[tuple[Shape, float]] = []
        self.vessels: list[Vessel] = []
        self.gas: list[np.ndarray] = []
        self.trunk: Optional[Trunk] = None
        self._later: list[Layer] = []

    def add(
        self,
        shapes: Any,
        tissue: str,
        variation: float = 0.0,
        signal: Optional[Signal] = None,
        late: bool = False,
        obstacle: Optional[bool] = None,
        **look: Any,
    ) -> Signal:
        """Fill one shape, or a list of shapes that make one structure, with a tissue.

        Args:
            shapes: A shape or a list of shapes.
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
        listed: Sequence[Shape] = shapes if isinstance(shapes, (list, tuple)) else [shapes]
        target = self._later if late else self.layers
        for shape in listed:
            target.append(Layer(shape, signal, **look))
            if obstacle if obstacle is not None else tissue not in NO_OBSTACLE:
                self.obstacles.append((shape, float(look.get("grow_mm", 0.0))))
        return signal

    def finish(self) -> None:
        """Put the late layers on top."""
        self.layers += self._later
        self._later = []

    def jitter(self, points: ArrayLike, sd_mm: float) -> np.ndarray:
        """Points moved at random; further columns (a radius) stay."""
        array = np.array(points, dtype=float)
        array[:, :3] += self.rng.normal(0.0, sd_mm, (len(array), 3))
        return array

    def tube(self, points: ArrayLike, jitter_mm: float = 2.0, step_mm: float = 8.0) -> np.ndarray:
        """A smooth path through jittered points with columns x, y, z, radius."""
        return smooth_path(self.jitter(points, jitter_mm), step_mm)

    def add_vessel(
        self, path: np.ndarray, signal: Signal, wall_mm: float, flatten: ArrayLike = (1.0, 1.0, 1.0)
    ) -> None:
        """A vessel: dark wall, then its lumen on top of every wall."""
        parts = tube(path, flatten)
        self.add(parts, "vessel_wall", grow_mm=wall_mm)
        self.add(parts, "blood", signal=signal, late=True, obstacle=False, soft_mm=0.3)


def mirrored(points: ArrayLike, sign: float) -> np.ndarray:
    """Points of the left side on the side with this sign of x."""
    array = np.array(points, dtype=float)
    array[:, 0] *= sign
    return array


def add_trunk(body: Body) -> None:
    """Skin, subcutaneous fat, and the fat within the pelvis."""
    rng = body.rng
    width, depth = rng.uniform(165, 205), rng.uniform(98, 135)
    trunk = Trunk(width, depth, center_y_mm=rng.uniform(0, 15), power=rng.uniform(2.1, 2.6))
    body.trunk = trunk
    body.add(trunk, "skin", soft_mm=0.5)
    fat = Texture(0.10, (9.0, 9.0, 9.0))
    body.add(trunk, "fat", grow_mm=-rng.uniform(1.6, 2.6), texture=fat)
    add_septa(body, trunk)


def add_septa(body: Body, trunk: Trunk) -> None:
    """Thin dark septa in fat, as streaks of noise."""
    fat = body.layers[-1]
    streaks = Texture(-body.rng.uniform(0.25, 0.5), (14.0, 9.0, 18.0), ridges=0.09)
    body.layers.append(replace(fat, texture=streaks, opacity=0.8))
