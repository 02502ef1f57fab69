"""Iliac and femoral vessels with their branches, and the nerves that run beside them."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, Vessel, mirrored
from .shapes import Ellipsoid, tube
from .tissues import Signal


def add_vessels(body: Body, slow_flow_share: float) -> None:
    """Great vessels of both sides, branches, small vessels and nerves.

    Args:
        body: The pelvis.
        slow_flow_share: Probability that a vein flows slowly: bright on T2 and on high b-values.
    """
    for side, sign in SIDES:
        add_great_vessels(body, side, sign, slow_flow_share)
        add_branches(body, side, sign, slow_flow_share)
        add_nerves(body, sign)


def vein_signal(body: Body, slow_flow_share: float) -> Signal:
    """A vein's signal: a flow void of some depth, or slow-flowing bright blood."""
    if body.rng.random() < slow_flow_share:
        return body.palette.signal("blood", 0.25)
    void, blood = body.palette.signal("flow_void", 0.2), body.palette.signal("blood", 0.2)
    share = float(body.rng.beta(1.2, 3.0))
    return Signal(void.t2 + share * (blood.t2 - void.t2), void.dwi + share * 0.5 * (blood.dwi - void.dwi))


def add_great_vessels(body: Body, side: str, s: float, slow: float) -> None:
    """Common, external and internal iliac and femoral artery and vein of one side."""
    rng = body.rng
    wide = rng.uniform(0.85, 1.15)
    artery = [
        (6, 2, 150, 6.5), (20, 4, 128, 6.0), (36, 12, 104, 5.5), (50, 2, 80, 4.6), (62, -20, 54, 4.4),
        (70, -46, 30, 4.3), (74, -66, 6, 4.4), (76, -72, -25, 4.4), (82, -66, -70, 3.8), (86, -55, -120, 3.4),
    ]  # fmt: skip
    path = body.tube([(x, y, z, r * wide) for x, y, z, r in mirrored(artery, s)])
    body.add_vessel(path, body.palette.signal("flow_void", 0.3), 0.9)
    names = (("common_iliac", 4), ("external_iliac", 5), ("inguinal", 99))
    border = {"common_iliac": (104, 200), "external_iliac": (8, 104), "inguinal": (-90, 8)}
    away = {"common_iliac": (0.3 * s, 0.4, 0), "external_iliac": (-0.5 * s, 0.3, 0), "inguinal": (0, -0.6, 0)}
    for name, _ in names:
        low, high = border[name]
        part = path[(path[:, 2] >= low) & (path[:, 2] < high)]
        body.vessels.append(Vessel(name, side, part, np.array(away[name])))
    vein = [
        (12, 14, 140, 7.5), (26, 18, 116, 7.0), (42, 22, 98, 6.5), (48, 12, 78, 5.8), (58, -8, 54, 5.6),
        (63, -36, 30, 5.6), (64, -60, 6, 5.8), (64, -64, -25, 5.8), (74, -58, -70, 5.0), (84, -46, -120, 4.2),
    ]  # fmt: skip
    path = body.tube([(x, y, z, r * rng.uniform(0.85, 1.2)) for x, y, z, r in mirrored(vein, s)])
    body.add_vessel(path, vein_signal(body, slow), 0.6, (1.0, rng.uniform(1.0, 1.25), 1.0))
    part = path[(path[:, 2] >= 8) & (path[:, 2] < 90)]
    body.vessels.append(Vessel("external_iliac", side, part, np.array([-0.8 * s, 0.3, -0.2])))


def add_branches(body: Body, side: str, s: float, slow: float) -> None:
    """Branches of the iliac vessels, each a vein or two beside an artery."""
    rng = body.rng
    trunk = [(38, 14, 102, 4.0), (42, 32, 86, 4.0), (44, 44, 68, 3.4), (44, 50, 48, 2.8)]
    branches = {
        "internal_iliac": trunk,
        "gluteal": [(43, 36, 80, 3.2), (50, 58, 66, 3.0), (66, 72, 52, 2.6), (92, 82, 44, 2.0)],
        "obturator": [
            (44, 40, 66, 1.8),
            (51, 20, 44, 1.7),
            (53, -4, 20, 1.6),
            (48, -30, -4, 1.5),
            (46, -40, -20, 1.2),
        ],
        "pudendal": [
            (44, 50, 48, 2.4),
            (50, 62, 26, 2.2),
            (52, 62, 4, 2.0),
            (46, 44, -26, 1.6),
            (34, 20, -44, 1.2),
        ],
        "vesical": [(44, 44, 56, 1.8), (38, 26, 34, 1.7), (27, 8, 18, 1.5), (20, -4, 10, 1.2)],
        "rectal": [(42, 50, 44, 1.6), (26, 56, 26, 1.4), (16, 50, 10, 1.1)],
        "superior_rectal": [
            (4, 40, 110, 2.0),
            (6, 52, 84, 1.8),
            (10, 70, 58, 1.6),
            (15, 66, 34, 1.3),
            (14, 54, 10, 1.0),
        ],
        "lateral_sacral": [(42, 40, 82, 1.6), (30, 62, 64, 1.4), (22, 72, 46, 1.2)],
        "epigastric": [(68, -58, 14, 1.5), (52, -72, 40, 1.3), (34, -78, 80, 1.1)],
        "circumflex": [(76, -66, 8, 1.6), (98, -66, 26, 1.3), (122, -56, 50, 1.1)],
        "saphenous": [(66, -70, -26, 2.6), (54, -84, -50, 2.3), (50, -80, -110, 2.0)],
        "superficial": [(72, -78, -18, 1.4), (58, -92, 6, 1.2), (46, -100, 40, 1.0)],
        "profunda": [(80, -64, -36, 2.6), (92, -46, -62, 2.4), (96, -30, -110, 2.0)],
    }
    stations = {
        "internal_iliac": ("internal_iliac", (-0.3, 0.2, 0)),
        "obturator": ("obturator", (-0.6, 0, 0)),
        "rectal": ("mesorectal", (0, 0, 0)),
        "superior_rectal": ("mesorectal", (0.3, 0.2, 0)),
        "lateral_sacral": ("presacral", (0, -0.4, 0)),
        "vesical": ("parametrial", (0, 0, 0)),
        "saphenous": ("inguinal", (0, -0.5, 0)),
        "superficial": ("inguinal", (0, 0, 0)),
        "gluteal": ("internal_iliac", (0, 0, 0)),
    }
    for name, points in branches.items():
        path = body.tube(mirrored(points, s), 2.5, 7.0)
        body.add_vessel(path, body.palette.signal("flow_void", 0.4), 0.4)
        for _ in range(rng.integers(1, 3)):
            shift = rng.normal(0, 1, 3)
            shift *= (path[0, 3] * rng.uniform(2.2, 3.2)) / np.linalg.norm(shift)
            beside = path + np.array([*shift, 0.0])
            beside[:, :3] += rng.normal(0, 0.6, (len(path), 3))
            beside[:, 3] *= rng.uniform(1.0, 1.6)
            body.add_vessel(beside, vein_signal(body, min(1.6 * slow, 0.9)), 0.3)
        if name in stations:
            station, away = stations[name]
            body.vessels.append(Vessel(station, side, path, np.array(away) * np.array([s, 1.0, 1.0])))


def add_nerves(body: Body, s: float) -> None:
    """Sacral roots with ganglia, sciatic, femoral and obturator nerve of one side."""
    roots = [(23, 48, 98), (20, 68, 74), (16, 80, 50)]
    goal = (52, 64, 30)
    signal = body.palette.signal("nerve", 0.05)
    for x, y, z in roots:
        points = [
            (x, y + 8, z, 2.2),
            (x + 6, y - 2, z - 8, 2.4),
            ((x + goal[0]) / 2 + 3, (y + goal[1]) / 2, (z + goal[2]) / 2, 2.6),
            (*goal, 2.8),
        ]
        body.add(tube(body.tube(mirrored(points, s), 1.5)), "nerve", signal=signal, rough_mm=0.3)
        node = mirrored([(x, y + 7, z)], s)[0]
        body.add(Ellipsoid(node, (3.2, 4.5, 3.2)), "ganglion", variation=0.1)
    paths: dict[str, list[tuple[float, ...]]] = {
        "sciatic": [(52, 64, 30, 4.0), (66, 66, 6, 4.5), (76, 60, -40, 4.5), (80, 50, -120, 4.2)],
        "femoral": [(62, 10, 110, 2.0), (76, -14, 60, 2.0), (88, -58, 12, 2.2), (92, -68, -20, 1.8)],
        "obturator": [(40, 24, 100, 1.5), (50, 14, 56, 1.5), (52, -10, 22, 1.4), (46, -36, -16, 1.3)],
    }
    for line in paths.values():
        body.add(tube(body.tube(mirrored(line, s), 1.5)), "nerve", signal=signal, rough_mm=0.3)
