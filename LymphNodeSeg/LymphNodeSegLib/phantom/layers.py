"""What is painted: shapes filled with tissues that have a texture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from .fields import TILE_SAMPLES, tile_at
from .places import Place
from .shapes import Shape
from .tissues import Signal


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

    def factor(self, place: Place) -> np.ndarray:
        """What the signal is multiplied with at the points."""
        scaled = (self.rotation / (np.asarray(self.scale_mm) / TILE_SAMPLES)).T.tolist()
        u = [place.along(direction, 0.0) for direction in scaled]
        noise = tile_at(*u)
        factor = self.amount * noise
        factor += 1.0
        if self.streak_amount:
            noise *= noise
            noise *= -1.0 / self.streak_width**2
            streak = np.exp(noise, out=noise)
            if self.patchy:
                patches = tile_at(*(0.37 * v for v in u))
                patches *= 0.5
                patches += 0.3
                streak *= np.clip(patches, 0.0, 1.0, out=patches)
            streak *= self.streak_amount
            factor += streak
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
        in_patient: The shape is given in true patient coordinates, not in those of the unwarped anatomy; the
            same for all layers of a shape.
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

    def depth(self, distance: np.ndarray) -> np.ndarray:
        """Distance from the layer's own surface, below 0 inside, from that to its shape's; a new array."""
        depth = distance - self.grow_mm
        if self.shell_mm:
            np.abs(depth, out=depth)
            depth -= self.shell_mm / 2.0
        return depth
