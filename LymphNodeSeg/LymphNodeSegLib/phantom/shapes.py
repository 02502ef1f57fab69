"""Signed distance shapes: negative inside, positive outside, in millimeters.

Every shape has a bounding `box_mm` (lower and upper corner) and ``distance(x, y, z)``, which takes three
float arrays of one shape (coordinates in mm) and gives the approximate signed distance to the surface.
"""

from __future__ import annotations

from typing import Optional, Protocol

import numpy as np
from numpy.typing import ArrayLike

Box = tuple[np.ndarray, np.ndarray]


class Shape(Protocol):
    """Anything that can be painted."""

    box_mm: Box

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm at the points."""


class Ellipsoid:
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
        half = np.sqrt(((self.rotation * self.radii_mm) ** 2).sum(axis=1))
        half = half + abs(self.bend_per_mm) * self.radii_mm[0] ** 2
        self.box_mm = (self.center_mm - half, self.center_mm + half)

    def _local(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Plain Python floats keep float32 arrays in float32.
        c, r = self.center_mm.tolist(), self.rotation.tolist()
        dx, dy, dz = x - c[0], y - c[1], z - c[2]
        local = []
        for n in range(3):
            coordinate = dx * r[0][n]
            coordinate += dy * r[1][n]
            coordinate += dz * r[2][n]
            local.append(coordinate)
        u, v, w = local
        if self.bend_per_mm:
            v = v - self.bend_per_mm * (u * u - float(self.radii_mm[0]) ** 2 / 5.0)
        return u, v, w

    def level(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The square of the relative radius: 1 on the surface, below 1 inside."""
        u, v, w = self._local(x, y, z)
        a, b, c = (self.radii_mm**-2).tolist()
        return u * u * a + v * v * b + w * w * c

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm, first order around the surface."""
        local = self._local(x, y, z)
        inverse = (1.0 / self.radii_mm).tolist()
        for coordinate, factor in zip(local, inverse):
            coordinate *= factor
        level = _length(local)
        for coordinate, factor in zip(local, inverse):
            coordinate *= factor
        steep = _length(local)
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


class Capsule:
    """A piece of a tube with round ends, whose radius may change, and which may be flattened.

    Args:
        start_mm, end_mm: Ends of the axis.
        start_radius_mm, end_radius_mm: Radii there.
        flatten: Factors by which distances along x, y, z are stretched before measuring; a factor
            above 1 makes the tube flat along that axis.
    """

    def __init__(
        self,
        start_mm: ArrayLike,
        end_mm: ArrayLike,
        start_radius_mm: float,
        end_radius_mm: float,
        flatten: ArrayLike = (1.0, 1.0, 1.0),
    ) -> None:
        self.flatten = np.asarray(flatten, dtype=float)
        self.is_flat = bool((self.flatten != 1.0).any())
        start, end = np.asarray(start_mm, dtype=float), np.asarray(end_mm, dtype=float)
        radius = max(start_radius_mm, end_radius_mm) / self.flatten
        self.box_mm = (np.minimum(start, end) - radius, np.maximum(start, end) + radius)
        self.start, self.axis = start * self.flatten, (end - start) * self.flatten
        self.length_squared = max(float(self.axis @ self.axis), 1e-9)
        self.widest_mm = float(max(start_radius_mm, end_radius_mm))
        self.radius, self.radius_change = float(start_radius_mm), float(end_radius_mm - start_radius_mm)

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm."""
        s, a = self.start.tolist(), self.axis.tolist()
        if self.is_flat:
            f = self.flatten.tolist()
            dx, dy, dz = x * f[0] - s[0], y * f[1] - s[1], z * f[2] - s[2]
        else:
            dx, dy, dz = x - s[0], y - s[1], z - s[2]
        u = [component / self.length_squared for component in a]
        along = dx * u[0]
        along += dy * u[1]
        along += dz * u[2]
        np.minimum(along, 1.0, out=along)
        np.maximum(along, 0.0, out=along)
        dx -= along * a[0]
        dy -= along * a[1]
        dz -= along * a[2]
        dx *= dx
        dy *= dy
        dz *= dz
        dx += dy
        dx += dz
        np.sqrt(dx, out=dx)
        along *= self.radius_change
        along += self.radius
        dx -= along
        return dx


class Trunk:
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

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm, good near the surface."""
        u, v = np.abs(x) / self.size[0], np.abs(y - self.center_y_mm) / self.size[1]
        level = (u**self.power + v**self.power) ** (1.0 / self.power)
        return (level - 1.0) * min(self.size) * (1.0 + 0.3 * u)


class Cut:
    """A shape without what another shape holds, or only what both hold.

    Args:
        shape: What is cut.
        tool: What is taken away (``keep=False``) or kept (``keep=True``).
        tool_grow_mm: The tool is blown up by this much first.
    """

    def __init__(self, shape: Shape, tool: Shape, keep: bool = False, tool_grow_mm: float = 0.0) -> None:
        self.shape, self.tool, self.keep, self.grow = shape, tool, keep, tool_grow_mm
        self.box_mm = shape.box_mm

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm (a bound near the edges of the cut)."""
        tool = self.tool.distance(x, y, z) - self.grow
        return np.maximum(self.shape.distance(x, y, z), tool if self.keep else -tool)


class Tube:
    """Capsules that make one structure.

    Args:
        path: Columns x, y, z and radius in mm, shape (n, 4), n at least 2.
        flatten: See `Capsule`.
    """

    def __init__(self, path: np.ndarray, flatten: ArrayLike = (1.0, 1.0, 1.0)) -> None:
        self.parts: list[Shape] = [
            Capsule(a[:3], b[:3], a[3], b[3], flatten) for a, b in zip(path[:-1], path[1:])
        ]
        self.box_mm = _common_box(self.parts)

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm."""
        return np.asarray(np.min([part.distance(x, y, z) for part in self.parts], axis=0))


class Union:
    """Shapes that make one structure."""

    def __init__(self, *shapes: Shape) -> None:
        self.parts: list[Shape] = [part for shape in shapes for part in parts_of(shape)]
        self.box_mm = _common_box(self.parts)

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm."""
        return np.asarray(np.min([part.distance(x, y, z) for part in self.parts], axis=0))


def hull_of(shape: Shape) -> tuple[np.ndarray, float]:
    """Eight points in mm, and a radius: no part of the shape is farther from their convex hull."""
    if isinstance(shape, Capsule) and not shape.is_flat:
        return np.array([shape.start, shape.start + shape.axis] * 4), shape.widest_mm
    low, high = shape.box_mm
    return np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    ), 0.0


def parts_of(shape: Shape) -> list[Shape]:
    """The shapes whose union a shape is; itself if it is not composed."""
    return shape.parts if isinstance(shape, (Tube, Union)) else [shape]


def _length(vector: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    total = vector[0] * vector[0]
    total += vector[1] * vector[1]
    total += vector[2] * vector[2]
    return np.sqrt(total)


def _common_box(shapes: list[Shape]) -> Box:
    return (
        np.min([shape.box_mm[0] for shape in shapes], axis=0),
        np.max([shape.box_mm[1] for shape in shapes], axis=0),
    )


class HalfSpace:
    """Everything on one side of a plane; only for use in `Cut`.

    Args:
        point_mm: A point of the plane.
        normal: Points out of the half-space.
    """

    def __init__(self, point_mm: ArrayLike, normal: ArrayLike) -> None:
        self.normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
        self.offset = float(np.asarray(point_mm, dtype=float) @ self.normal)
        self.box_mm = (np.full(3, -1e3), np.full(3, 1e3))

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm."""
        n = self.normal.tolist()
        return x * n[0] + y * n[1] + z * n[2] - self.offset


def rotation_from_degrees(about_x: float = 0.0, about_y: float = 0.0, about_z: float = 0.0) -> np.ndarray:
    """The rotation matrix Rz @ Ry @ Rx."""
    a, b, c = np.radians([about_x, about_y, about_z])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation drawn evenly from all rotations, by QR of a Gaussian matrix."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q * np.array([1.0, 1.0, -1.0])


def smooth_path(points_mm: ArrayLike, step_mm: float = 7.0) -> np.ndarray:
    """A Catmull-Rom curve through the points, sampled about every `step_mm`, shape (n, columns).

    Further columns (a radius, say) are carried along.
    """
    points = np.asarray(points_mm, dtype=float)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    pieces = [points[:1]]
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:]):
        count = max(int(np.ceil(np.linalg.norm((c - b)[:3]) / step_mm)), 1)
        t = (np.arange(1, count + 1) / count)[:, None]
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
        )
    return np.vstack(pieces)
