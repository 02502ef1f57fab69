"""A description of each voxel's neighborhood that T2 and DWI share although their contrast differs.

Self-similarity context after Heinrich et al., "Towards realtime multimodal fusion for image-guided
interventions using self-similarities", MICCAI 2013: how much patches around a voxel resemble each other.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

CHANNELS = 12
PATCH_SIGMA_VOXELS = (0.5, 1.0, 1.0)
_NEIGHBORS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


def self_similarity(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Twelve channels in 0..1 for each voxel: one for each pair of its six neighbors that are not opposite.

    Args:
        array: Image [k, j, i].
        inside: Boolean [k, j, i], where the image shows the patient; sets the typical contrast.

    Returns:
        float32 [k, j, i, channel].
    """
    from scipy.ndimage import gaussian_filter

    padded = np.pad(array.astype(np.float32, copy=False), 1, mode="edge")
    neighbors = [
        padded[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, array.shape))] for step in _NEIGHBORS
    ]
    distances = np.empty((*array.shape, CHANNELS), dtype=np.float32)
    pairs = [pair for pair in combinations(range(len(_NEIGHBORS)), 2) if pair[0] // 2 != pair[1] // 2]
    for channel, (first, second) in enumerate(pairs):
        difference = neighbors[first] - neighbors[second]
        distances[..., channel] = gaussian_filter(
            difference * difference, PATCH_SIGMA_VOXELS, truncate=2.5, mode="nearest"
        )
    distances -= distances.min(axis=-1, keepdims=True)
    contrast = distances.mean(axis=-1, keepdims=True)
    # Half of a pelvis is fat without structure: the median contrast is that of the noise, and what does not
    # stand out from it is described as flat.
    np.maximum(contrast, np.median(contrast[inside]) + 1e-12 if inside.any() else 1.0, out=contrast)
    distances /= -contrast
    return np.exp(distances, out=distances)


def structure(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How much there is to see around each voxel: 0 in flat tissue, towards 1 at edges; float32 [k, j, i]."""
    from scipy.ndimage import gaussian_filter

    steepness = np.zeros(array.shape, dtype=np.float32)
    for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        slope = gaussian_filter(array, (0.6, 1.0, 1.0), order=order, mode="nearest")
        steepness += slope * slope
    steepness = gaussian_filter(steepness, PATCH_SIGMA_VOXELS)
    usual = float(np.median(steepness[inside])) if inside.any() else 1.0
    return np.asarray(steepness / (steepness + 3.0 * usual + 1e-12), dtype=np.float32)
