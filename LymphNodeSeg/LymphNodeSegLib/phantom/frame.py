"""Bones and muscles of the pelvis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .anatomy import SIDES, Body, mirrored
from .curves import random_rotation, rotation_from_degrees, smooth_path
from .layers import Texture
from .shapes import Capsule, Cut, Ellipsoid, HalfSpace, Shape, Tube, Union


def add_frame(body: Body) -> None:
    """Muscles first, bones on top of them."""
    add_wall(body)
    for _, sign in SIDES:
        add_back_muscles(body, sign)
        add_inner_muscles(body, sign)
        add_thigh_muscles(body, sign)
    for _, sign in SIDES:
        add_hip(body, sign)
    add_sacrum(body)
    add_pubic_symphysis(body)


def add_muscle(body: Body, shape: Shape, direction: ArrayLike, rough_mm: float = 0.9) -> None:
    """A muscle with a fibrous texture along `direction` and streaks of fat between its bundles."""
    rng = body.rng
    along = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    other = np.cross(along, [0.3, 0.9, 0.2])
    other /= np.linalg.norm(other)
    rotation = np.column_stack([along, other, np.cross(along, other)])
    grain = rng.uniform(3.5, 6.0)
    texture = Texture(
        rng.uniform(0.15, 0.3),
        (30.0, 1.6 * grain, grain),
        rotation,
        streak_amount=rng.uniform(1.0, 5.0),
        streak_width=rng.uniform(0.08, 0.25),
        patchy=True,
    )
    body.add(shape, "muscle", variation=0.05, rough_mm=rough_mm, soft_mm=0.4, texture=texture)


def turned(s: float, x: float, y: float, z: float) -> np.ndarray:
    """A rotation given for the left side, on the side with the sign `s` of x."""
    return rotation_from_degrees(x, s * y, s * z)


def add_back_muscles(body: Body, s: float) -> None:
    """Glutei, piriformis and the short rotators of one side."""
    size = body.rng.uniform(0.85, 1.12)
    maximus = Union(
        Ellipsoid((s * 70, 92, 12), (62, 23 * size, 76), turned(s, -12, 0, -28)),
        Ellipsoid((s * 98, 74, -24), (50, 27 * size, 66), turned(s, 0, 0, -36)),
    )
    add_muscle(body, maximus, (s * 0.75, -0.35, -0.6), 0.9)
    add_muscle(
        body, Ellipsoid((s * 132, 14, 60), (16 * size, 46, 58), turned(s, 0, 18, -20)), (s * 0.2, 0.2, -1)
    )
    add_muscle(body, Ellipsoid((s * 117, 8, 48), (11, 34, 42), turned(s, 0, 24, -16)), (s * 0.1, 0, -1))
    piriformis = [(s * 24, 74, 60, 14), (s * 60, 68, 40, 14), (s * 96, 44, 18, 9), (s * 116, 30, 10, 4)]
    add_muscle(body, Tube(smooth_path(piriformis, 20)), (s, -0.5, -0.4))
    add_muscle(body, Capsule((s * 58, 52, -8), (s * 118, 34, -12), 8, 6), (s, -0.3, 0))
    add_muscle(body, Ellipsoid((s * 98, 40, -50), (32, 11, 24), turned(s, 0, 0, -12)), (s, -0.2, 0))


def add_inner_muscles(body: Body, s: float) -> None:
    """Iliopsoas, obturator internus and pelvic floor of one side."""
    rng = body.rng
    psoas = [
        (40, 14, 150, 21), (50, 6, 110, 20), (66, -14, 66, 18), (84, -38, 26, 17), (92, -44, 0, 15),
        (96, -28, -40, 11), (98, 0, -66, 6),
    ]  # fmt: skip
    add_muscle(body, Tube(body.path(mirrored(psoas, s), 2.0, 16.0)), (s * 0.3, -0.4, -0.9), 0.9)
    add_muscle(body, Ellipsoid((s * 86, 4, 96), (12, 44, 46), turned(s, 0, 30, -24)), (0, -0.4, -0.9))
    add_muscle(body, Ellipsoid((s * 92, -28, 40), (18, 16, 34), turned(s, -30, 0, 0)), (0, -0.4, -0.9))
    # Half of it lies under the bone, which is painted later: no fat between the two.
    thick = rng.uniform(11.0, 16.0) + body.narrow_mm / 2.0
    inner = Ellipsoid((s * (48 + thick - body.narrow_mm), 13, -6), (thick, 47, 48), turned(s, 0, -6, 4))
    add_muscle(body, inner, (0, 0.9, -0.4))
    top, next_x = 48 - body.narrow_mm, 33 - 0.4 * body.narrow_mm
    levator = mirrored([(top, 8, 2, 2.0), (next_x, 16, -16, 2.4), (20, 24, -32, 2.8), (12, 30, -46, 3.6)], s)
    path = smooth_path(levator, 12.0)
    for y in (-32, -23, -14, -5, 4, 13, 22):
        sheet = path + np.array([0.0, y, abs(y) * -0.12, 0.0])
        sheet[:, 0] *= 1.0 - 0.014 * max(y, 0.0)
        body.add(Tube(sheet, (1.0, 0.22, 1.0)), "muscle", variation=0.03, rough_mm=0.4)


def add_thigh_muscles(body: Body, s: float) -> None:
    """What begins at the pelvis and runs down the thigh."""
    add_muscle(body, Ellipsoid((s * 55, -32, -48), (40, 20, 27), turned(s, 0, 20, 24)), (s, 0.4, -0.2))
    add_muscle(body, Ellipsoid((s * 60, -60, -44), (38, 15, 32), turned(s, 0, 0, -22)), (s * 0.8, 0.1, -0.7))
    add_muscle(body, Ellipsoid((s * 60, -40, -100), (38, 24, 52), turned(s, 0, 0, 0)), (s * 0.4, 0, -1))
    add_muscle(body, Ellipsoid((s * 64, 4, -104), (40, 28, 56), turned(s, 0, 0, 20)), (s * 0.3, 0, -1))
    add_muscle(body, Ellipsoid((s * 30, -20, -105), (10, 30, 56), turned(s, 0, 0, 10)), (0, 0, -1))
    tubes = [
        [(132, -62, 50, 8), (118, -76, 0, 9), (94, -84, -60, 10), (76, -80, -110, 10)],
        [(112, -48, 24, 10), (113, -60, -40, 18), (110, -62, -120, 22)],
        [(142, -46, 52, 12), (150, -42, -10, 15), (152, -25, -90, 12)],
        [(136, -22, -36, 16), (136, -18, -70, 26), (134, -15, -130, 30)],
        [(62, 38, -60, 8), (72, 44, -85, 18), (76, 46, -130, 24)],
    ]
    for points in tubes:
        add_muscle(body, Tube(smooth_path(mirrored(points, s), 25.0)), (0.1 * s, 0, -1))


def add_wall(body: Body) -> None:
    """Abdominal wall."""
    rng = body.rng
    front = body.trunk.center_y_mm - body.trunk.size[1]
    wall_y = min(front + rng.uniform(12, 42), -64.0)
    for _, s in SIDES:
        flank = Ellipsoid((s * 102, wall_y + 32, 112), (62, 8, 88), rotation_from_degrees(0, 0, s * 36))
        add_muscle(body, flank, (s * 0.7, 0, -0.7))
        shape = (rng.uniform(22, 27), rng.uniform(5, 8.5), 135)
        rectus = Ellipsoid((s * 25, wall_y + 5, 95), shape, rotation_from_degrees(2, 0, s * 7))
        add_muscle(body, rectus, (0, 0, -1))


def add_bone(body: Body, shape: Shape, cortex_mm: float) -> None:
    """Dark cortex around mottled marrow with islands of red marrow."""
    rng = body.rng
    body.add(shape, "cortex", soft_mm=rng.uniform(0.3, 1.2), rough_mm=0.9, opacity=rng.uniform(0.6, 1.0))
    cortex_mm *= rng.uniform(0.6, 1.1)
    mottled = Texture(
        rng.uniform(0.08, 0.2),
        (8.0, 8.0, 8.0),
        random_rotation(rng),
        streak_amount=-rng.uniform(0.1, 0.4),
        streak_width=0.12,
        patchy=True,
    )
    body.add(
        shape, "marrow", 0.04, grow_mm=-cortex_mm, texture=mottled, rough_mm=0.8, soft_mm=0.8, obstacle=False
    )
    islands = Texture(0.5, (18.0, 18.0, 18.0), random_rotation(rng))
    red = rng.uniform(0.1, 0.6)
    body.add(
        shape, "red_marrow", 0.05, grow_mm=-cortex_mm - 1.0, texture=islands, opacity=red, obstacle=False
    )


def add_hip(body: Body, s: float) -> None:
    """Hip bone and femur of one side."""
    ilium = Union(
        Ellipsoid((s * 99, 18, 76), (6.5, 54, 56), turned(s, 0, 28, -22)),
        Ellipsoid((s * 66, 54, 66), (12, 28, 38), turned(s, 0, 10, -40)),
        Ellipsoid((s * 88, 14, 40), (13, 34, 26), turned(s, 0, 16, -12)),
    )
    add_bone(body, ilium, 2.0)
    outside = HalfSpace((s * 101, 0, -8), (s * 0.75, -0.2, -0.6))
    socket = Cut(Ellipsoid((s * 92, 3, 4), (32, 38, 37)), outside, keep=True)
    front = Capsule((s * 68, -30, 8), (s * 18, -58, -20), 10.5, 10)
    back = Tube(mirrored([(74, 32, 2, 15), (68, 36, -30, 16), (58, 28, -62, 12)], s))
    low = Tube(smooth_path(mirrored([(14, -54, -34, 7.5), (30, -28, -54, 5.5), (50, 12, -66, 8)], s), 14.0))
    add_bone(body, Union(socket, front, back, low), 1.5)
    body.add(Ellipsoid((s * 91, 0, 0), (25.6, 25.6, 25.6)), "cartilage", opacity=0.9)
    femur = Union(
        Ellipsoid((s * 91, 0, 0), (24.3, 24.3, 24.3)),
        Capsule((s * 95, 2, -3), (s * 128, 14, -26), 17.5, 16),
        Capsule((s * 136, 22, -8), (s * 128, 12, -40), 14, 17),
        Capsule((s * 128, 12, -40), (s * 124, 4, -140), 17, 14),
    )
    add_bone(body, femur, 1.3)


def add_sacrum(body: Body) -> None:
    """Sacrum and coccyx with canal, foramina and what is left of the discs."""
    front = [(0, 26, 128, 24), (0, 46, 104, 22), (0, 66, 80, 18), (0, 82, 56, 14), (0, 89, 32, 11)]
    spine = smooth_path([*front, (0, 87, 14, 8), (0, 80, -4, 6), (0, 70, -18, 4)], 12.0)
    add_bone(body, Tube(spine, (0.42, 1.0, 1.0)), 1.3)
    lumbar = Ellipsoid((0, 14, 152), (25, 18, 17), rotation_from_degrees(12, 0, 0))
    add_bone(body, lumbar, 1.3)
    body.add(Ellipsoid((0, 21, 133), (24, 19, 6), rotation_from_degrees(20, 0, 0)), "cartilage", 0.3)
    for (_, y, z, deep), (_, y2, z2, _) in zip(front[:-1], front[1:]):
        slope = np.degrees(np.arctan2(y2 - y, z - z2))
        disc = Ellipsoid(
            (0, (y + y2) / 2, (z + z2) / 2), (1.1 * deep, 0.8 * deep, 1.6), rotation_from_degrees(slope, 0, 0)
        )
        body.add(disc, "cartilage", variation=0.15, soft_mm=0.6, obstacle=False)
    canal = smooth_path([(0, 58, 118, 9), (0, 78, 92, 7), (0, 94, 66, 5), (0, 97, 46, 3)], 12.0)
    body.add(Tube(canal), "fat")
    body.add(Tube(canal * [1, 1, 1, 0.65]), "bowel_fluid", variation=0.1)
    for _, s in SIDES:
        for _, y, z, deep in front:
            x = s * deep * 1.05
            hole = Capsule((x, y - 0.7 * deep, z - 13), (x * 0.95, y + 0.5 * deep, z - 11), 4.2, 4.0)
            body.add(hole, "fat")


def add_pubic_symphysis(body: Body) -> None:
    """Both bodies of the pubis and the disc between them."""
    lean = rotation_from_degrees(35, 0, 0)
    add_bone(body, Union(*(Ellipsoid((s * 13, -55, -27), (14, 11, 21), lean) for _, s in SIDES)), 1.5)
    body.add(Ellipsoid((0, -56, -27), (2.2, 11.5, 22), lean), "tendon", rough_mm=0.5)
