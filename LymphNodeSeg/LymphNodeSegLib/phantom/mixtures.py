"""The two fixed mixtures of phantoms, and the scan each phantom gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import InputError
from ..images.image import Geometry
from .curves import rotation_from_degrees
from .tissues import Protocol

B_VALUES = (
    (0.0, 800.0), (50.0, 400.0, 800.0), (0.0, 50.0, 400.0, 800.0), (0.0, 1000.0), (0.0, 500.0, 1000.0),
    (50.0, 800.0), (0.0, 600.0), (0.0, 500.0), (50.0, 500.0, 1000.0), (0.0, 1200.0), (0.0, 400.0, 1500.0),
    (50.0, 1400.0),
)  # fmt: skip
B_WEIGHTS = (3, 3, 3, 3, 2, 2, 1, 1, 2, 1, 1, 1)


@dataclass(frozen=True)
class Mixture:
    """What a difficulty means: ranges from which every phantom draws evenly, unless said otherwise.

    Attributes:
        nodes: How many nodes lie in view, if there is room.
        large_share: Share of nodes of 8 mm short axis and more.
        slow_flow: Probability that a vein flows slowly and is bright on high b.
        displacement_mm: Root mean square of the smooth EPI displacement.
        gas_mm: Displacement at the surface of a gas bubble.
        motion_mm: Standard deviation of the shift between T2 and DWI.
        t2_noise, dwi_noise: Noise relative to node cortex on T2, and on b0.
        residual_fat: Fat left after suppression.
        fat_failure: Largest fat left where suppression fails; 0 for half of the studies.
        shading: Standard deviation of the logarithm of the coil's sensitivity.
        ghost: Largest ghost relative to the image.
        wrap_share: Probability that the T2 wraps around along its phase encoding.
        random_contrast_share: Probability of T2 contrasts that no scanner makes.
        warp_mm: How far persons differ in shape.
    """

    nodes: tuple[int, int]
    large_share: tuple[float, float]
    slow_flow: tuple[float, float]
    displacement_mm: tuple[float, float]
    gas_mm: tuple[float, float]
    motion_mm: float
    t2_noise: tuple[float, float]
    dwi_noise: tuple[float, float]
    residual_fat: tuple[float, float]
    fat_failure: tuple[float, float]
    shading: tuple[float, float]
    ghost: tuple[float, float]
    wrap_share: float
    random_contrast_share: float
    warp_mm: tuple[float, float]


MIXTURES = {
    # A good clinical examination.
    "standard": Mixture(
        nodes=(8, 40), large_share=(0.3, 0.6), slow_flow=(0.1, 0.4), displacement_mm=(1.0, 3.0),
        gas_mm=(2.0, 6.0), motion_mm=0.8, t2_noise=(0.015, 0.05), dwi_noise=(0.012, 0.03),
        residual_fat=(0.03, 0.15), fat_failure=(0.05, 0.3), shading=(0.1, 0.3), ghost=(0.0, 0.03),
        wrap_share=0.15, random_contrast_share=0.15, warp_mm=(3.0, 6.0),
    ),
    # A bad one: displaced by up to 8 mm and more, noisy, badly fat-suppressed, of odd contrast.
    "hard": Mixture(
        nodes=(3, 40), large_share=(0.2, 0.5), slow_flow=(0.3, 0.8), displacement_mm=(2.5, 6.5),
        gas_mm=(4.0, 10.0), motion_mm=1.8, t2_noise=(0.04, 0.12), dwi_noise=(0.025, 0.07),
        residual_fat=(0.06, 0.25), fat_failure=(0.2, 0.8), shading=(0.25, 0.5), ghost=(0.01, 0.08),
        wrap_share=0.35, random_contrast_share=0.4, warp_mm=(4.0, 8.0),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """The two grids and the weighting of a phantom's examination."""

    t2: Geometry
    dwi: Geometry
    protocol: Protocol
    phase_axis: int
    t2_phase_axis: int


def mixture_named(difficulty: str) -> Mixture:
    """The mixture of a difficulty.

    Raises:
        InputError: there is no such difficulty.
    """
    if difficulty not in MIXTURES:
        raise InputError(f"Unknown difficulty '{difficulty}': choose one of {', '.join(MIXTURES)}.")
    return MIXTURES[difficulty]


def draw_scan(rng: np.random.Generator, plane: Optional[str]) -> Scan:
    """Grids of T2 and DWI, echo times and b-values.

    Args:
        rng: Source of randomness.
        plane: "axial", "sagittal", or None for either.

    Raises:
        InputError: another plane was asked for.
    """
    if plane not in (None, "axial", "sagittal"):
        raise InputError(f"A phantom's plane is axial or sagittal, not '{plane}'.")
    drawn = "axial" if rng.random() < 0.6 else "sagittal"
    sagittal = (plane or drawn) == "sagittal"
    direction = _direction(rng, sagittal)
    fov = rng.uniform(180, 290)
    matrix = int(rng.choice([256, 288, 320, 320, 384]))
    depth, step = int(rng.integers(19, 28)), float(rng.choice([3.0, 3.3, 3.6, 4.0, 4.5, 5.0]))
    center = np.array([rng.normal(0, 3), rng.uniform(-18, 8), rng.uniform(-15, 62)])
    if sagittal:
        center = np.array([rng.normal(0, 8), rng.uniform(-15, 10), rng.uniform(5, 55)])
    t2 = centered_grid((matrix, matrix, depth), (fov / matrix, fov / matrix, step), direction, center)
    pixel = rng.uniform(1.6, 2.5)
    wide = max(fov * rng.uniform(1.05, 1.4), 220.0)
    narrow = wide * rng.uniform(0.7, 1.0)
    columns, rows = int(round(wide / pixel / 2) * 2), int(round(narrow / pixel / 2) * 2)
    if sagittal or rng.random() < 0.5:
        columns, rows = rows, columns
    columns, rows = min(columns, 160), min(rows, 160)
    thick = float(rng.choice([step, step, rng.uniform(3.0, 5.0)]))
    count = int(np.ceil(depth * step / thick)) + int(rng.integers(0, 4))
    shift = direction @ np.array([*rng.normal(0, 6, 2), rng.normal(0, 0.5) * thick])
    dwi = centered_grid((columns, rows, count), (pixel, pixel, thick), direction, center + shift)
    b_values = B_VALUES[rng.choice(len(B_VALUES), p=np.array(B_WEIGHTS) / sum(B_WEIGHTS))]
    protocol = Protocol(
        rng.uniform(3000, 6500),
        rng.uniform(80, 120),
        rng.uniform(3000, 8000),
        rng.uniform(55, 85),
        b_values,
        rng.uniform(1.8, 3.0),
    )
    return Scan(t2, dwi, protocol, int(rng.random() < 0.6), int(rng.integers(0, 2)))


def _direction(rng: np.random.Generator, sagittal: bool) -> np.ndarray:
    tilt = rng.uniform(-25, 10) if rng.random() < 0.7 else 0.0
    turn = rotation_from_degrees(tilt, *rng.normal(0, 2.5, 2)) if rng.random() < 0.8 else np.eye(3)
    if not sagittal:
        return turn
    base = np.column_stack([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    small = rotation_from_degrees(*rng.normal(0, 3.0, 3)) if rng.random() < 0.6 else np.eye(3)
    return small @ base


def centered_grid(
    size: tuple[int, int, int], spacing: tuple[float, float, float], direction: np.ndarray, center: np.ndarray
) -> Geometry:
    """The grid of that size whose middle lies at `center` (LPS mm)."""
    half = direction @ ((np.array(size) - 1) / 2.0 * np.array(spacing))
    origin = np.asarray(center) - half
    return Geometry(
        size,
        (float(origin[0]), float(origin[1]), float(origin[2])),
        spacing,
        tuple(float(value) for value in direction.ravel()),
    )
