"""The outline of a body."""

from __future__ import annotations

import numpy as np

from .places import Place
from .shapes import Shape


class Trunk(Shape):
    """An upright body whose cross-section is a superellipse: the pelvis, and shells within it.

    Args:
        half_width_mm, half_depth_mm: Extent along x and y.
        center_y_mm: Middle along y.
        power: 2 is an ellipse, above it more like a box.
        reach_mm: Extent along z on both sides of 0.
    """

    def __init__(
        self,
        half_width_mm: float,
        half_depth_mm: float,
        center_y_mm: float = 0.0,
        power: float = 2.4,
        reach_mm: float = 400.0,
    ) -> None:
        self.size = (half_width_mm, half_depth_mm)
        self.center_y_mm, self.power = center_y_mm, power
        self.box_mm = (
            np.array([-half_width_mm, center_y_mm - half_depth_mm, -reach_mm]),
            np.array([half_width_mm, center_y_mm + half_depth_mm, reach_mm]),
        )

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm, good near the surface."""
        u = np.abs(place.along((1.0 / self.size[0], 0.0, 0.0), 0.0))
        v = np.abs(place.along((0.0, 1.0 / self.size[1], 0.0), self.center_y_mm / self.size[1]))
        level = (u**self.power + v**self.power) ** (1.0 / self.power)
        return (level - 1.0) * min(self.size) * (1.0 + 0.3 * u)
