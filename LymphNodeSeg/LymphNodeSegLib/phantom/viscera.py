"""Bladder, rectum and bowel."""

from __future__ import annotations

import numpy as np

from .anatomy import Body
from .curves import random_rotation, rotation_from_degrees, smooth_path
from .layers import Texture
from .shapes import Ellipsoid, Tube, Union


def add_bladder(body: Body, base_z_mm: float) -> np.ndarray:
    """Bladder with wall and urine.

    Args:
        body: The pelvis.
        base_z_mm: Height of its floor.

    Returns:
        Its center and semi-axes in mm, six numbers.
    """
    rng = body.rng
    full = rng.uniform(0.0, 1.0)
    radii = np.array([24 + 24 * full, 20 + 16 * full, 12 + 24 * full]) * rng.uniform(0.88, 1.12, 3)
    center = np.array([rng.normal(0, 3), -34 + 6 * full, base_z_mm + radii[2]])
    turn = rotation_from_degrees(rng.uniform(-20, 5), 0, rng.normal(0, 6))
    bend = rng.uniform(-0.25, 0.25) * radii[1] / radii[0] ** 2
    shape = Ellipsoid(center, radii, turn, bend)
    wall = rng.uniform(2.0, 3.4) + 4.5 * (1.0 - full) * rng.uniform(0.3, 1.0)
    trabeculae = Texture(0.18, (7.0, 7.0, 7.0))
    body.add(shape, "bladder_wall", grow_mm=wall, rough_mm=0.35, soft_mm=0.4, texture=trabeculae)
    body.add(shape, "urine", rough_mm=0.5, soft_mm=0.3, texture=Texture(0.025, (40, 14, 14)), obstacle=False)
    return np.concatenate([center, radii])


def add_rectum(body: Body) -> np.ndarray:
    """Mesorectal fascia, rectum with wall, mucosa, content and gas, anal canal.

    Returns:
        Path of the rectum from above, columns x, y, z, radius in mm.
    """
    rng = body.rng
    wide = rng.uniform(0.7, 1.5)
    points = [
        (16 * rng.normal(), 44, 116, 10 * wide), (9 * rng.normal(), 58, 94, 11 * wide),
        (0, 66, 68, 12 * wide), (0, 60, 42, 13 * wide), (0, 46, 16, 13 * wide),
        (0, 36, -10, 10), (0, 32, -32, 6.5), (0, 40, -56, 6),
    ]  # fmt: skip
    path = body.path(points, 3.0, 11.0)
    path[:, 3] *= np.exp(0.10 * rng.normal(size=len(path)))
    upper = path[path[:, 2] > -16]
    fascia = Tube(
        np.column_stack(
            [upper[:, :3] + [0, 2, 0], np.interp(upper[:, 2], [-20, 0, 40, 100], [10, 21, 34, 28])]
        )
    )
    body.add(fascia, "septum", shell_mm=0.9, opacity=rng.uniform(0.2, 0.6), rough_mm=0.8)
    whole = Tube(path)
    wall = rng.uniform(2.4, 4.2)
    layers = Texture(0.16, (4.0, 4.0, 6.0))
    body.add(whole, "rectal_wall", 0.05, grow_mm=wall, rough_mm=0.7, soft_mm=0.5, texture=layers)
    inner = rng.uniform(1.2, 2.2)
    body.add(whole, "mucosa", 0.1, grow_mm=0.3 * wall, rough_mm=0.9, soft_mm=0.8, obstacle=False)
    add_content(body, whole, -inner, late=True)
    for _ in range(int(rng.integers(0, 4))):
        n = int(rng.integers(0, len(upper)))
        radius = upper[n, 3] * rng.uniform(0.3, 0.85)
        body.add_gas(upper[n, :3] - [0, 0.5 * (upper[n, 3] - radius), 0], radius, late=True, obstacle=False)
    sphincter = Tube(path[path[:, 2] < -14])
    body.add(sphincter, "muscle", grow_mm=rng.uniform(4, 7), rough_mm=0.6, soft_mm=0.6)
    body.add(sphincter, "rectal_wall", 0.1, grow_mm=-0.5, rough_mm=0.6, soft_mm=0.8, obstacle=False)
    body.add(sphincter, "mucosa", 0.1, grow_mm=-3.5, soft_mm=1.0, obstacle=False)
    return upper


def add_content(body: Body, shape: Tube, grow_mm: float, late: bool = False) -> None:
    """What fills a piece of gut: collapsed mucosal folds, stool, fluid."""
    rng = body.rng
    kind = str(rng.choice(["mucosa", "stool", "bowel_fluid"], p=[0.4, 0.4, 0.2]))
    grain = float(rng.uniform(4, 12))
    look = Texture(
        {"mucosa": 0.15, "stool": 0.3, "bowel_fluid": 0.06}[kind],
        (grain, grain, grain),
        streak_amount=float(rng.uniform(-0.5, 0.3)),
        streak_width=0.25,
    )
    body.add(
        shape, kind, 0.25, grow_mm=grow_mm, rough_mm=1.2, soft_mm=1.2, texture=look, late=late, obstacle=False
    )


def add_bowel(body: Body) -> None:
    """Loops of small and large bowel that wander through the upper pelvis."""
    rng = body.rng
    for _ in range(int(rng.integers(5, 12))):
        large = rng.random() < 0.35
        radius = rng.uniform(10, 17) if large else rng.uniform(5, 9)
        place = np.array([rng.uniform(-70, 70), rng.uniform(-60, 20), rng.uniform(62, 125)])
        heading = rng.normal(0, 1, 3)
        points = []
        for _ in range(int(rng.integers(5, 11))):
            heading = 0.6 * heading / np.linalg.norm(heading) + 0.55 * rng.normal(0, 1, 3)
            place = place + 15.0 * heading / np.linalg.norm(heading)
            place = np.clip(place, [-76, -70, 54 + radius], [76, 28, 190])
            points.append([*place, radius * rng.uniform(0.7, 1.15)])
        add_loop(body, np.array(points), radius, large)


def add_loop(body: Body, points: np.ndarray, radius_mm: float, large: bool) -> None:
    """A piece of bowel with wall, content and gas.

    Args:
        body: The pelvis.
        points: Its course, x, y, z in mm, and a radius where it is not the same everywhere.
        radius_mm: About how wide it is.
        large: Whether it is colon.
    """
    rng = body.rng
    if points.shape[1] == 3:
        points = np.column_stack([points, np.full(len(points), radius_mm)])
    path = smooth_path(points, 0.8 * radius_mm + 3.0)
    # Haustra and folds.
    path[:, 3] *= np.exp((0.18 if large else 0.08) * rng.normal(size=len(path)))
    loop = Tube(path)
    body.add(loop, "rectal_wall", 0.1, grow_mm=rng.uniform(1.2, 2.4), rough_mm=0.7, soft_mm=0.4)
    body.add(loop, "mucosa", 0.1, grow_mm=0.2, rough_mm=0.7, soft_mm=0.8, obstacle=False)
    add_content(body, loop, -rng.uniform(1.0, 2.5))
    for _ in range(int(rng.integers(0, 4)) if large else int(rng.integers(0, 2))):
        n = int(rng.integers(0, len(path)))
        size = path[n, 3] * rng.uniform(0.4, 0.8)
        body.add_gas(path[n, :3] - [0, 0.5 * (path[n, 3] - size), 0], size, obstacle=False)


def add_haze(body: Body) -> None:
    """The strands and small veins around the organs that are too fine to be drawn singly."""
    rng = body.rng
    signal = body.palette.signal("bladder_wall", 0.2)
    regions = [(s * 30.0, rng.uniform(-8, 18), rng.uniform(-6, 24)) for s in (-1, 1) for _ in range(2)]
    regions += [(rng.normal(0, 12), rng.uniform(40, 64), rng.uniform(0, 70)), (0, -38, rng.uniform(-10, 10))]
    for center in regions:
        look = Texture(1.0, (rng.uniform(7, 14), rng.uniform(3, 5), rng.uniform(5, 9)), random_rotation(rng))
        shape = Ellipsoid(center, rng.uniform(11, 26, 3), random_rotation(rng))
        opacity = float(rng.uniform(0.15, 0.6))
        body.add(
            shape, "septum", 0.2, signal=signal, opacity=opacity, soft_mm=9.0, texture=look, obstacle=False
        )


def add_mesentery(body: Body) -> None:
    """Small vessels of mesentery, mesorectum and parametria, single and in bundles."""
    rng = body.rng
    for _ in range(int(rng.integers(25, 55))):
        start = np.array([rng.uniform(-50, 50), rng.uniform(-40, 70), rng.uniform(-20, 125)])
        steps = rng.normal(0, 1, 3) + rng.normal(0, 0.6, (4, 3))
        steps *= 8.0 / np.linalg.norm(steps, axis=1, keepdims=True)
        points = start + np.cumsum(steps, axis=0)
        path = smooth_path(np.column_stack([points, np.linspace(rng.uniform(0.8, 1.8), 0.5, 4)]), 8.0)
        name = "flow_void" if rng.random() < 0.6 else "blood"
        tube = Union(Tube(path), Tube(path + np.array([*rng.normal(0, 1.8, 3), 0.1])))
        body.add(tube, name, 0.3, soft_mm=0.3, obstacle=False, opacity=0.9)
