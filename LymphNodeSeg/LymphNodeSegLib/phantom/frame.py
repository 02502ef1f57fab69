"""Bones and muscles of the pelvis."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, mirrored
from .render import Texture
from .shapes import Capsule, Cut, Ellipsoid, HalfSpace, Shape, rotation_from_degrees, smooth_path, tube


def add_frame(body: Body) -> None:
    """Muscles first, bones on top of them."""
    for _, sign in SIDES:
        add_muscles(body, sign)
    add_wall(body)
    for _, sign in SIDES:
        add_hip(body, sign)
    add_sacrum(body)
    add_pubic_symphysis(body)


def fibers(body: Body, direction: np.ndarray) -> Texture:
    """Streaks along a muscle's fibers: fat between its bundles."""
    along = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    other = np.cross(along, [0.3, 0.9, 0.2])
    other /= np.linalg.norm(other)
    rotation = np.column_stack([along, other, np.cross(along, other)])
    return Texture(body.rng.uniform(0.2, 0.4), (26.0, 3.0, 3.0), rotation)


def add_muscle(
    body: Body, shapes: list[Shape], direction: tuple[float, float, float], rough_mm: float = 0.7
) -> None:
    """A muscle with its fibers, its sheath of bright streaks and an irregular edge."""
    signal = body.palette.signal("muscle", 0.06)
    texture = fibers(body, np.array(direction))
    body.add(shapes, "muscle", signal=signal, rough_mm=rough_mm, soft_mm=0.4, texture=texture)
    streaks = Texture(body.rng.uniform(2.0, 6.0), texture.scale_mm, texture.rotation, ridges=0.05)
    body.add(shapes, "muscle", signal=signal, grow_mm=-2.0, texture=streaks, opacity=0.5, obstacle=False)


def add_muscles(body: Body, s: float) -> None:
    """The muscles of one side; `s` is the sign of x."""
    rng = body.rng

    def turned(x: float, y: float, z: float) -> np.ndarray:
        return rotation_from_degrees(x, s * y, s * z)

    size = rng.uniform(0.88, 1.12)
    add_muscle(
        body,
        [
            Ellipsoid((s * 78, 92, 0), (66 * size, 24 * size, 75), turned(-10, 0, -32)),
            Ellipsoid((s * 105, 70, -25), (45 * size, 24 * size, 60), turned(0, 0, -40)),
        ],
        (s * 0.8, -0.3, -0.6),
    )
    add_muscle(body, [Ellipsoid((s * 128, 12, 58), (17, 44 * size, 58), turned(0, 18, -18))], (0.2, 0.2, -1))
    add_muscle(body, [Ellipsoid((s * 116, 8, 48), (12, 34, 45), turned(0, 22, -15))], (0.1, 0, -1))
    psoas = smooth_path(
        body.jitter(
            mirrored(
                [
                    (42, 12, 140, 21),
                    (58, -2, 95, 21),
                    (76, -28, 45, 19),
                    (88, -42, 8, 17),
                    (92, -25, -40, 12),
                    (95, 0, -70, 6),
                ],
                s,
            ),
            2.0,
        ),
        14.0,
    )
    add_muscle(body, tube(psoas), (s * 0.3, -0.4, -0.9))
    add_muscle(body, [Ellipsoid((s * 88, 8, 95), (13, 44, 45), turned(0, 32, -25))], (0, -0.4, -0.9))
    inner = Ellipsoid((s * 61, 14, -2), (9 * size, 44, 38), turned(0, -8, 10))
    add_muscle(body, [inner], (0, 0.8, -0.5))
    add_muscle(body, [Capsule((s * 58, 55, -8), (s * 118, 36, -14), 8, 6)], (1, -0.3, 0))
    add_muscle(
        body,
        tube(np.array([[s * 26, 72, 58, 12], [s * 62, 66, 36, 13], [s * 112, 34, 12, 6]])),
        (1, -0.5, -0.4),
    )
    add_muscle(body, [Ellipsoid((s * 56, -36, -52), (34, 20, 24), turned(0, 20, 20))], (1, 0.4, -0.2))
    add_muscle(body, [Ellipsoid((s * 62, -30, -90), (32, 36, 45), turned(0, 0, 0))], (0.4, 0, -1))
    add_muscle(body, [Ellipsoid((s * 52, -66, -40), (30, 14, 24), turned(0, 0, -25))], (0.8, 0.1, -0.7))
    add_muscle(body, [Ellipsoid((s * 100, 38, -52), (30, 12, 26), turned(0, 0, -15))], (1, -0.2, 0))
    sartorius = [(s * 132, -62, 50, 9), (s * 118, -74, 0, 10), (s * 96, -80, -60, 11)]
    add_muscle(body, tube(smooth_path(sartorius, 20.0)), (0.3, 0, -1))
    add_muscle(
        body,
        tube(np.array([[s * 112, -50, 20, 12], [s * 112, -58, -40, 19], [s * 110, -60, -110, 22]])),
        (0, 0, -1),
    )
    add_muscle(
        body,
        tube(np.array([[s * 140, -45, 50, 12], [s * 148, -40, -10, 16], [s * 150, -25, -80, 13]])),
        (0, 0, -1),
    )
    add_muscle(body, [Ellipsoid((s * 135, -20, -95), (24, 26, 60), turned(0, 0, 0))], (0, 0, -1))


def add_wall(body: Body) -> None:
    """Abdominal wall and pelvic floor."""
    rng = body.rng
    assert body.trunk is not None
    front = body.trunk.center_y_mm - body.trunk.size[1]
    wall_y = min(front + rng.uniform(14, 42), -64.0)
    for _, s in SIDES:
        rectus = Ellipsoid(
            (s * 27, wall_y + 4, 95), (25, rng.uniform(5, 8), 130), rotation_from_degrees(3, 0, s * 6)
        )
        add_muscle(body, [rectus], (0, 0, -1))
        flank = Ellipsoid((s * 105, wall_y + 34, 110), (62, 8, 85), rotation_from_degrees(0, 0, s * 38))
        add_muscle(body, [flank], (s * 0.7, 0, -0.7))
        levator = smooth_path(
            mirrored([(50, 10, 5, 2.5), (34, 22, -14, 2.8), (20, 34, -34, 3.2), (13, 40, -52, 4.0)], s), 10.0
        )
        for y in (-34, -22, -11, 0, 11, 22):
            sheet = levator + np.array([0.0, y, abs(y) * -0.12, 0.0])
            sheet[:, 0] *= 1.0 - 0.012 * max(y, 0.0)
            body.add(tube(sheet, (1.0, 0.35, 1.0)), "muscle", variation=0.03, rough_mm=0.4)


def add_bone(body: Body, shapes: list[Shape], cortex_mm: float, marrow: str = "marrow") -> None:
    """Dark cortex around mottled marrow."""
    body.add(shapes, "cortex", soft_mm=0.3)
    texture = Texture(body.rng.uniform(0.1, 0.2), (9.0, 9.0, 9.0))
    signal = body.palette.signal(marrow, 0.05)
    body.add(shapes, marrow, signal=signal, grow_mm=-cortex_mm, texture=texture, rough_mm=0.5, soft_mm=0.6)
    red = body.palette.signal("red_marrow", 0.05)
    islands = Texture(0.3, (16.0, 16.0, 16.0))
    body.add(
        shapes,
        "red_marrow",
        signal=red,
        grow_mm=-cortex_mm - 2.0,
        texture=islands,
        opacity=0.45,
        obstacle=False,
    )


def add_hip(body: Body, s: float) -> None:
    """Hip bone and femur of one side."""
    turn = rotation_from_degrees
    ilium: list[Shape] = [
        Ellipsoid((s * 98, 20, 74), (8, 52, 55), turn(0, s * 28, s * -22)),
        Ellipsoid((s * 68, 52, 62), (13, 26, 36), turn(0, s * 10, s * -40)),
    ]
    add_bone(body, ilium, 2.2, "marrow")
    socket = Cut(
        Ellipsoid((s * 86, 2, 2), (35, 36, 36)),
        HalfSpace((s * 100, 0, -10), (s * 0.75, -0.3, -0.6)),
        keep=True,
    )
    front = Capsule((s * 66, -30, 6), (s * 20, -58, -20), 10.5, 10)
    back = tube(np.array([[s * 72, 30, 0, 16], [s * 66, 34, -32, 17], [s * 56, 26, -62, 12]]))
    low = tube(smooth_path([(s * 16, -54, -32, 8), (s * 30, -30, -52, 6), (s * 50, 10, -64, 8)], 14.0))
    add_bone(body, [socket, front, *back, *low], 2.0)
    head = Ellipsoid((s * 88, 0, 0), (27.5, 27.5, 27.5))
    body.add(head, "cartilage", opacity=0.9)
    neck = [
        Capsule((s * 92, 2, -3), (s * 126, 14, -26), 18, 16),
        Capsule((s * 134, 22, -8), (s * 126, 12, -40), 15, 17),
        Capsule((s * 126, 12, -40), (s * 122, 4, -140), 17, 14),
    ]
    ball = Ellipsoid((s * 88, 0, 0), (24.5, 24.5, 24.5))
    add_bone(body, [ball, *neck], 1.8)


def add_sacrum(body: Body) -> None:
    """Sacrum and coccyx with canal and foramina."""
    rows = [(40, 108, 50, 24), (58, 86, 44, 18), (76, 62, 36, 15), (86, 38, 28, 11), (88, 16, 18, 9)]
    vertebrae: list[Shape] = []
    for y, z, half, deep in rows:
        vertebrae.append(Ellipsoid((0, y, z), (half, deep, 14), rotation_from_degrees(28, 0, 0)))
    for y, z in ((82, 0), (74, -10), (66, -18)):
        vertebrae.append(Ellipsoid((0, y, z), (9, 5, 6)))
    add_bone(body, vertebrae, 1.6)
    for (y, z, half, _deep), (y2, z2, _, _) in zip(rows[:-1], rows[1:]):
        disc = Ellipsoid(
            (0, (y + y2) / 2, (z + z2) / 2), (half * 0.5, 8, 2.2), rotation_from_degrees(-38, 0, 0)
        )
        body.add(disc, "cartilage", variation=0.15)
    canal = smooth_path([(0, 62, 112, 9), (0, 82, 86, 7), (0, 96, 60, 5), (0, 98, 40, 3)], 10.0)
    body.add(tube(canal), "fat")
    for _, s in SIDES:
        for ((y, z, half, _),) in zip(rows[:4]):
            hole = Capsule((s * half * 0.42, y - 8, z - 12), (s * half * 0.4, y + 14, z - 12), 5.5, 4.5)
            body.add(hole, "fat")


def add_pubic_symphysis(body: Body) -> None:
    """Both bodies of the pubis and the disc between them."""
    for _, s in SIDES:
        add_bone(
            body, [Ellipsoid((s * 13, -54, -27), (13, 9.5, 17), rotation_from_degrees(35, 0, s * 8))], 1.6
        )
    body.add(Ellipsoid((0, -55, -27), (2.6, 10, 18), rotation_from_degrees(35, 0, 0)), "tendon", rough_mm=0.5)
