"""The EPI distortion: a smooth displacement along one array axis, found without following local minima.

A sweep over all displacements gives each voxel's cost of each; coupling it with smoothness (Steinbruecker
et al. 2009; Heinrich et al. 2014) gives a start that no local method would find; Gauss-Newton steps on the
descriptors then refine it to a fraction of a voxel. Arrays are [k, j, i] or any order whose LAST axis is
the direction of the displacement; displacements are in voxels along it.
"""

from __future__ import annotations

import numpy as np

from typing import Callable


def shifted_along_last(channels: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Channels (c, a, b, n) read at n + displacement (a, b, n), linearly; the ends are held."""
    size = channels.shape[-1]
    position = np.clip(np.arange(size, dtype=np.float32) + displacement, 0.0, size - 1.001)
    lower = position.astype(np.intp)
    weight = (position - lower).astype(np.float32)
    lower = np.broadcast_to(lower, channels.shape)
    low = np.take_along_axis(channels, lower, axis=-1)
    high = np.take_along_axis(channels, lower + 1, axis=-1)
    return low + weight * (high - low)


def sweep(
    fixed: np.ndarray,
    moving: np.ndarray,
    weight: np.ndarray,
    reach_voxels: int,
    smoothing_voxels: tuple[float, ...],
    report: Callable[[float], None],
) -> np.ndarray:
    """A smooth integer-valued start: the displacement whose descriptors agree, coupled with smoothness.

    Args:
        fixed, moving: Descriptors (c, a, b, n) of T2 and DWI.
        weight: (a, b, n), how far a voxel's cost counts.
        reach_voxels: Largest displacement tried.
        smoothing_voxels: Gaussian that couples neighbors, along (a, b, n).
        report: Receives 0 to 1.
    """
    from scipy.ndimage import gaussian_filter

    labels = np.arange(-reach_voxels, reach_voxels + 1)
    cost = np.empty((len(labels), *weight.shape), dtype=np.float32)
    padded = np.pad(moving, [(0, 0)] * 3 + [(reach_voxels, reach_voxels)], mode="edge")
    padded_weight = np.pad(weight, [(0, 0)] * 2 + [(reach_voxels, reach_voxels)])
    size = weight.shape[-1]
    narrow = tuple(0.35 * s for s in smoothing_voxels)
    mass = gaussian_filter(weight, narrow, truncate=2.0) + 1e-3
    for index, label in enumerate(labels):
        start = reach_voxels + int(label)
        other = padded[..., start : start + size]
        valid = np.minimum(weight, padded_weight[..., start : start + size])
        difference = np.abs(fixed - other).mean(axis=0)
        # Beyond the data the cost is that of a mean mismatch, so that it pulls nowhere.
        known = gaussian_filter(difference * valid, narrow, truncate=2.0)
        share = gaussian_filter(valid, narrow, truncate=2.0)
        cost[index] = (known + 0.25 * np.maximum(mass - share, 0.0)) / mass
        report(0.8 * (index + 1) / len(labels))
    scale = float(np.mean(cost.std(axis=0)[weight > 0.5])) + 1e-6
    confidence = (weight * np.clip(cost.std(axis=0) / scale, 0.05, 2.0)).astype(np.float32) + 1e-3
    smooth = np.zeros(weight.shape, dtype=np.float32)
    for step, coupling in enumerate((0.002, 0.006, 0.02, 0.06, 0.2)):
        best = np.full(weight.shape, np.inf, dtype=np.float32)
        choice = np.zeros(weight.shape, dtype=np.float32)
        for index, label in enumerate(labels):
            total = cost[index] + coupling * scale * (label - smooth) ** 2
            better = total < best
            best[better] = total[better]
            choice[better] = label
        smooth = gaussian_filter(choice * confidence, smoothing_voxels) / gaussian_filter(
            confidence, smoothing_voxels
        )
        report(0.8 + 0.2 * (step + 1) / 5)
    return smooth


def refine(
    fixed: np.ndarray,
    moving: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    stiffness: tuple[float, float, float],
    steps: int,
    report: Callable[[float], None],
) -> np.ndarray:
    """Gauss-Newton on sum w |fixed - moving(n + u)|^2 + sum stiffness |gradient of u|^2.

    Args:
        fixed, moving: Descriptors (c, a, b, n).
        weight: (a, b, n).
        start: Displacement to begin with, voxels, (a, b, n).
        stiffness: Weight of the squared gradient along a, b, n.
        steps: Number of linearizations.
        report: Receives 0 to 1.
    """
    displacement = start.astype(np.float32)
    for step in range(steps):
        warped = shifted_along_last(moving, displacement)
        slope = np.gradient(warped, axis=-1)
        residual = fixed - warped
        robust = weight / (1.0 + np.mean(residual * residual, axis=0) / 0.05)
        curvature = robust * np.mean(slope * slope, axis=0)
        force = robust * np.mean(slope * residual, axis=0)
        force += _laplacian(displacement, stiffness)
        displacement = displacement + _solve(curvature, stiffness, force)
        report((step + 1) / steps)
    return displacement


def _laplacian(field: np.ndarray, stiffness: tuple[float, float, float]) -> np.ndarray:
    """Divergence of the stiffness times the gradient; nothing flows through the ends."""
    result = np.zeros_like(field)
    for axis, factor in enumerate(stiffness):
        if field.shape[axis] < 2:
            continue
        flow = np.float32(factor) * np.diff(field, axis=axis)
        ahead = [slice(None)] * 3
        behind = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(0, -1), slice(1, None)
        result[tuple(ahead)] += flow
        result[tuple(behind)] -= flow
    return result


def _solve(curvature: np.ndarray, stiffness: tuple[float, float, float], force: np.ndarray) -> np.ndarray:
    """Conjugate gradients with a diagonal preconditioner on (curvature - laplacian) x = force."""
    diagonal = curvature + 2.0 * np.float32(sum(stiffness)) + np.float32(1e-6)
    solution = np.zeros_like(force)
    residual = force.copy()
    direction = residual / diagonal
    energy = float(np.vdot(residual, direction))
    first = energy
    for _ in range(60):
        if energy <= 1e-5 * first or energy <= 0.0:
            break
        applied = curvature * direction - _laplacian(direction, stiffness)
        length = np.float32(energy / float(np.vdot(direction, applied)))
        solution += length * direction
        residual -= length * applied
        preconditioned = residual / diagonal
        before, energy = energy, float(np.vdot(residual, preconditioned))
        direction = preconditioned + np.float32(energy / before) * direction
    return solution
