"""Smooth random fields on regular grids, made from coarse lattices by separable B-splines."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

TILE_SIZE = 128
TILE_SAMPLES = 8.0  # that a grain of the tile's noise measures across


def bspline_weights(count: int, step: float, offset: float) -> np.ndarray:
    """Cubic B-spline weights of lattice points (columns) at `count` positions ``offset + n * step``.

    Args:
        count: Number of positions.
        step: Distance between positions in lattice units.
        offset: First position in lattice units, 0 to 1.

    Returns:
        float32 array (count, lattice points); enough lattice points to cover every position.
    """
    positions = offset + step * np.arange(count)
    lattice = np.arange(int(np.ceil(positions[-1])) + 4)
    distance = np.abs(positions[:, None] - (lattice[None, :] - 1.0))
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    return np.where(distance < 1.0, near, far).astype(np.float32)


def upsample(lattice: np.ndarray, stride: int, height: int, width: int) -> np.ndarray:
    """Every `stride`-th row and column (..., rows, columns) to all, (..., height, width), linearly.

    By slices and not by a matrix product: these are too small for a BLAS with threads.
    """
    for axis, count in ((-2, height), (-1, width)):
        low = np.minimum(np.arange(count) // stride, lattice.shape[axis] - 2)
        share = (np.arange(count) / stride - low).astype(np.float32)
        share = share[:, None] if axis == -2 else share
        start = lattice.take(low, axis=axis)
        lattice = start + share * (lattice.take(low + 1, axis=axis) - start)
    return lattice


def lattice_count(count: int, stride: int) -> int:
    """Number of lattice points, `stride` samples apart from the first sample to beyond the last."""
    return -(-count // stride) + 1


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, ...], scale_mm: float
) -> np.ndarray:
    """Gaussian noise of mean 0 and standard deviation about 1, correlated over `scale_mm`.

    Args:
        rng: Source of randomness.
        shape: Shape of the result, 2 or 3 axes.
        spacing_mm: Sample distance along each axis of `shape`.
        scale_mm: Distance between the lattice points that carry the noise.

    Returns:
        float32 array of `shape`.
    """
    weights = [bspline_weights(n, mm / scale_mm, float(rng.random())) for n, mm in zip(shape, spacing_mm)]
    field = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    power = 1.0
    for axis, weight in enumerate(weights):
        field = np.moveaxis(np.tensordot(weight, field, axes=(1, axis)), 0, axis)
        power *= float(np.mean(np.sum(weight**2, axis=1)))
    return np.ascontiguousarray(field / np.sqrt(power), dtype=np.float32)


@lru_cache(maxsize=1)
def noise_tile() -> np.ndarray:
    """A fixed block of smooth noise that repeats in all directions, for textures looked up by position.

    Returns:
        float32 array of `TILE_SIZE` cubed, mean 0, deviation 1, correlated over about `TILE_SAMPLES`.
    """
    white = np.random.default_rng(20250711).standard_normal((TILE_SIZE,) * 3)
    frequency = np.fft.fftfreq(TILE_SIZE)
    low_pass = np.exp(-2.0 * (np.pi * 3.2 * frequency) ** 2)
    spectrum = (
        np.fft.fftn(white) * low_pass[:, None, None] * low_pass[None, :, None] * low_pass[None, None, :]
    )
    smooth = np.real(np.fft.ifftn(spectrum))
    # Contiguous, or each look-up copies all of it: the transform of numpy 1 changes the order of the axes.
    return np.ascontiguousarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float32)


def tile_at(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The noise tile at positions in tile samples (nearest sample, repeating); arrays of one shape."""
    index = np.zeros((), dtype=np.int32)
    for positions in (x, y, z):
        sample = np.floor(positions).astype(np.int32)
        sample &= TILE_SIZE - 1
        sample += index * TILE_SIZE
        index = sample
    return noise_tile().ravel().take(index)
