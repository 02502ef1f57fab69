"""More bowel, ureters, folds of the rectum, winding veins and bright nerves; part of a varied pelvis."""

from __future__ import annotations

import numpy as np

from .anatomy import SIDES, Body, mirrored
from .curves import smooth_path
from .shapes import Ellipsoid, Tube
from .tissues import Tissue
from .vessels import vein_signal
from .viscera import add_loop

# On DWI nerves stand out, which neurography lives on (Takahara T et al., Radiology 249:653, 2008); the
# numbers are assumptions.
BRIGHT_NERVE = Tissue(1100, 85, 1.05, density=0.95, t2_spread=0.2, adc_spread=0.2, fat=0.05)


def add_sigmoid_and_loops(body: Body) -> None:
    """The sigmoid colon, in half of the patients its neighbor on the right, and more loops of small bowel."""
    rng = body.rng
    start = np.array([rng.normal(0, 14), 40.0, 112.0])
    middle = [rng.normal(10, 22), rng.uniform(-25, 20), rng.uniform(72, 120)]
    sigmoid = [
        start,
        middle,
        [rng.uniform(35, 62), rng.uniform(-40, 0), rng.uniform(85, 125)],
        [70, -35, 165],
    ]
    add_loop(body, np.array(sigmoid, dtype=float), rng.uniform(8, 14), large=True)
    if rng.random() < 0.5:
        cecum = [[-52, -22, 82], [-60, -28, 110], [-66, -30, 150]]
        add_loop(body, np.array(cecum) + rng.normal(0, 6, (3, 3)), rng.uniform(13, 22), large=True)
    for _ in range(int(rng.integers(1, 6))):
        way = 14.0 * rng.normal(0, 0.7, (int(rng.integers(4, 8)), 3))
        points = rng.uniform((-60, -50, 74), (60, 12, 120)) + np.cumsum(way, axis=0)
        add_loop(body, np.clip(points, (-74, -54, 66), (74, 26, 190)), rng.uniform(5, 9), large=False)


def add_ureters(body: Body) -> None:
    """Both ureters; one in eight is wide."""
    rng = body.rng
    for _, s in SIDES:
        wide = rng.uniform(2.5, 6.0) if rng.random() < 0.12 else rng.uniform(0.7, 1.8)
        points = [(34, 22, 118), (45, 32, 80), (43, 30, 50), (30, 12, 28), (16, -4, 22)]
        path = body.path([(*point, wide) for point in mirrored(points, s)], 2.5, 10.0)
        path[:, 3] *= np.exp(0.25 * rng.normal(size=len(path)))
        tube = Tube(path)
        body.add(tube, "bladder_wall", grow_mm=0.9, soft_mm=0.3)
        body.add(tube, "urine", soft_mm=0.4, obstacle=False)


def add_rectal_folds(body: Body, rectum: np.ndarray) -> None:
    """Shelves of the wall that reach into the lumen, on alternating sides.

    Args:
        body: The pelvis.
        rectum: Its path, columns x, y, z, radius in mm.
    """
    rng = body.rng
    inside = rectum[(rectum[:, 2] > 12) & (rectum[:, 2] < 85)]
    signal = body.palette.signal("rectal_wall", 0.1)
    for n, (x, y, z, radius) in enumerate(inside[:: max(1, len(inside) // 3)]):
        angle = np.pi * n + rng.normal(0, 0.7)
        center = (x + 0.5 * radius * np.cos(angle), y + 0.5 * radius * np.sin(angle), z)
        size = (0.65 * radius, 0.65 * radius, rng.uniform(1.0, 2.4))
        fold = Ellipsoid(center, size)
        body.add(fold, "rectal_wall", signal=signal, late=True, rough_mm=0.6, soft_mm=0.5, obstacle=False)


def add_plexus_around(body: Body, organ: Ellipsoid, slow_flow_share: float) -> None:
    """Veins that wind over the front and the sides of an organ.

    Args:
        body: The pelvis.
        organ: The prostate, say.
        slow_flow_share: Probability that a vein flows slowly.
    """
    rng = body.rng
    for _ in range(int(rng.integers(8, 24))):
        ways = rng.normal(0, 1, 3) * (1.0, 1.0, 0.6) + np.cumsum(rng.normal(0, 0.3, (5, 3)), axis=0)
        ways[:, 1] = -np.abs(ways[:, 1]) + 0.3
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        points = organ.center_mm + (ways * (organ.radii_mm + rng.uniform(1.5, 5.0))) @ organ.rotation.T
        radius = rng.uniform(0.6, 2.2)
        path = smooth_path(np.column_stack([points, np.full(5, radius)]), 6.0)
        body.add_vessel(path, vein_signal(body, max(slow_flow_share, 0.5)), 0.3)


def add_varices(body: Body, slow_flow_share: float) -> None:
    """Wide winding veins beside the uterus or the bladder in one of four, and phleboliths in four of ten."""
    rng = body.rng
    for _, s in SIDES:
        for _ in range(int(rng.integers(3, 9)) if rng.random() < 0.25 else 0):
            start = np.array([s * rng.uniform(26, 44), rng.uniform(-10, 26), rng.uniform(0, 46)])
            points = start + np.cumsum(rng.normal(0, 6.0, (5, 3)), axis=0)
            path = smooth_path(np.column_stack([points, rng.uniform(1.6, 3.8, 5)]), 6.0)
            body.add_vessel(path, vein_signal(body, max(slow_flow_share, 0.6)), 0.4)
        for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.4 else 0):
            place = (s * rng.uniform(30, 48), rng.uniform(0, 40), rng.uniform(-10, 20))
            body.add(Ellipsoid(place, np.full(3, rng.uniform(0.9, 2.2))), "cortex", soft_mm=0.3)


def vary_nerves(body: Body) -> None:
    """Nerves bright on high b-values, and thinner or thicker ones, in half of the patients."""
    rng = body.rng
    if rng.random() < 0.5:
        body.nerve, body.nerve_scale = body.palette.other(BRIGHT_NERVE), rng.uniform(0.8, 1.7)
