"""Iliac and femoral vessels with their branches, and the nerves that run beside them."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, Vessel, mirrored
from .curves import smooth_path
from .shapes import Ellipsoid, Tube
from .tissues import Signal

Points = list[tuple[float, float, float, float]]

# Paths of the left side: x, y, z, radius in mm.
ARTERY: Points = [
    (6, 2, 150, 6.5), (18, 4, 128, 6.0), (34, 14, 108, 5.4), (48, -2, 84, 4.6), (60, -28, 54, 4.4),
    (70, -54, 28, 4.3), (75, -70, 6, 4.4), (78, -76, -25, 4.4), (82, -70, -70, 3.8), (84, -58, -120, 3.4),
]  # fmt: skip
VEIN: Points = [
    (12, 16, 142, 7.5), (24, 20, 120, 7.0), (38, 24, 104, 6.5), (46, 8, 82, 5.8), (55, -16, 54, 5.6),
    (62, -44, 28, 5.6), (65, -64, 6, 5.8), (66, -68, -25, 5.8), (75, -62, -70, 5.0), (82, -50, -120, 4.2),
]  # fmt: skip
BRANCHES: dict[str, Points] = {
    "internal_iliac": [(36, 16, 105, 4.0), (41, 32, 88, 4.0), (43, 45, 70, 3.4), (43, 52, 50, 2.8)],
    "gluteal": [(42, 38, 82, 3.2), (50, 60, 68, 3.0), (68, 76, 54, 2.6), (94, 84, 46, 2.0)],
    "obturator": [
        (43, 42, 68, 1.8), (47, 22, 46, 1.7), (47, -2, 22, 1.6), (46, -28, -4, 1.5), (46, -40, -22, 1.2),
    ],
    "pudendal": [
        (43, 52, 50, 2.4), (48, 64, 28, 2.2), (50, 64, 4, 2.0), (45, 46, -28, 1.6), (34, 20, -46, 1.2),
    ],
    "vesical": [(43, 46, 58, 1.8), (38, 28, 36, 1.7), (28, 10, 18, 1.5), (22, -4, 8, 1.2)],
    "rectal": [(42, 52, 46, 1.6), (26, 58, 28, 1.4), (17, 52, 10, 1.1)],
    "superior_rectal": [
        (3, 36, 116, 2.0), (6, 50, 88, 1.8), (12, 72, 60, 1.6), (19, 68, 36, 1.3), (18, 56, 10, 1.0),
    ],
    "lateral_sacral": [(41, 42, 84, 1.6), (30, 64, 66, 1.4), (22, 74, 46, 1.2)],
    "epigastric": [(69, -62, 14, 1.5), (52, -76, 40, 1.3), (34, -84, 80, 1.1)],
    "circumflex": [(77, -70, 8, 1.6), (98, -68, 26, 1.3), (122, -56, 50, 1.1)],
    "saphenous": [(68, -76, -26, 2.6), (56, -88, -50, 2.3), (50, -84, -110, 2.0)],
    "superficial": [(74, -84, -14, 1.4), (60, -96, 6, 1.2), (48, -104, 40, 1.0)],
    "profunda": [(82, -66, -36, 2.6), (94, -48, -62, 2.4), (98, -32, -110, 2.0)],
}  # fmt: skip
AT_THE_WALL = ("obturator", "vesical")
"""Branches on the inner side of the obturator muscle, wherever that is."""
# Branch: the station of its nodes, and on which side of it they lie.
BRANCH_STATIONS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "internal_iliac": ("internal_iliac", (-0.3, 0.2, 0)),
    "gluteal": ("internal_iliac", (0, 0, 0)),
    "obturator": ("obturator", (-0.6, 0, 0)),
    "rectal": ("mesorectal", (0, 0, 0)),
    "superior_rectal": ("mesorectal", (0.3, 0.2, 0)),
    "lateral_sacral": ("presacral", (0, -0.4, 0)),
    "vesical": ("parametrial", (0, 0, 0)),
    "saphenous": ("inguinal_superficial", (0, -0.5, 0)),
    "superficial": ("inguinal_superficial", (0, 0, 0)),
}
NERVES: dict[str, Points] = {
    "sciatic": [(52, 66, 32, 4.0), (66, 68, 6, 4.5), (76, 62, -40, 4.5), (80, 52, -120, 4.2)],
    "femoral": [(62, 10, 110, 2.0), (78, -18, 60, 2.0), (92, -64, 12, 2.2), (94, -74, -20, 1.8)],
    "obturator": [(40, 26, 100, 1.5), (46, 12, 56, 1.5), (47, -12, 22, 1.4), (45, -36, -18, 1.3)],
}


def add_vessels(body: Body, slow_flow_share: float) -> None:
    """Great vessels of both sides, branches, small vessels and nerves.

    Args:
        body: The pelvis.
        slow_flow_share: Probability that a vein flows slowly: bright on T2 and on high b-values.
    """
    for side, sign in SIDES:
        add_great_vessels(body, side, sign, slow_flow_share)
        add_branches(body, side, sign, slow_flow_share)
        add_plexus(body, sign)
        add_nerves(body, sign)


def vein_signal(body: Body, slow_flow_share: float) -> Signal:
    """A vein's signal: a flow void of some depth, or slow-flowing bright blood."""
    if body.rng.random() < slow_flow_share:
        return body.palette.signal("blood", 0.25)
    void, blood = body.palette.signal("flow_void", 0.2), body.palette.signal("blood", 0.2)
    share = float(body.rng.beta(1.2, 3.0))
    return Signal(void.t2 + share * (blood.t2 - void.t2), void.dwi + share * 0.5 * (blood.dwi - void.dwi))


def add_great_vessels(body: Body, side: str, s: float, slow: float) -> None:
    """Common and external iliac and femoral artery and vein of one side."""
    rng = body.rng
    path = body.path(mirrored(ARTERY, s))
    path[:, 3] *= rng.uniform(0.85, 1.2)
    body.add_vessel(path, body.palette.signal("flow_void", 0.3), 0.9)
    stations = {
        "common_iliac": (108, 200, (0.3, 0.4, 0)),
        "external_iliac": (8, 108, (-0.5, 0.3, 0)),
        "inguinal_deep": (-90, 8, (-0.4, -0.4, 0)),
        "inguinal_superficial": (-70, 4, (0, -1.4, 0)),
    }
    for station, (low, high, away) in stations.items():
        part = path[(path[:, 2] >= low) & (path[:, 2] < high)]
        body.vessels.append(Vessel(station, side, part, np.array(away) * [s, 1, 1]))
    path = body.path(mirrored(VEIN, s))
    path[:, 3] *= rng.uniform(0.75, 1.2) * np.exp(0.08 * rng.normal(size=len(path)))
    body.add_vessel(path, vein_signal(body, slow), 0.6, (1.0, rng.uniform(1.0, 1.3), 1.0))
    part = path[(path[:, 2] >= 8) & (path[:, 2] < 95)]
    body.vessels.append(Vessel("external_iliac", side, part, np.array([-0.8 * s, 0.3, -0.2])))


def add_branches(body: Body, side: str, s: float, slow: float) -> None:
    """Branches of the iliac vessels, each with a vein or two beside the artery."""
    rng = body.rng
    for name, points in BRANCHES.items():
        path = body.path(mirrored(points, s), 2.5, 11.0)
        if name in AT_THE_WALL:
            path[:, 0] -= s * body.narrow_mm * np.clip((80.0 - path[:, 2]) / 40.0, 0.0, 1.0)
        body.add_vessel(path, body.palette.signal("flow_void", 0.4), 0.4)
        for _ in range(int(rng.integers(1, 3))):
            shift = rng.normal(0, 1, 3)
            shift *= (path[0, 3] * rng.uniform(2.2, 3.2)) / np.linalg.norm(shift)
            beside = body.jitter(path + np.array([*shift, 0.0]), 0.6)
            beside[:, 3] *= rng.uniform(1.0, 1.7)
            body.add_vessel(beside, vein_signal(body, min(1.6 * slow, 0.9)), 0.3)
        if name in BRANCH_STATIONS:
            station, away = BRANCH_STATIONS[name]
            body.vessels.append(Vessel(station, side, path, np.array(away) * [s, 1, 1]))


def add_plexus(body: Body, s: float) -> None:
    """Winding veins beside bladder, prostate, uterus and rectum, many of them slow and bright."""
    rng = body.rng
    bright = rng.uniform(0.3, 0.9)
    for _ in range(int(rng.integers(12, 30))):
        start = np.array([s * rng.uniform(25, 43), rng.uniform(-22, 34), rng.uniform(-14, 34)])
        points = start + np.cumsum(rng.normal(0, 4.0, (4, 3)), axis=0)
        radius = rng.uniform(0.7, 2.1)
        path = np.column_stack([points, np.full(4, radius)])
        name = "blood" if rng.random() < bright else "flow_void"
        body.add_vessel(smooth_path(path, 6.0), body.palette.signal(name, 0.35), 0.4)


def add_nerves(body: Body, s: float) -> None:
    """Sacral roots with ganglia, sciatic, femoral and obturator nerve of one side."""
    goal = (52, 66, 32)
    signal = body.nerve or body.palette.signal("nerve", 0.05)
    for x, y, z in ((22, 42, 102), (19, 62, 78), (15, 76, 54)):
        middle = ((x + goal[0]) / 2 + 3, (y + goal[1]) / 2, (z + goal[2]) / 2, 2.6)
        points = [(x, y + 8, z, 2.2), (x + 6, y - 4, z - 8, 2.4), middle, (*goal, 2.8)]
        tube = Tube(body.path(mirrored(points, s), 1.5))
        body.add(tube, "nerve", signal=signal, rough_mm=0.3)
        body.add(Ellipsoid((s * x, y + 7, z), (3.2, 4.5, 3.2)), "ganglion", variation=0.1)
    for line in NERVES.values():
        path = body.path(mirrored(line, s), 1.5)
        path[:, 3] *= body.nerve_scale
        body.add(Tube(path), "nerve", signal=signal, rough_mm=0.3)
