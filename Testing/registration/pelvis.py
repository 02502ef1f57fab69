"""A small synthetic pelvis whose movement and distortion are known by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image, StudyImages
from LymphNodeSegLib.registration.result import Registration

STRAIGHT = np.eye(3)
PHASE_AXIS = 0
SHIFT_MM = np.array([1.5, -2.0, 0.0])
FAT_SHIFT_MM = -13.0


def signal(points: np.ndarray, contrast: int) -> np.ndarray:
    """Ellipsoids in fat: 0 as T2 shows them, 1 as DWI does; points (..., 3) in the anatomy's mm."""
    rng = np.random.default_rng(7)
    radius = np.sqrt((points[..., 0] / 78.0) ** 2 + (points[..., 1] / 62.0) ** 2)
    body = 1.0 / (1.0 + np.exp((radius - 1.0) * 40.0))
    value = body * (0.75, 0.05)[contrast]
    for _ in range(45):
        center = rng.uniform((-60, -48, -25), (60, 48, 25))
        size = rng.uniform(4.0, 14.0, 3)
        brightness = ((0.1, 0.35), (0.45, 0.9), (1.0, 0.1), (0.3, 0.5))[rng.integers(4)][contrast]
        distance = np.sqrt((((points - center) / size) ** 2).sum(axis=-1))
        share = body / (1.0 + np.exp((distance - 1.0) * 8.0))
        value = value * (1.0 - share) + brightness * share
    return value


def off_resonance_mm(points: np.ndarray) -> np.ndarray:
    """The distortion along the phase encoding, 1 to 6 mm."""
    x, y, z = (points[..., axis] for axis in range(3))
    return 3.0 + 2.0 * np.sin(x / 25.0) + 1.5 * np.cos(y / 22.0 + z / 30.0)


def grid(
    size: tuple[int, int, int], spacing_mm: tuple[float, float, float], direction: np.ndarray
) -> Geometry:
    origin = -direction @ ((np.array(size) - 1) / 2 * np.array(spacing_mm))
    return Geometry(size, tuple(origin), spacing_mm, tuple(direction.ravel()))


def points_of(geometry: Geometry) -> np.ndarray:
    k, j, i = np.indices(geometry.size_ijk[::-1])
    return geometry.lps_from_ijk(np.stack([i, j, k], axis=-1))


def to_dwi(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where a point of the T2 is found in the DWI; the truth of these tests."""
    moved = points + SHIFT_MM
    return moved + off_resonance_mm(moved)[..., None] * direction[:, PHASE_AXIS]


def make_study(direction: np.ndarray, distorted: bool = True) -> StudyImages:
    rng = np.random.default_rng(3)
    t2_grid, dwi_grid = (
        grid((176, 144, 16), (1.0, 1.0, 4.0), direction),
        grid((88, 72, 16), (2.2, 2.2, 4.0), direction),
    )
    t2 = 400.0 * signal(points_of(t2_grid), 0) + rng.normal(0, 6, t2_grid.size_ijk[::-1])
    seen = points_of(dwi_grid)
    if distorted:
        still = seen
        for _ in range(20):
            still = seen - off_resonance_mm(still)[..., None] * direction[:, PHASE_AXIS]
        seen = still - SHIFT_MM
    noise = rng.normal(0, 6, (2, *dwi_grid.size_ijk[::-1]))
    dwi = np.hypot(300.0 * signal(seen, 1) + noise[0], noise[1])
    about = Acquisition("DWI", 50.0, phase_encoding_lps=tuple(direction[:, PHASE_AXIS]))
    low = Image(dwi.astype(np.float32), dwi_grid, about)
    high = Image((0.5 * dwi).astype(np.float32), dwi_grid, replace(about, b_value_s_mm2=800.0))
    adc = Image((2.0 * dwi).astype(np.float32), dwi_grid, Acquisition("ADC"))
    return StudyImages(
        Image(np.abs(t2).astype(np.float32), t2_grid, Acquisition("T2")), high, (low, high), adc
    )


def oblique() -> np.ndarray:
    """A direction turned by 25 degrees about the first axis."""
    angle = np.radians(25.0)
    return np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]], dtype=float
    )


def with_dwi(study: StudyImages, *series: Image) -> StudyImages:
    """The study with other b-values, the last of them chosen."""
    return replace(study, dwi=series[-1], dwi_series=series)


def with_displaced_fat(study: StudyImages) -> StudyImages:
    """Fat `FAT_SHIFT_MM` off along the phase encoding, alike on every b-value."""
    geometry = study.dwi.geometry
    places = points_of(geometry) - FAT_SHIFT_MM * geometry.direction[:, PHASE_AXIS]
    fat = 250.0 * np.clip(signal(places, 0) - 0.3, 0.0, 0.45).astype(np.float32)
    return with_dwi(study, *(image.with_array(image.array + fat) for image in study.dwi_series))


def errors_mm(
    registration: Registration,
    study: StudyImages,
    direction: np.ndarray,
    offset_mm: np.ndarray | float = 0.0,
    slices: slice = slice(2, -2),
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the mapped from the true points inside the body: after, and before registration.

    `offset_mm` is how far the DWI's frame of reference lies from the T2's.
    """
    points = points_of(study.t2.geometry)[slices, ::8, ::8].reshape(-1, 3)
    points = points[(points @ direction)[:, 0] ** 2 + (points @ direction)[:, 1] ** 2 < 50.0**2]
    truth = to_dwi(points, direction) + offset_mm
    mapped = np.array([registration.transform.TransformPoint(p.tolist()) for p in points])
    return np.linalg.norm(mapped - truth, axis=1), np.linalg.norm(points - truth, axis=1)
