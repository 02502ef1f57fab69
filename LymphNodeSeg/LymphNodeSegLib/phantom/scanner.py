"""Takes the images: a T2-weighted turbo spin echo, and a diffusion-weighted EPI with its distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Callable

import numpy as np

from ..images.image import Geometry
from .artifacts import acquire, add_ghosts, coil_shading, fit_adc, fold_edges
from .fields import smooth_noise
from .layers import Layer
from .mixtures import Mixture, Scan
from .render import paint
from .sampling import Sampling
from .warp import BodyWarp, EpiWarp

SCALE = 400.0  # scanner units of node cortex
SEPTUM_WIDTH = 0.12  # in standard deviations of the noise whose zeros are septa


def scan_t2(
    rng: np.random.Generator, mixture: Mixture, scan: Scan, layers: Sequence[Layer], warp: BodyWarp
) -> np.ndarray:
    """The T2-weighted image [k, j, i] in scanner units, whole numbers as float32."""
    axis = 2 - scan.t2_phase_axis
    pad, folded = 0, 0.0
    if rng.random() < mixture.wrap_share:
        pad = int(scan.t2.size_ijk[scan.t2_phase_axis] * rng.uniform(0.04, 0.12))
        folded = rng.uniform(0.2, 1.0)
    grid = padded(scan.t2, scan.t2_phase_axis, pad)
    sampling = Sampling(grid, None, warp.to_anatomy)
    image = paint(sampling, layers, lambda signal: np.array([signal.t2]), int(rng.integers(2**31)))[0]
    spacing = grid.spacing_mm[::-1]
    # Fine structure of solid tissue; free fluid has none.
    solid = image * np.exp(-np.square(np.square(image * 0.7)))
    for scale_mm, septa in ((1.4, 0.0), (4.0, rng.uniform(0.0, 0.15))):
        grain = smooth_noise(rng, image.shape, spacing, scale_mm)
        image += rng.uniform(0.01, 0.06) * solid * grain
        if septa:
            # Walls between the lobules of fat: a net of thin lines where the noise changes its sign.
            grain *= grain * (-1.0 / SEPTUM_WIDTH**2)
            image -= septa * solid * np.exp(grain, out=grain)
    image *= coil_shading(rng, image.shape, spacing, rng.uniform(*mixture.shading))
    if pad:
        image = fold_edges(image, axis, pad, folded)
    period = int(image.shape[axis] * rng.uniform(0.08, 0.5))
    amount = rng.uniform(*mixture.ghost)
    add_ghosts(image, axis, [period, -period], [amount, amount])
    image *= slice_factors(rng, len(image), 0.02)
    kept = [rng.uniform(0.9, 1.0)] * 2
    kept[axis - 1] *= rng.uniform(0.7, 1.0)
    noise = rng.uniform(*mixture.t2_noise)
    return np.rint(SCALE * acquire(rng, image, noise, (kept[0], kept[1]), rng.uniform(0.0, 0.4)))


def scan_dwi(
    rng: np.random.Generator,
    mixture: Mixture,
    scan: Scan,
    layers: Sequence[Layer],
    warp: BodyWarp,
    epi: EpiWarp,
) -> tuple[list[np.ndarray], np.ndarray]:
    """One image per b-value, and the ADC in um2/s; [k, j, i], whole numbers as float32."""
    sampling = Sampling(scan.dwi, epi.to_t2, warp.to_anatomy)
    painted = paint(sampling, layers, lambda signal: signal.dwi, int(rng.integers(2**31)))
    painted *= compression_on(scan.dwi, epi)
    shape, spacing = painted.shape[1:], scan.dwi.spacing_mm[::-1]
    axis = 2 - scan.phase_axis
    fat = remaining_fat(rng, mixture, painted[-1], axis, spacing)
    shading = coil_shading(rng, shape, spacing, 0.8 * rng.uniform(*mixture.shading))
    shading *= slice_factors(rng, shape[0], 0.03)
    ghost, noise = rng.uniform(*mixture.ghost), rng.uniform(*mixture.dwi_noise)
    kept = (rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.0))
    b_values = scan.protocol.b_values_s_mm2
    series = []
    for n, b in enumerate(b_values):
        image = (painted[n] + fat * np.float32(np.exp(-b * 5e-5))) * shading
        add_ghosts(image, axis, [image.shape[axis] // 2], [ghost])
        averages = np.sqrt(1.0 + b / 300.0)  # scanners repeat the weak images more often
        measured = acquire(rng, image, noise / averages, kept, rng.uniform(0.0, 0.6))
        series.append(np.rint(SCALE * measured))
    return series, fit_adc(series, b_values, rng.uniform(0.07, 0.2) * SCALE)


def remaining_fat(
    rng: np.random.Generator, mixture: Mixture, fat: np.ndarray, axis: int, spacing_mm: tuple[float, ...]
) -> np.ndarray:
    """What fat suppression leaves: a trace everywhere and bands where it fails, displaced.

    Args:
        rng: Source of randomness.
        mixture: How much is left.
        fat: Fat signal without suppression [k, j, i].
        axis: Of [k, j, i], along which the chemical shift displaces fat.
        spacing_mm: Along [k, j, i].
    """
    left = np.full(fat.shape, rng.uniform(*mixture.residual_fat), dtype=np.float32)
    if rng.random() < 0.5:
        # The shim is worst at the rim of the image.
        rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in fat.shape[1:])
        rim = np.maximum(rows[:, None] ** 2, columns**2)
        failure = smooth_noise(rng, fat.shape, spacing_mm, 70.0) + rng.uniform(0.5, 2.0) * rim
        failure = np.clip(failure - rng.uniform(0.5, 1.5), 0.0, 1.5)
        left += (rng.uniform(*mixture.fat_failure) * failure).astype(np.float32)
    shift_mm = float(rng.choice([-1, 1]) * rng.uniform(6, 26))
    return np.roll(fat, round(shift_mm / spacing_mm[axis]), axis=axis) * left


def slice_factors(rng: np.random.Generator, count: int, spread: float) -> np.ndarray:
    """Brightness of each slice, (count, 1, 1): they differ a little, the outermost may be weak."""
    factors = np.exp(rng.normal(0.0, spread, count))
    if rng.random() < 0.5:
        factors[[0, -1]] *= rng.uniform(0.6, 1.0, 2)
    return factors.astype(np.float32)[:, None, None]


def padded(geometry: Geometry, axis_ijk: int, pad: int) -> Geometry:
    """The grid with `pad` more samples at both ends of an axis (0: i, 1: j, 2: k)."""
    start = np.zeros(3)
    start[axis_ijk] = -pad
    size = list(geometry.size_ijk)
    size[axis_ijk] += 2 * pad
    x, y, z = geometry.lps_from_ijk(start)
    return replace(
        geometry, size_ijk=(size[0], size[1], size[2]), origin_lps_mm=(float(x), float(y), float(z))
    )


def displacement_on(geometry: Geometry, epi: EpiWarp) -> np.ndarray:
    """The displacement T2 point -> DWI point at each voxel of a T2 grid, float32 [k, j, i, 3], LPS mm."""
    return on_every_voxel(geometry, lambda points: epi.to_dwi(points) - points)


def compression_on(geometry: Geometry, epi: EpiWarp) -> np.ndarray:
    """How much signal is compressed into each voxel of the distorted DWI: the Jacobian of DWI -> T2."""
    shown = on_every_voxel(geometry, epi.to_t2)
    phase = epi.phase_encoding_lps
    along = shown @ phase.astype(np.float32)
    gradients = np.gradient(along, *geometry.spacing_mm[::-1])
    slope = sum(g * float(c) for g, c in zip(gradients[::-1], geometry.direction.T @ phase))
    return np.clip(slope, 0.2, 4.0).astype(np.float32)


def on_every_voxel(geometry: Geometry, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A smooth function of points (n, 3) -> (n, 3) on a grid, float32 [k, j, i, 3]."""
    sampling = Sampling(geometry, function, lambda points: points)
    out = np.empty((*geometry.size_ijk[::-1], 3), dtype=np.float32)
    for k, plane in enumerate(out):
        plane[...] = np.moveaxis(sampling.slice_points(k), 0, -1)
    return out
