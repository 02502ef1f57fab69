"""Prostate, seminal vesicles, penile bulb and spermatic cords."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, mirrored
from .curves import random_rotation, rotation_from_degrees, smooth_path
from .fluid import CORD
from .layers import Texture
from .shapes import Capsule, Ellipsoid, Tube


def add_male_organs(body: Body) -> Ellipsoid:
    """All organs of a male pelvis but bladder and bowel; returns the outline of the prostate."""
    prostate = add_prostate(body)
    for _, sign in SIDES:
        add_seminal_vesicle(body, sign)
        add_outer_organs(body, sign)
    bulb = Ellipsoid((0, -18, -46), (9, 10, 15))
    body.add(bulb, "seminal_vesicle", 0.2, opacity=0.7, rough_mm=0.6, texture=Texture(0.12, (6, 6, 6)))
    return prostate


def add_prostate(body: Body) -> Ellipsoid:
    """Prostate with both zones, nodules, stroma, urethra; now and then a tumor. Returns its outline."""
    rng = body.rng
    size = rng.uniform(0.85, 1.35)
    radii = np.array([24, 16, 20]) * size
    center = np.array([rng.normal(0, 1.5), 2 * size, -6])
    turn = rotation_from_degrees(rng.uniform(8, 25), 0, 0)
    outer = Ellipsoid(center, radii, turn)
    body.add(outer, "prostate_capsule", grow_mm=0.8, soft_mm=1.0, rough_mm=0.5)
    grain = Texture(rng.uniform(0.08, 0.22), (8, 8, 8), streak_amount=-0.25, streak_width=0.12)
    body.add(
        outer, "peripheral_zone", 0.1, grow_mm=-0.4, texture=grain, rough_mm=0.6, soft_mm=0.8, obstacle=False
    )
    inner = Ellipsoid(center + turn @ [0, -0.24 * radii[1], 0.12 * radii[2]], radii * [0.74, 0.72, 0.8], turn)
    body.add(inner, "prostate_capsule", grow_mm=0.7, opacity=0.6, rough_mm=0.7, soft_mm=0.6, obstacle=False)
    body.add(inner, "transition_zone", texture=Texture(0.22, (9, 9, 9)), rough_mm=0.8, obstacle=False)
    for _ in range(int(rng.integers(0, 10))):
        direction = rng.normal(0, 1, 3)
        place = inner.center_mm + turn @ (direction / np.linalg.norm(direction) * inner.radii_mm * 0.55)
        knot = Ellipsoid(place, rng.uniform(2.5, 7.5, 3) * size, random_rotation(rng))
        body.add(
            knot, "prostate_capsule", grow_mm=0.6, opacity=0.6, rough_mm=0.5, soft_mm=0.6, obstacle=False
        )
        body.add(knot, "transition_zone", 0.3, texture=Texture(0.2, (5, 5, 5)), rough_mm=0.5, obstacle=False)
    stroma = Ellipsoid(center + turn @ [0, -0.82 * radii[1], 0], radii * [0.5, 0.28, 0.8], turn)
    body.add(stroma, "muscle", 0.1, soft_mm=3.0, rough_mm=1.0)
    urethra = Capsule(center + np.array([0, -3, 12]), center + np.array([0, 1, -18]), 1.6, 2.0)
    body.add(urethra, "mucosa", soft_mm=1.2, obstacle=False)
    if rng.random() < 0.35:
        offset = np.array([rng.choice([-0.5, 0.5]), 0.62, rng.uniform(-0.5, 0.4)])
        spot = Ellipsoid(center + turn @ (offset * radii), rng.uniform(3, 7, 3))
        body.add(spot, "tumor", soft_mm=2.0, rough_mm=1.0, obstacle=False)
    return outer


def add_seminal_vesicle(body: Body, s: float) -> None:
    """The folded tube of one seminal vesicle, and the duct beside it."""
    rng = body.rng
    full = rng.uniform(1.6, 3.4)
    along = np.linspace(0, 2.3, 8)
    points = np.column_stack(
        [
            4 + 12 * along,
            16 + 3 * np.sin(9 * along),
            15 + 6 * along + 4 * np.sin(13 * along),
            0 * along + full,
        ]
    )
    folds = Tube(smooth_path(body.jitter(mirrored(points, s), 1.8), 7.0))
    body.add(folds, "prostate_capsule", grow_mm=0.9, soft_mm=0.5)
    look = Texture(0.25, (4, 4, 4))
    body.add(folds, "seminal_vesicle", 0.2, late=True, obstacle=False, texture=look, soft_mm=0.4)
    duct = body.path(mirrored([(3, 14, 14, 2.0), (10, 14, 26, 2.0), (30, 0, 38, 1.8), (52, -30, 40, 1.6)], s))
    body.add(Tube(duct), "bladder_wall", soft_mm=0.5)


def add_outer_organs(body: Body, s: float) -> None:
    """Crus of the penis and spermatic cord of one side."""
    crus = Capsule((s * 22, -4, -56), (s * 7, -44, -52), 6, 7)
    body.add(crus, "seminal_vesicle", opacity=0.7, rough_mm=0.4)
    course = [(*place, radius) for place, radius in zip(CORD, (5, 6, 7))]
    cord = smooth_path(mirrored(course, s), 12.0)
    body.add(Tube(cord), "septum", shell_mm=0.8, opacity=0.6)
    for _ in range(4):
        inside = body.jitter(cord, 0.8) + np.array([*body.rng.normal(0, 2.2, 3), 0.0])
        inside[:, 3] = body.rng.uniform(0.6, 1.4)
        body.add(Tube(inside), "blood" if body.rng.random() < 0.6 else "flow_void", 0.3, obstacle=False)
