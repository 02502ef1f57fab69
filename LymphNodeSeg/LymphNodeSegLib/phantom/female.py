"""Uterus, vagina and ovaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .anatomy import SIDES, Body
from .curves import random_rotation, smooth_path
from .layers import Texture
from .shapes import Capsule, Ellipsoid, Tube, Union


@dataclass(frozen=True)
class Uterus:
    """Where the uterus lies.

    Attributes:
        cervix: Center of the cervix, mm.
        corpus: Outline of the corpus.
        cavity: Outline of its endometrium.
    """

    cervix: np.ndarray
    corpus: Ellipsoid
    cavity: Ellipsoid


def add_female_organs(body: Body, bladder: np.ndarray) -> Uterus:
    """All organs of a female pelvis but bladder and bowel.

    Args:
        body: The pelvis.
        bladder: Center and semi-axes of the bladder, six numbers in mm.
    """
    uterus = add_uterus(body, bladder)
    for _, sign in SIDES:
        add_ovary(body, sign)
    return uterus


def add_uterus(body: Body, bladder: np.ndarray) -> Uterus:
    """Uterus with its zones, cervix, ligaments and vagina; now and then a myoma, a tumor, a tampon."""
    rng = body.rng
    size = rng.uniform(0.72, 1.2)
    cervix = np.array([rng.normal(0, 3), 14 + rng.normal(0, 2), 12.0])
    lean = np.radians(rng.uniform(25, 70) * (-1 if rng.random() < 0.25 else 1))
    axis = np.array([0.08 * rng.normal(), -0.8 * np.sin(lean), np.cos(lean) + 0.45])
    axis /= np.linalg.norm(axis)
    across = np.cross(axis, [1.0, 0, 0])
    across /= np.linalg.norm(across)
    frame = np.column_stack([np.cross(across, axis), across, axis])
    middle = cervix + axis * (14 + 24 * size)
    # A full bladder lifts the corpus.
    near = np.exp(-(((middle[1] - bladder[1]) / 30.0) ** 2))
    middle[2] = max(middle[2], near * (bladder[2] + bladder[5] + 14 * size))
    radii = np.array([25, 18, 29]) * size
    corpus = Ellipsoid(middle, radii, frame)
    whole = Union(corpus, Capsule(cervix, middle, 12.5 * size, 14 * size))
    look = Texture(0.10, (7, 7, 7), streak_amount=-0.15, streak_width=0.15)
    body.add(whole, "myometrium", 0.05, texture=look, rough_mm=0.5, soft_mm=0.6)
    add_myomas(body, middle, radii, frame)
    thick = rng.uniform(1.5, 6.5)
    cavity = Ellipsoid(
        middle + frame @ [0, 0, 0.1 * radii[2]], (0.5 * radii[0], thick, 0.6 * radii[2]), frame
    )
    zone = rng.uniform(3, 6)
    body.add(cavity, "junctional_zone", grow_mm=zone, rough_mm=0.8, soft_mm=2.0, obstacle=False)
    body.add(
        cavity, "endometrium", rough_mm=0.6, soft_mm=1.0, texture=Texture(0.08, (5, 5, 5)), obstacle=False
    )
    add_cervix(body, cervix, middle, axis, size)
    add_vagina(body, cervix - axis * 9)
    for _, s in SIDES:
        start = middle + frame @ [s * 0.8 * radii[0], 0, 0.4 * radii[2]]
        round_ligament = np.array([[*start, 2.6], [s * 45, -24, 52, 1.9], [s * 66, -56, 28, 1.5]])
        body.add(Tube(smooth_path(round_ligament, 12.0)), "septum", rough_mm=0.4)
        back = np.array([[*cervix, 2.6], [s * 24, 36, 22, 2.2], [s * 24, 62, 36, 1.2]])
        body.add(Tube(smooth_path(back, 12.0)), "septum", rough_mm=0.6, opacity=0.7)
    return Uterus(cervix, corpus, cavity)


def add_myomas(body: Body, middle: np.ndarray, radii: np.ndarray, frame: np.ndarray) -> None:
    """Dark, whorled balls in the wall of the uterus, in four of ten."""
    rng = body.rng
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.4 else 0):
        spot = middle + frame @ (rng.normal(0, 0.5, 3) * radii)
        ball = Ellipsoid(spot, rng.uniform(4, 16) * rng.uniform(0.8, 1.2, 3))
        body.add(ball, "junctional_zone", 0.15, rough_mm=0.5, soft_mm=0.4, texture=Texture(0.2, (5, 5, 5)))


def add_cervix(body: Body, cervix: np.ndarray, middle: np.ndarray, axis: np.ndarray, size: float) -> None:
    """Outer stroma, dark inner stroma, bright canal; in four of ten a tumor."""
    rng = body.rng
    outer = Capsule(cervix - axis * 10, cervix + 0.6 * (middle - cervix), 13 * size, 11 * size)
    body.add(outer, "cervix", texture=Texture(0.08, (6, 6, 6)), rough_mm=0.5, soft_mm=0.8)
    inner = Capsule(cervix - axis * 8, cervix + axis * 14, 7.5, 6)
    body.add(inner, "cervix_stroma", soft_mm=1.5, rough_mm=0.5, obstacle=False)
    canal = Capsule(cervix - axis * 8, cervix + axis * 16, 2.4, 2.0, (0.6, 1.2, 1.0))
    body.add(canal, "endometrium", 0.1, soft_mm=0.8, obstacle=False)
    if rng.random() < 0.4:
        radii = rng.uniform(6, 17) * rng.uniform(0.8, 1.2, 3)
        tumor = Ellipsoid(cervix + rng.normal(0, 3, 3), radii, random_rotation(rng))
        body.add(tumor, "tumor", rough_mm=1.0, soft_mm=1.2, texture=Texture(0.1, (6, 6, 6)))


def add_vagina(body: Body, top: np.ndarray) -> None:
    """Flat tube with mucosa, or with a tampon's gas."""
    rng = body.rng
    points = [(*top, 7.5), (0, 6, -12, 7), (0, -6, -38, 6), (0, -14, -58, 6)]
    tract = Tube(smooth_path(points, 10.0), (0.5, 1.5, 1.0))
    body.add(tract, "vagina", grow_mm=1.0, rough_mm=0.5, soft_mm=0.5)
    tampon = rng.random() < 0.12
    body.add(tract, "gas" if tampon else "mucosa", 0.15, grow_mm=-4.0, late=True, soft_mm=1.2, obstacle=False)
    if tampon:
        body.gas.append(np.array([0.0, 6.0, -12.0, 4.0]))
    urethra = Capsule((0, -26, 6), (0, -32, -32), 5.5, 5.0)
    body.add(urethra, "rectal_wall", 0.1, soft_mm=0.8, rough_mm=0.4)
    body.add(urethra, "mucosa", 0.1, grow_mm=-3.0, soft_mm=1.0, obstacle=False)


def add_ovary(body: Body, s: float) -> None:
    """One ovary with follicles; in one of eight a cyst."""
    rng = body.rng
    center = np.array([s * rng.uniform(30, 48), rng.uniform(0, 32), rng.uniform(36, 66)])
    radii = rng.uniform(0.65, 1.2) * np.array([10.0, 8.0, 14.0])
    turn = random_rotation(rng)
    look = Texture(0.15, (5, 5, 5))
    body.add(Ellipsoid(center, radii, turn), "ovary", 0.1, rough_mm=0.5, soft_mm=0.4, texture=look)
    for _ in range(int(rng.integers(0, 12))):
        direction = rng.normal(0, 1, 3)
        spot = center + turn @ (direction / np.linalg.norm(direction) * radii * rng.uniform(0.3, 0.75))
        ball = Ellipsoid(spot, np.full(3, rng.uniform(1.2, 4.2)))
        body.add(ball, "follicle", 0.15, soft_mm=0.4, obstacle=False)
    if rng.random() < 0.12:
        cyst = Ellipsoid(center + rng.normal(0, 4, 3), np.full(3, rng.uniform(8, 20)))
        body.add(cyst, "ovary", 0.1, grow_mm=1.0)
        body.add(cyst, "follicle", 0.3, obstacle=False)
