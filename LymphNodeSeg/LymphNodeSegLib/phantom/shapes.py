"""Signed distance shapes: negative inside, positive outside, in millimeters.

Every shape has a bounding `box_mm` (lower and upper corner) and gives the approximate signed distance to its
surface at the points of a `Place`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from .places import Place, Points

Box = tuple[np.ndarray, np.ndarray]


class Shape:
    """Anything that can be painted.

    Attributes:
        box_mm: Lower and upper corner of a box around it.
        depth_mm: No point is deeper inside than this.
    """

    box_mm: Box
    depth_mm: float = np.inf

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm at the points of a place."""
        raise NotImplementedError

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm at points given one by one; arrays of one shape."""
        return self.distance_at(Points(x, y, z))


class Ellipsoid(Shape):
    """An ellipsoid, optionally bent.

    Args:
        center_mm: Center.
        radii_mm: Semi-axes along the columns of `rotation`.
        rotation: 3x3, columns are the axes; identity if None.
        bend_per_mm: The second axis is moved by ``bend * (u**2 - a**2 / 5)`` along the first: a bean.
            The map is a shear, so the volume stays that of the ellipsoid.
    """

    def __init__(
        self,
        center_mm: ArrayLike,
        radii_mm: ArrayLike,
        rotation: Optional[np.ndarray] = None,
        bend_per_mm: float = 0.0,
    ) -> None:
        self.center_mm = np.asarray(center_mm, dtype=float)
        self.radii_mm = np.asarray(radii_mm, dtype=float)
        self.rotation = np.eye(3) if rotation is None else np.asarray(rotation, dtype=float)
        self.bend_per_mm = float(bend_per_mm)
        self.depth_mm = float(self.radii_mm.min())
        half = np.sqrt(((self.rotation * self.radii_mm) ** 2).sum(axis=1))
        half = half + abs(self.bend_per_mm) * self.radii_mm[0] ** 2
        self.box_mm = (self.center_mm - half, self.center_mm + half)

    def level(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The square of the relative radius: 1 on the surface, below 1 inside."""
        c, r = self.center_mm.tolist(), self.rotation.tolist()
        dx, dy, dz = x - c[0], y - c[1], z - c[2]
        u, v, w = (dx * r[0][n] + dy * r[1][n] + dz * r[2][n] for n in range(3))
        return self.level_within(u, v, w)

    def level_within(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The same from coordinates in mm along the axes, from the center."""
        if self.bend_per_mm:
            v = v - self.bend_per_mm * (u * u - float(self.radii_mm[0]) ** 2 / 5.0)
        a, b, c = (self.radii_mm**-2).tolist()
        return u * u * a + v * v * b + w * w * c

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm, first order around the surface."""
        directions = self.rotation.T / self.radii_mm[:, None]
        offsets = directions @ self.center_mm
        u, v, w = map(place.along, directions.tolist(), offsets.tolist())
        a, b = self.radii_mm[:2].tolist()
        bend = self.bend_per_mm * a * a / b
        a, b, c = (self.radii_mm**-2).tolist()
        u *= u
        if bend:
            v -= bend * u
            v += 0.2 * bend
        v *= v
        w *= w
        level = u + v
        level += w
        np.sqrt(level, out=level)
        u *= a
        v *= b
        w *= c
        u += v
        u += w
        steep = np.sqrt(u, out=u)
        steep += 1e-6
        distance = level - 1.0
        distance *= level
        distance /= steep
        return distance

    def surface(self, directions: np.ndarray) -> np.ndarray:
        """The surface points, (n, 3) in mm, that belong to unit vectors (n, 3) of the unit ball."""
        local = directions * self.radii_mm
        local[:, 1] += self.bend_per_mm * (local[:, 0] ** 2 - self.radii_mm[0] ** 2 / 5.0)
        return local @ self.rotation.T + self.center_mm


class Capsule(Shape):
    """A piece of a tube with round ends, whose radius may change, and which may be flattened.

    Args:
        start_mm, end_mm: Ends of the axis.
        start_radius_mm, end_radius_mm: Radii there.
        flatten: Factors by which distances along x, y, z are stretched before measuring; a factor
            above 1 makes the tube flat along that axis.
    """

    def __init__(
        self,
        start_mm: Iterable[float],
        end_mm: Iterable[float],
        start_radius_mm: float,
        end_radius_mm: float,
        flatten: Iterable[float] = (1.0, 1.0, 1.0),
    ) -> None:
        start, end, stretch = (list(map(float, values)) for values in (start_mm, end_mm, flatten))
        self.widest_mm = float(max(start_radius_mm, end_radius_mm))
        self.box_mm = (
            np.array([min(a, b) - self.widest_mm / f for a, b, f in zip(start, end, stretch)]),
            np.array([max(a, b) + self.widest_mm / f for a, b, f in zip(start, end, stretch)]),
        )
        self.ends = (start, end) if stretch == [1.0, 1.0, 1.0] else None
        axis = [(b - a) * f for a, b, f in zip(start, end, stretch)]
        length = math.hypot(*axis)
        unit = [a / length for a in axis] if length > 1e-4 else [1.0, 0.0, 0.0]
        rows = [*_across(unit), unit]
        slope = float(end_radius_mm - start_radius_mm) / max(length, 1e-4)
        self.frame = [r * f for row in rows for r, f in zip(row, stretch)]
        self.frame += [sum(r * f * a for r, f, a in zip(row, stretch, start)) for row in rows]
        self.frame += [length, float(start_radius_mm), slope]

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm."""
        return capsule_distance(place, self.frame)


def capsule_distance(place: Place, frame: Sequence[Any]) -> np.ndarray:
    """Signed distance in mm to a capsule, or from each point to another capsule.

    Args:
        place: The points.
        frame: `Capsule.frame`, or arrays with the numbers of a frame for each point.
    """
    u, v = place.along(frame[0:3], frame[9]), place.along(frame[3:6], frame[10])
    beyond = place.along(frame[6:9], frame[11])
    along = np.maximum(beyond, 0.0)
    np.minimum(along, place.each(frame[12]), out=along)
    beyond -= along
    u *= u
    v *= v
    beyond *= beyond
    u += v
    u += beyond
    np.sqrt(u, out=u)
    along *= place.each(frame[14])
    along += place.each(frame[13])
    u -= along
    return u


def _across(unit: list[float]) -> tuple[list[float], list[float]]:
    """Two unit vectors at right angles to a third and to each other."""
    x, y, z = unit
    if abs(x) < 0.7:
        norm = (y * y + z * z) ** 0.5
        return [0.0, z / norm, -y / norm], [-norm, x * y / norm, x * z / norm]
    norm = (x * x + y * y) ** 0.5
    return [y / norm, -x / norm, 0.0], [x * z / norm, y * z / norm, -norm]


class Cut(Shape):
    """A shape without what another shape holds, or only what both hold.

    Args:
        shape: What is cut.
        tool: What is taken away (``keep=False``) or kept (``keep=True``).
        tool_grow_mm: The tool is blown up by this much first.
    """

    def __init__(self, shape: Shape, tool: Shape, keep: bool = False, tool_grow_mm: float = 0.0) -> None:
        self.shape, self.tool, self.keep, self.grow = shape, tool, keep, tool_grow_mm
        self.box_mm = shape.box_mm

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm (a bound near the edges of the cut)."""
        tool = self.tool.distance_at(place) - self.grow
        return np.maximum(self.shape.distance_at(place), tool if self.keep else -tool)


class Tube(Shape):
    """Capsules that make one structure.

    Args:
        path: Columns x, y, z and radius in mm, shape (n, 4), n at least 2.
        flatten: See `Capsule`.
    """

    def __init__(self, path: np.ndarray, flatten: Iterable[float] = (1.0, 1.0, 1.0)) -> None:
        points = np.asarray(path, dtype=float).tolist()
        self.parts: list[Shape] = [
            Capsule(a[:3], b[:3], a[3], b[3], flatten) for a, b in zip(points[:-1], points[1:])
        ]
        self.box_mm = _common_box(self.parts)

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm."""
        return np.asarray(np.min([part.distance_at(place) for part in self.parts], axis=0))


class Union(Shape):
    """Shapes that make one structure."""

    def __init__(self, *shapes: Shape) -> None:
        self.parts: list[Shape] = [part for shape in shapes for part in parts_of(shape)]
        self.box_mm = _common_box(self.parts)

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm."""
        return np.asarray(np.min([part.distance_at(place) for part in self.parts], axis=0))


def hull_of(shape: Shape) -> tuple[np.ndarray, float]:
    """Eight points in mm, and a radius: no part of the shape is farther from their convex hull."""
    if isinstance(shape, Capsule) and shape.ends:
        return np.array([*shape.ends] * 4), shape.widest_mm
    low, high = shape.box_mm
    return np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    ), 0.0


def parts_of(shape: Shape) -> list[Shape]:
    """The shapes whose union a shape is; itself if it is not composed."""
    return shape.parts if isinstance(shape, (Tube, Union)) else [shape]


def _common_box(shapes: list[Shape]) -> Box:
    return (
        np.min([shape.box_mm[0] for shape in shapes], axis=0),
        np.max([shape.box_mm[1] for shape in shapes], axis=0),
    )


class HalfSpace(Shape):
    """Everything on one side of a plane; only for use in `Cut`.

    Args:
        point_mm: A point of the plane.
        normal: Points out of the half-space.
    """

    def __init__(self, point_mm: ArrayLike, normal: ArrayLike) -> None:
        self.normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
        self.offset = float(np.asarray(point_mm, dtype=float) @ self.normal)
        self.box_mm = (np.full(3, -1e3), np.full(3, 1e3))

    def distance_at(self, place: Place) -> np.ndarray:
        """Signed distance in mm."""
        return place.along(self.normal.tolist(), self.offset)
