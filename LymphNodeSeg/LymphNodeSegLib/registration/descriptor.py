"""A description of each voxel's neighborhood that T2 and DWI share although their contrast differs.

Self-similarity context after Heinrich et al., "Towards realtime multimodal fusion for image-guided
interventions using self-similarities", MICCAI 2013: how much patches around a voxel resemble each other.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from .separable import smoothed
from .threads import in_threads

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
    padded = np.pad(array.astype(np.float32, copy=False), 1, mode="edge")
    neighbors = [
        padded[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, array.shape))] for step in _NEIGHBORS
    ]
    pairs = [pair for pair in combinations(range(len(_NEIGHBORS)), 2) if pair[0] // 2 != pair[1] // 2]
    distances = np.empty((CHANNELS, *array.shape), dtype=np.float32)

    def measure(channel: int) -> None:
        first, second = pairs[channel]
        squared = np.square(neighbors[first] - neighbors[second])
        distances[channel] = smoothed(squared, PATCH_SIGMA_VOXELS, mode="nearest")

    in_threads(measure, range(CHANNELS))
    distances -= distances.min(axis=0)
    contrast = distances.mean(axis=0)
    # Half of a pelvis is fat without structure: the median contrast is that of the noise, and what does not
    # stand out from it is described as flat.
    np.maximum(contrast, np.median(contrast[inside]) + 1e-12 if inside.any() else 1.0, out=contrast)
    distances *= -1.0 / contrast
    np.exp(distances, out=distances)
    return np.ascontiguousarray(np.moveaxis(distances, 0, -1))
