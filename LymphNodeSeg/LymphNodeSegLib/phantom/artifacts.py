"""What the scanner does to an ideal image: coils, k-space, motion, noise."""

from __future__ import annotations

import numpy as np

from .fields import smooth_noise


def coil_shading(
    rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, ...], strength: float
) -> np.ndarray:
    """Sensitivity of the coil array: smooth, brighter towards the edges of the image; float32, mean about 1.

    Args:
        rng: Source of randomness.
        shape: Of the volume, [k, j, i].
        spacing_mm: Sample distance along the same axes.
        strength: Standard deviation of the logarithm.
    """
    log = 0.6 * smooth_noise(rng, shape, spacing_mm, 110.0)
    rows = np.linspace(-1, 1, shape[1], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, shape[2], dtype=np.float32)[None, :]
    lift = rng.uniform(0.0, 1.6) * np.abs(rows) ** 3 + rng.uniform(-0.6, 0.6) * np.abs(columns) ** 3
    log += (lift + rng.uniform(-0.4, 0.4) * rows - lift.mean()).astype(np.float32)
    return np.exp(strength * log)


def add_ghosts(volume: np.ndarray, axis: int, shifts: list[int], amounts: list[float]) -> None:
    """Faint copies of each slice, shifted along the phase encoding, in place; `axis` of [k, j, i]."""
    original = volume.copy()
    for shift, amount in zip(shifts, amounts):
        volume += np.float32(amount) * np.roll(original, shift, axis=axis)


def fold_edges(volume: np.ndarray, axis: int, pad: int, amount: float) -> np.ndarray:
    """Cut `pad` samples off both ends of an axis and let them reappear at the other end (wrap)."""
    volume = np.moveaxis(volume, axis, 0)
    inner = volume[pad:-pad].copy()
    inner[:pad] += amount * volume[-pad:]
    inner[-pad:] += amount * volume[:pad]
    return np.ascontiguousarray(np.moveaxis(inner, 0, axis))


def acquire(
    rng: np.random.Generator,
    volume: np.ndarray,
    noise: float,
    kept: tuple[float, float],
    apodization: float,
) -> np.ndarray:
    """A slice stack as it comes out of k-space: truncated (Gibbs), noisy, magnitude.

    Args:
        rng: Source of randomness.
        volume: Ideal magnitude [k, j, i].
        noise: Standard deviation of the noise in real and imaginary part.
        kept: Share of k-space that is acquired along j and i.
        apodization: 0: a hard edge in k-space (ringing); 1: a full Hann filter.

    Returns:
        float32 magnitudes: Rician noise, correlated as far as k-space is filled up with zeros.
    """
    from scipy import fft

    depth, height, width = volume.shape
    windows = [_window(count, share, apodization) for count, share in ((height, kept[0]), (width, kept[1]))]
    # What truncation takes from the noise is given back, so that `noise` is the level in the image.
    gain = 1.0 / np.sqrt(np.mean(windows[0] ** 2) * np.mean(windows[1] ** 2))
    window = (windows[0][:, None] * windows[1][None, :]).astype(np.float32)
    out = np.empty((depth, height, width), dtype=np.float32)
    for k in range(depth):
        plane = rng.standard_normal((height, width, 2), dtype=np.float32).view(np.complex64)[..., 0]
        plane *= np.float32(noise * gain)
        plane += volume[k]
        spectrum = fft.fft2(plane, overwrite_x=True)
        spectrum *= window
        np.abs(fft.ifft2(spectrum, overwrite_x=True), out=out[k])
    return out


def _window(count: int, share: float, apodization: float) -> np.ndarray:
    from scipy import fft

    frequency = np.abs(fft.fftfreq(count)) * 2.0 / share
    hann = 0.5 * (1.0 + np.cos(np.pi * np.clip(frequency, 0.0, 1.0)))
    return np.where(frequency <= 1.0, 1.0 - apodization + apodization * hann, 0.0)


def fit_adc(series: list[np.ndarray], b_values: tuple[float, ...], cutoff: float) -> np.ndarray:
    """ADC in um2/s by a log-linear least-squares fit over all b-values, float32.

    It is 0 where the lowest b-value has less signal than `cutoff`.

    Args:
        series: Magnitudes, one per b-value, lowest first.
        b_values: In s/mm2.
        cutoff: Signal below which there is nothing to fit.
    """
    b = np.asarray(b_values, dtype=float) * 1e-3
    weights = (b - b.mean()) / ((b - b.mean()) ** 2).sum()
    slope = np.zeros_like(series[0])
    for weight, image in zip(weights, series):
        slope += np.float32(weight) * np.log(np.maximum(image, 1.0))
    adc = np.clip(-1000.0 * slope, 0.0, 4000.0)
    return np.where(series[0] > cutoff, np.rint(adc), 0.0).astype(np.float32)
