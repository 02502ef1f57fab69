"""Cysts and masses that are no lymph nodes; part of a varied pelvis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .anatomy import SIDES, Body
from .curves import random_rotation, smooth_path
from .fluid import add_sac, fluid_signal
from .layers import Texture
from .shapes import Ellipsoid, Tube
from .tissues import Signal, Tissue

# Pus and keratin restrict diffusion and are bright on high b-values like nodes; old blood is dark on T2.
PUS = Tissue(1500, 220, 0.75, t2_spread=0.25, adc_spread=0.2)
KERATIN = Tissue(1000, 130, 0.85, t2_spread=0.3, adc_spread=0.2)
OLD_BLOOD = Tissue(600, 62, 1.0, t2_spread=0.4, adc_spread=0.25)
GEL = Tissue(1300, 240, 2.0, t2_spread=0.4, adc_spread=0.15)


def add_female_cysts(body: Body, cervix: np.ndarray) -> None:
    """Nabothian cysts in four of ten; cysts of Gartner and Bartholin, beside and in the ovaries.

    Args:
        body: The pelvis.
        cervix: Center of the cervix, mm.
    """
    rng = body.rng
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 6))):
            place = cervix + rng.normal(0, (5.0, 5.0, 6.0))
            ball = Ellipsoid(place, rng.uniform(1.2, 4.0) * rng.uniform(0.8, 1.2, 3))
            body.add(ball, "follicle", signal=body.palette.other(GEL), soft_mm=0.4, obstacle=False)
    for _, s in SIDES:
        if rng.random() < 0.05:
            place = np.array([s * rng.uniform(11, 18), rng.uniform(-18, -2), rng.uniform(-68, -54)])
            add_sac(body, round_mass(body, place, 4, 14), any_fluid(body), 0.8)
        if rng.random() < 0.03:
            place = np.array([s * rng.uniform(7, 11), rng.uniform(-8, 2), rng.uniform(-34, -10)])
            add_sac(body, round_mass(body, place, 3, 9), any_fluid(body), 0.5)
        if rng.random() < 0.15:
            place = np.array([s * rng.uniform(26, 56), rng.uniform(-12, 34), rng.uniform(30, 70)])
            add_sac(body, round_mass(body, place, 5, 20), any_fluid(body), rng.uniform(0.4, 1.4))
        if rng.random() < 0.05:
            _add_hydrosalpinx(body, s)
        if rng.random() < 0.04:
            _add_dermoid(body, s)


def _add_hydrosalpinx(body: Body, s: float) -> None:
    """A tube full of fluid, folded."""
    rng = body.rng
    turns = np.linspace(0, rng.uniform(4, 8), 9)
    radius = rng.uniform(3, 8)
    points = [
        (s * (26 + 3.5 * t), 10 + 9 * np.sin(t), 48 + 9 * np.cos(1.3 * t), radius * (0.6 + 0.1 * n))
        for n, t in enumerate(turns)
    ]
    add_sac(body, Tube(smooth_path(body.jitter(points, 2.0), 7.0)), any_fluid(body), 0.8)


def _add_dermoid(body: Body, s: float) -> None:
    """Fat and keratin in one wall."""
    rng = body.rng
    center = np.array([s * rng.uniform(28, 50), rng.uniform(-5, 30), rng.uniform(36, 66)])
    whole = round_mass(body, center, 8, 24)
    add_sac(body, whole, body.palette.signal("fat", 0.1), 1.0)
    shift = random_rotation(rng) @ (0.35 * whole.radii_mm)
    plug = Ellipsoid(center + shift, whole.radii_mm * rng.uniform(0.3, 0.55))
    body.add(plug, "tumor", signal=body.palette.other(KERATIN), rough_mm=0.6, obstacle=False)


def add_male_cysts(body: Body, prostate: Ellipsoid) -> None:
    """A cyst of the utricle, or one in the prostate; knots in its peripheral zone in most.

    Args:
        body: The pelvis.
        prostate: Its outline.
    """
    rng = body.rng
    center, radii, turn = prostate.center_mm, prostate.radii_mm, prostate.rotation
    if rng.random() < 0.05:
        add_sac(
            body,
            round_mass(body, center + turn @ [0, 0.55 * radii[1], 0.6 * radii[2]], 2, 7),
            any_fluid(body),
            0.4,
        )
    for _ in range(int(rng.integers(2, 12)) if rng.random() < 0.7 else 0):
        offset = np.array([rng.uniform(-0.75, 0.75), rng.uniform(0.35, 0.75), rng.uniform(-0.6, 0.5)])
        offset *= min(1.0, 0.82 / np.linalg.norm(offset))
        knot = Ellipsoid(center + turn @ (offset * radii), rng.uniform(1.2, 5.0, 3), random_rotation(rng))
        kind = str(rng.choice(["peripheral_zone", "transition_zone", "prostate_capsule"]))
        opacity = rng.uniform(0.4, 1.0)
        body.add(knot, kind, 0.25, rough_mm=0.6, soft_mm=1.2, opacity=opacity, obstacle=False)


def add_masses(body: Body, bladder: np.ndarray, rectum: np.ndarray) -> None:
    """Tumors of rectum and bladder, a diverticulum, foci in bone, abscesses, cysts under the skin.

    Args:
        body: The pelvis.
        bladder: As `viscera.add_bladder` gives it.
        rectum: Path of the rectum, columns x, y, z, radius in mm.
    """
    rng = body.rng
    look = Texture(0.1, (6, 6, 6))
    if rng.random() < 0.12:
        at = rectum[rng.integers(len(rectum) // 2)]
        place = at[:3] + random_direction(body) * 0.8 * at[3]
        mass = Ellipsoid(place, rng.uniform(4, 14) * rng.uniform(0.7, 1.2, 3), random_rotation(rng))
        body.add(mass, "tumor", 0.1, late=True, rough_mm=1.2, soft_mm=1.0, texture=look)
    if rng.random() < 0.06:
        place = bladder[:3] + random_direction(body) * 0.93 * bladder[3:]
        body.add(round_mass(body, place, 2.5, 10), "tumor", 0.1, rough_mm=0.8, soft_mm=0.6, texture=look)
    if rng.random() < 0.05:
        place = bladder[:3] + random_direction(body) * (bladder[3:] + 9)
        add_sac(body, round_mass(body, place, 4, 12), body.palette.signal("urine"), 1.2)
    bones = [(99, 18, 76), (66, 54, 66), (88, 14, 40), (91, 0, 0), (74, 32, 2), (20, 66, 80), (12, -55, -27)]
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.2 else 0):
        x, y, z = bones[rng.integers(len(bones))]
        place = np.array([rng.choice([-1, 1]) * x, y, z]) + rng.normal(0, 4, 3)
        kind = str(rng.choice(["tumor", "red_marrow", "follicle", "cortex"]))
        opacity = rng.uniform(0.4, 1.0)
        body.add(round_mass(body, place, 2, 9), kind, 0.2, soft_mm=1.0, rough_mm=0.8, opacity=opacity)
    if rng.random() < 0.06:
        place = (rng.choice([-1, 1]) * rng.uniform(6, 28), rng.uniform(20, 62), rng.uniform(-66, -30))
        add_sac(body, round_mass(body, place, 3, 10), body.palette.other(PUS), 1.4)
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.1 else 0):
        _add_under_skin(body)


def _add_under_skin(body: Body) -> None:
    """A cyst of keratin or fluid close below the skin."""
    rng = body.rng
    radius, angle = rng.uniform(2, 7), rng.uniform(0, 2 * np.pi)
    share = 1.0 - (radius + rng.uniform(4, 9)) / min(body.trunk.size)
    width, depth = body.trunk.size
    place = (
        share * width * np.cos(angle),
        body.trunk.center_y_mm + share * depth * np.sin(angle),
        rng.uniform(-60, 90),
    )
    ball = Ellipsoid(place, radius * rng.uniform(0.8, 1.2, 3))
    add_sac(body, ball, body.palette.other(KERATIN) if rng.random() < 0.6 else fluid_signal(body), 0.5)


def any_fluid(body: Body) -> Signal:
    """Of a cyst: mostly clear, else with protein or old blood."""
    kind = body.rng.random()
    if kind < 0.6:
        return fluid_signal(body)
    return body.palette.other(GEL if kind < 0.8 else OLD_BLOOD)


def random_direction(body: Body) -> np.ndarray:
    """A unit vector at random."""
    vector = body.rng.normal(0, 1, 3)
    return vector / np.linalg.norm(vector)


def round_mass(body: Body, place: ArrayLike, smallest_mm: float, largest_mm: float) -> Ellipsoid:
    """A roundish shape of a radius between two limits, small ones more often."""
    rng = body.rng
    radius = smallest_mm * (largest_mm / smallest_mm) ** rng.random()
    return Ellipsoid(place, radius * rng.uniform(0.75, 1.25, 3), random_rotation(rng))
