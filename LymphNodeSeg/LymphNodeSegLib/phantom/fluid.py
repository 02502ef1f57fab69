"""Fluid where a patient may have some and no organ holds it; part of a varied pelvis."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, mirrored
from .curves import random_rotation, rotation_from_degrees
from .frame import turned
from .layers import Texture
from .shapes import Capsule, Ellipsoid, Shape
from .tissues import Signal, Tissue

SEROUS = Tissue(2600, 450, 2.6, t2_spread=0.35, adc_spread=0.08)
CORD = ((62.0, -70.0, 20.0), (44.0, -90.0, -6.0), (28.0, -96.0, -50.0))
"""Left spermatic cord, from the deep inguinal ring downwards; in women the canal of Nuck runs there."""


def fluid_signal(body: Body) -> Signal:
    """Of one collection: nearly water, or with some protein."""
    return body.palette.other(SEROUS)


def add_sac(body: Body, shape: Shape, signal: Signal, wall_mm: float) -> None:
    """Fluid in a thin wall."""
    body.add(shape, "septum", grow_mm=wall_mm, soft_mm=0.3, obstacle=True)
    body.add(shape, "urine", signal=signal, soft_mm=0.4, rough_mm=0.3, obstacle=False)


def add_fluid_beneath(body: Body, female: bool) -> None:
    """What fills the space that organs leave; they are painted on top of it and give it its shape.

    Half of the women have a little fluid in the pouch of Douglas, few men in the rectovesical pouch; fluid
    between bowel loops, ascites and a lymphocele beside the iliac vessels are rarer.
    """
    rng = body.rng
    if rng.random() < (0.5 if female else 0.15):
        low = rng.uniform(20, 36) if female else rng.uniform(36, 50)
        center = (rng.normal(0, 6), rng.uniform(26, 36), low)
        _add_pool(body, Ellipsoid(center, rng.uniform((14, 5, 7), (38, 12, 20)), random_tilt(body)))
    if rng.random() < 0.2:
        for _ in range(int(rng.integers(1, 4))):
            between = rng.uniform((-60, -55, 64), (60, 18, 115))
            _add_pool(body, Ellipsoid(between, rng.uniform(8, 30, 3), random_rotation(rng)))
    if rng.random() < 0.06:
        _add_pool(body, Ellipsoid((0, -22, 125), rng.uniform((55, 38, 40), (78, 52, 68))))
    if rng.random() < 0.08:
        beside = mirrored([rng.uniform((38, -45, 25), (58, 10, 85))], rng.choice([-1.0, 1.0]))[0]
        shape = Ellipsoid(beside, rng.uniform(7, 26) * rng.uniform(0.7, 1.3, 3), random_rotation(rng))
        add_sac(body, shape, fluid_signal(body), rng.uniform(0.4, 1.2))


def random_tilt(body: Body) -> np.ndarray:
    """A rotation by some degrees."""
    return rotation_from_degrees(*body.rng.normal(0, 10, 3))


def _add_pool(body: Body, shape: Ellipsoid) -> None:
    body.add(shape, "urine", signal=fluid_signal(body), rough_mm=1.2, soft_mm=0.5, obstacle=False)


def add_canal_fluid(body: Body, female: bool) -> None:
    """Fluid along the spermatic cord (one of six men on a side), or in the canal of Nuck; hernias."""
    rng = body.rng
    for _, s in SIDES:
        if rng.random() < (0.05 if female else 0.17):
            start, end = _piece_of_canal(body, s, rng.uniform(6, 34))
            radius = rng.uniform(2.5, 8.0)
            sac = Capsule(start, end, radius, radius * rng.uniform(0.5, 1.0))
            add_sac(body, sac, fluid_signal(body), rng.uniform(0.3, 0.9))
        if rng.random() < 0.06:
            start, end = _piece_of_canal(body, s, rng.uniform(15, 40))
            hernia = Capsule(start, end, rng.uniform(6, 11), rng.uniform(4, 9))
            body.add(hernia, "septum", grow_mm=0.8, rough_mm=0.5)
            body.add(hernia, "fat", texture=Texture(0.12, (6, 6, 6)), soft_mm=0.4, obstacle=True)


def _piece_of_canal(body: Body, s: float, length_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of a piece of the inguinal canal of one side, under the skin of a thin body too."""
    line = mirrored(CORD, s)
    line[:, 1] = np.maximum(line[:, 1], body.trunk.center_y_mm - body.trunk.size[1] + 18.0)
    n = int(body.rng.integers(0, len(line) - 1))
    way = line[n + 1] - line[n]
    unit = way / np.linalg.norm(way)
    start = line[n] + body.rng.uniform(0.0, 0.7) * way + body.rng.normal(0, 2.0, 3)
    return start, start + unit * length_mm


def add_fluid_at_bones(body: Body) -> None:
    """Effusion in a hip joint, fluid in a bursa, cysts of sacral roots."""
    rng = body.rng
    for _, s in SIDES:
        if rng.random() < 0.25:
            recess = Ellipsoid((s * 104, -21, -8), rng.uniform((7, 1, 5), (16, 4, 12)), turned(s, -10, 0, 25))
            body.add(recess, "urine", signal=fluid_signal(body), rough_mm=0.6, soft_mm=0.5)
        if rng.random() < 0.06:
            bursa = Ellipsoid((s * 82, -38, 4), rng.uniform((5, 3, 8), (12, 7, 24)), random_tilt(body))
            add_sac(body, bursa, fluid_signal(body), 0.6)
        if rng.random() < 0.05:
            place = (s * rng.uniform(8, 24), rng.uniform(78, 92), rng.uniform(45, 80))
            add_sac(body, Ellipsoid(place, rng.uniform(3, 8, 3)), fluid_signal(body), 0.4)


def add_edema(body: Body) -> None:
    """Fluid in the meshes of fat: under the skin of the back, before the sacrum, beside the organs."""
    rng = body.rng
    back = body.trunk.center_y_mm + body.trunk.size[1]
    places = [
        (0.2, (rng.normal(0, 40), back - 14, rng.uniform(0, 90)), (70, 14, 60)),
        (0.1, (0, 76, rng.uniform(10, 50)), (34, 10, 34)),
        (0.12, (rng.choice([-1, 1]) * 34, rng.uniform(-20, 25), rng.uniform(0, 40)), (22, 26, 26)),
    ]
    for share, center, largest in places:
        if rng.random() < share:
            shape = Ellipsoid(center, np.array(largest) * rng.uniform(0.5, 1.0, 3), random_tilt(body))
            size = (rng.uniform(8, 20), rng.uniform(3, 6), rng.uniform(6, 14))
            meshes = Texture(0.6, size, random_rotation(rng))
            body.add(
                shape,
                "urine",
                signal=fluid_signal(body),
                opacity=rng.uniform(0.1, 0.35),
                soft_mm=8.0,
                texture=meshes,
                obstacle=False,
            )
