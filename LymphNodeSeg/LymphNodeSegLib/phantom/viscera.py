"""Bladder, rectum, bowel, and the organs of either sex."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, mirrored
from .render import Layer, Texture
from .shapes import (
    Capsule,
    Ellipsoid,
    Shape,
    Shell,
    random_rotation,
    rotation_from_degrees,
    smooth_path,
    tube,
)


def add_viscera(body: Body, female: bool) -> None:
    """Everything between the pelvic walls."""
    add_bowel(body)
    bladder = add_bladder(body, female)
    if female:
        add_uterus(body, bladder)
        for _, sign in SIDES:
            add_ovary(body, sign)
    else:
        add_prostate(body)
    add_rectum(body)


def add_bladder(body: Body, female: bool) -> np.ndarray:
    """Bladder with wall and layered urine; returns its center and semi-axes, six numbers."""
    rng = body.rng
    full = rng.uniform(0.0, 1.0)
    radii = np.array([24 + 22 * full, 20 + 16 * full, 13 + 24 * full]) * rng.uniform(0.9, 1.1, 3)
    base = 16 if not female else 6
    center = np.array([rng.normal(0, 3), -30 + 4 * full, base + radii[2]])
    turn = rotation_from_degrees(rng.uniform(-20, 5), 0, rng.normal(0, 6))
    shape = Ellipsoid(center, radii, turn, bend_per_mm=rng.uniform(-0.004, 0.004))
    wall = rng.uniform(2.2, 5.0)
    body.add(shape, "bladder_wall", grow_mm=wall, rough_mm=0.5)
    body.add(shape, "urine", rough_mm=0.4, texture=Texture(0.03, (20, 20, 20)))
    return np.concatenate([center, radii])


def add_prostate(body: Body) -> None:
    """Prostate with zones, verumontanum and seminal vesicles."""
    rng = body.rng
    size = rng.uniform(0.85, 1.35)
    radii = np.array([24, 17, 20]) * size
    center = np.array([rng.normal(0, 1.5), -2 + 3 * size, -6])
    turn = rotation_from_degrees(rng.uniform(10, 25), 0, 0)
    outer = Ellipsoid(center, radii, turn)
    body.add(outer, "prostate_capsule", grow_mm=0.9, soft_mm=0.8)
    grain = Texture(rng.uniform(0.08, 0.2), (5, 5, 5))
    body.add(outer, "peripheral_zone", variation=0.1, grow_mm=-0.4, texture=grain, rough_mm=0.6)
    inner = Ellipsoid(center + turn @ [0, -0.22 * radii[1], 0.12 * radii[2]], radii * [0.72, 0.72, 0.8], turn)
    body.add(inner, "prostate_capsule", grow_mm=0.8, opacity=0.7, rough_mm=0.5)
    body.add(inner, "transition_zone", texture=Texture(0.3, (7, 7, 7)), rough_mm=0.8)
    for _ in range(rng.integers(0, 9)):
        direction = rng.normal(0, 1, 3)
        place = inner.center_mm + turn @ (direction / np.linalg.norm(direction) * inner.radii_mm * 0.6)
        knot = Ellipsoid(place, rng.uniform(2.5, 7.5, 3) * size, random_rotation(rng))
        body.add(knot, "prostate_capsule", grow_mm=0.7, opacity=0.7)
        body.add(knot, "transition_zone", variation=0.3, texture=Texture(0.2, (4, 4, 4)))
    stroma = Ellipsoid(center + turn @ [0, -0.8 * radii[1], 0], radii * [0.5, 0.28, 0.8], turn)
    body.add(stroma, "muscle", variation=0.1, soft_mm=3.0, rough_mm=1.0)
    body.add(
        Capsule(center + np.array([0, -2, 12]), center + np.array([0, 1, -18]), 1.6, 2.0),
        "mucosa",
        soft_mm=1.0,
    )
    if rng.random() < 0.35:
        spot = center + turn @ (np.array([rng.choice([-0.5, 0.5]), 0.62, rng.uniform(-0.5, 0.4)]) * radii)
        body.add(Ellipsoid(spot, rng.uniform(3, 7, 3)), "tumor", soft_mm=2.0, rough_mm=1.0)
    lumen = body.palette.signal("seminal_vesicle", 0.1)
    for _, s in SIDES:
        path = [
            (4 + 11 * t, 15 + 3 * np.sin(9 * t), 15 + 9 * t + 4 * np.sin(13 * t), 3.2)
            for t in np.linspace(0, 2.4, 9)
        ]
        folds = tube(smooth_path(body.jitter(mirrored(path, s), 1.8), 5.0))
        body.add(folds, "prostate_capsule", grow_mm=0.9)
        body.add(
            folds,
            "seminal_vesicle",
            signal=lumen,
            late=True,
            obstacle=False,
            texture=Texture(0.25, (4, 4, 4)),
        )
    bulb = Ellipsoid((0, -18, -44), (9, 10, 15))
    body.add(bulb, "seminal_vesicle", variation=0.2, opacity=0.7, rough_mm=0.6)
    for _, s in SIDES:
        body.add(Capsule((s * 20, -8, -52), (s * 7, -42, -50), 7, 7), "seminal_vesicle", opacity=0.75)
        cord = smooth_path(mirrored([(60, -64, 20, 5), (44, -82, -8, 6), (30, -88, -50, 7)], s), 12.0)
        body.add(tube(cord), "fat")
        body.add(tube(body.jitter(cord * [1, 1, 1, 0.35], 1.0)), "blood", variation=0.3, late=True)


def add_uterus(body: Body, bladder: np.ndarray) -> None:
    """Uterus with zones, cervix and vagina; now and then with a myoma, a tumor or a tampon."""
    rng = body.rng
    size = rng.uniform(0.75, 1.25)
    top = bladder[2] + bladder[5]
    cervix = np.array([rng.normal(0, 3), 14 + rng.normal(0, 2), 12.0])
    backward = rng.random() < 0.25
    lean = rng.uniform(35, 75) * (-1 if backward else 1)
    lean_axis = np.array(
        [0.06 * rng.normal(), -np.sin(np.radians(lean)) * 0.75, np.cos(np.radians(lean)) + 0.5]
    )
    lean_axis /= np.linalg.norm(lean_axis)
    side = np.cross(lean_axis, [1.0, 0, 0])
    side /= np.linalg.norm(side)
    frame = np.column_stack([np.cross(side, lean_axis), side, lean_axis])
    middle = cervix + lean_axis * (14 + 24 * size)
    middle[2] = max(middle[2], 0.72 * top) if not backward else middle[2]
    radii = np.array([25, 19, 29]) * size
    body.add(
        [Ellipsoid(middle, radii, frame), Capsule(cervix, middle, 12.5 * size, 15 * size)],
        "myometrium", variation=0.05, texture=Texture(0.14, (5, 5, 5)), rough_mm=0.6, soft_mm=0.5,
    )  # fmt: skip
    for _ in range(rng.integers(0, 4) if rng.random() < 0.4 else 0):
        spot = middle + frame @ (rng.normal(0, 0.5, 3) * radii)
        body.add(
            Ellipsoid(spot, rng.uniform(4, 16) * rng.uniform(0.8, 1.2, 3)),
            "junctional_zone",
            variation=0.15,
            rough_mm=0.5,
            texture=Texture(0.2, (4, 4, 4)),
        )
    thick = rng.uniform(1.5, 7.0)
    cavity = Ellipsoid(
        middle + frame @ [0, 0, 0.1 * radii[2]], np.array([0.5 * radii[0], thick, 0.62 * radii[2]]), frame
    )
    body.add(cavity, "junctional_zone", grow_mm=rng.uniform(3, 6), rough_mm=0.8, soft_mm=1.5)
    body.add(cavity, "endometrium", rough_mm=0.6, soft_mm=1.0)
    body.add(
        Capsule(cervix - lean_axis * 10, middle, 13 * size, 11 * size),
        "cervix",
        texture=Texture(0.1, (4, 4, 4)),
        rough_mm=0.5,
    )
    body.add(Capsule(cervix - lean_axis * 8, cervix + lean_axis * 14, 7.5, 6), "cervix_stroma", soft_mm=1.0)
    body.add(
        Capsule(cervix - lean_axis * 8, cervix + lean_axis * 16, 2.6, 2.0, (0.6, 1.2, 1.0)),
        "endometrium",
        variation=0.1,
    )
    if rng.random() < 0.4:
        tumor = Ellipsoid(
            cervix + rng.normal(0, 3, 3), rng.uniform(6, 17) * rng.uniform(0.8, 1.2, 3), random_rotation(rng)
        )
        body.add(tumor, "tumor", rough_mm=1.2, soft_mm=1.0, texture=Texture(0.12, (4, 4, 4)))
    tract = smooth_path(
        [(*(cervix - lean_axis * 9), 8), (0, 6, -12, 7), (0, -6, -38, 6), (0, -14, -58, 6)], 9.0
    )
    wide = (0.5, 1.35, 1.0)
    body.add(tube(tract, wide), "vagina", grow_mm=2.0, rough_mm=0.5)
    filling = "gas" if rng.random() < 0.15 else "mucosa"
    body.add(tube(tract * [1, 1, 1, 0.25], wide), filling, late=True, soft_mm=1.0)
    for _, s in SIDES:
        start = middle + frame @ [s * 0.8 * radii[0], 0, 0.4 * radii[2]]
        ligament = smooth_path(np.array([[*start, 3], [s * 45, -20, 52, 2.2], [s * 66, -50, 28, 1.8]]), 10.0)
        body.add(tube(ligament), "septum", rough_mm=0.5)
        for _ in range(10):
            spot = cervix + np.array([s * rng.uniform(17, 34), rng.normal(0, 6), rng.normal(6, 9)])
            path = np.array([[*spot, rng.uniform(0.8, 2.0)], [*(spot + rng.normal(0, 8, 3)), 1.0]])
            body.add_vessel(
                smooth_path(path, 6.0),
                body.palette.signal("blood" if rng.random() < 0.6 else "flow_void", 0.3),
                0.4,
            )


def add_ovary(body: Body, s: float) -> None:
    """One ovary with follicles, and now and then a cyst."""
    rng = body.rng
    center = np.array([s * rng.uniform(32, 50), rng.uniform(0, 32), rng.uniform(38, 66)])
    radii = rng.uniform(0.7, 1.2) * np.array([10.0, 8.0, 14.0])
    turn = random_rotation(rng)
    body.add(
        Ellipsoid(center, radii, turn), "ovary", variation=0.1, rough_mm=0.5, texture=Texture(0.15, (4, 4, 4))
    )
    for _ in range(rng.integers(0, 12)):
        direction = rng.normal(0, 1, 3)
        spot = center + turn @ (direction / np.linalg.norm(direction) * radii * rng.uniform(0.3, 0.75))
        body.add(Ellipsoid(spot, np.full(3, rng.uniform(1.2, 4.2))), "follicle", variation=0.15, soft_mm=0.4)
    if rng.random() < 0.12:
        body.add(
            Ellipsoid(center + rng.normal(0, 4, 3), np.full(3, rng.uniform(9, 22))), "follicle", variation=0.3
        )


def add_gas(body: Body, place: np.ndarray, radius: float) -> Shape:
    """A bubble; it is remembered, because it distorts the DWI."""
    body.gas.append(np.array([*place, radius]))
    return Ellipsoid(place, np.array([radius, 0.8 * radius, radius]))


def add_rectum(body: Body) -> None:
    """Mesorectal fascia, rectum with wall, mucosa, stool and gas, anal canal."""
    rng = body.rng
    wide = rng.uniform(0.75, 1.6)
    points = [
        (18 * rng.normal(), 44, 112, 11 * wide), (10 * rng.normal(), 60, 92, 11 * wide),
        (0, 68, 66, 12 * wide),
        (0, 62, 40, 13 * wide), (0, 46, 14, 14 * wide), (0, 34, -12, 11), (0, 32, -34, 7), (0, 42, -58, 6.5),
    ]  # fmt: skip
    path = body.tube(points, 2.5, 10.0)
    fascia = np.column_stack(
        [path[:, :3] + [0, 3, 0], np.interp(path[:, 2], [-30, 0, 40, 100], [9, 22, 34, 30])]
    )
    for part in tube(fascia[path[:, 2] > -20]):
        body.layers.insert(body_fat_end(body), septum_layer(body, part))
    wall = rng.uniform(2.2, 4.0)
    body.add(tube(path), "rectal_wall", grow_mm=wall, rough_mm=0.7)
    body.add(tube(path), "mucosa", rough_mm=0.9, texture=Texture(0.25, (3, 3, 3)))
    filling = str(rng.choice(["stool", "mucosa", "bowel_fluid"], p=[0.55, 0.3, 0.15]))
    lumen = path * [1, 1, 1, rng.uniform(0.45, 0.85)]
    body.add(
        tube(lumen),
        filling,
        variation=0.3,
        rough_mm=1.5,
        soft_mm=0.8,
        texture=Texture(0.35, (5, 5, 5)),
        late=True,
    )
    for _ in range(rng.integers(0, 4)):
        n = rng.integers(0, len(path))
        bubble = add_gas(body, path[n, :3] - [0, 0.4 * path[n, 3], 0], lumen[n, 3] * rng.uniform(0.4, 0.95))
        body.add(bubble, "gas", late=True, soft_mm=0.5)
    sphincter = path[path[:, 2] < -18]
    body.add(tube(sphincter * [1, 1, 1, 1.0]), "muscle", grow_mm=5.0, rough_mm=0.7)
    body.add(tube(sphincter * [1, 1, 1, 0.75]), "rectal_wall", rough_mm=0.5)


def body_fat_end(body: Body) -> int:
    """The index in the layers behind skin, fat and septa, where sheets in fat belong."""
    return 3


def septum_layer(body: Body, part: Shape) -> Layer:
    """A thin dark sheet around a part of a tube."""
    return Layer(Shell(part, 1.0), body.palette.signal("septum"), opacity=0.35, rough_mm=0.5)


def add_bowel(body: Body) -> None:
    """Loops of small and large bowel that wander through the upper pelvis."""
    rng = body.rng
    for _ in range(rng.integers(3, 8)):
        large = rng.random() < 0.3
        radius = rng.uniform(11, 20) if large else rng.uniform(6, 11)
        place = np.array([rng.uniform(-70, 70), rng.uniform(-60, 20), rng.uniform(62, 125)])
        heading = rng.normal(0, 1, 3)
        points = []
        for _ in range(rng.integers(5, 11)):
            heading = 0.6 * heading / np.linalg.norm(heading) + 0.55 * rng.normal(0, 1, 3)
            place = place + 17.0 * heading / np.linalg.norm(heading)
            low, high = np.array([-78, -72, 52 + radius]), np.array([78, 30, 190])
            place = np.clip(place, low, high)
            points.append([*place, radius * rng.uniform(0.75, 1.2)])
        path = smooth_path(points, 8.0)
        body.add(tube(path), "rectal_wall", variation=0.1, grow_mm=rng.uniform(1.2, 2.6), rough_mm=0.8)
        filling = str(rng.choice(["stool", "mucosa", "bowel_fluid"], p=[0.4, 0.3, 0.3]))
        inside = Texture(0.35, (5, 5, 5))
        body.add(
            tube(path), filling, variation=0.3, rough_mm=1.2, soft_mm=0.6, texture=inside, obstacle=False
        )
        for _ in range(rng.integers(0, 4) if large else rng.integers(0, 2)):
            n = rng.integers(0, len(path))
            bubble = add_gas(body, path[n, :3] - [0, 0.3 * radius, 0], path[n, 3] * rng.uniform(0.4, 0.9))
            body.add(bubble, "gas", soft_mm=0.5, obstacle=False)
