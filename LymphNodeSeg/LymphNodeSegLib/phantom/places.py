"""Points at which shapes are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Place(Protocol):
    """Points at which shapes are measured."""

    def along(self, direction: Sequence[Any], offset: Any) -> np.ndarray:
        """How far the points lie from the origin along a direction, less an offset.

        Args:
            direction: x, y and z; three numbers, or three arrays with a number for each point.
            offset: A number, or one for each point.
        """

    def each(self, values: Any) -> Any:
        """A number, or one for each point, in a shape that goes with what `along` returns."""


class Points:
    """Points given one by one.

    Args:
        x, y, z: Coordinates in mm, of one shape.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
        self._x, self._y, self._z = x, y, z

    def along(self, direction: Sequence[Any], offset: Any) -> np.ndarray:
        """See `Place`."""
        total = self._x * direction[0]
        total += self._y * direction[1]
        total += self._z * direction[2]
        total -= offset
        return total

    def each(self, values: Any) -> Any:
        """See `Place`."""
        return values
