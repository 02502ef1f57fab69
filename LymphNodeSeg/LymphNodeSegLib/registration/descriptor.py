"""A description of each voxel's neighborhood that T2 and DWI share although their contrast differs.

Self-similarity context after Heinrich et al., "Towards realtime multimodal fusion for image-guided
interventions using self-similarities", MICCAI 2013: how much patches around a voxel resemble each other.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

# The six neighbors of a voxel, as (k, j, i) steps; pairs of them that are not opposite give 12 channels.
_NEIGHBORS = [
    np.array(step) for step in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
]


def self_similarity(
    array: np.ndarray, inside: np.ndarray, reach_voxels: tuple[int, int, int], patch_sigma: tuple[float, ...]
) -> np.ndarray:
    """Twelve channels in 0..1 for each voxel, float32, shape (12, k, j, i).

    Args:
        array: Image [k, j, i].
        inside: Where the image has data; sets the scale of the noise.
        reach_voxels: Distance of the neighbors along k, j, i.
        patch_sigma: Gaussian weight of a patch along k, j, i, in voxels.
    """
    from scipy.ndimage import gaussian_filter

    padded = np.pad(array, [(reach, reach) for reach in reach_voxels], mode="edge")
    neighbors = [
        _shifted(padded, step * np.array(reach_voxels), array.shape, reach_voxels) for step in _NEIGHBORS
    ]
    channels = []
    for first, second in combinations(range(6), 2):
        if first // 2 == second // 2:
            continue
        difference = neighbors[first] - neighbors[second]
        channels.append(gaussian_filter(difference * difference, patch_sigma, truncate=2.5))
    distances = np.stack(channels)
    distances -= distances.min(axis=0)
    scale = distances.mean(axis=0)
    typical = float(np.mean(scale[inside])) if inside.any() else 1.0
    np.clip(scale, 0.05 * typical + 1e-9, 50.0 * typical + 1e-9, out=scale)
    return np.exp(-distances / scale).astype(np.float32)


def _shifted(
    padded: np.ndarray, step: np.ndarray, shape: tuple[int, ...], reach: tuple[int, int, int]
) -> np.ndarray:
    """The padded array's original extent, moved by a step."""
    start = np.array(reach) + step
    return padded[tuple(slice(int(a), int(a) + n) for a, n in zip(start, shape))]
