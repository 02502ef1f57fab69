"""From the network's probability to separate nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..images.image import Image
from ..network.model_file import PEAK_PROBABILITY
from ..progress import Progress, Silent
from .divide import divide

if TYPE_CHECKING:
    from ..images.image import Geometry

MINIMUM_VOLUME_MM3 = 14.0
"""Smallest node: a ball of 3 mm diameter. Below that a pelvic T2 shows a handful of voxels."""

_MOST_LABELS = 65535
_SILENT = Silent()


def find_nodes(
    probability: Image,
    progress: Progress = _SILENT,
    threshold: float = 0.5,
    peak: float = PEAK_PROBABILITY,
    minimum_volume_mm3: float = MINIMUM_VOLUME_MM3,
) -> np.ndarray:
    """Separate lymph nodes in a probability map.

    Voxels from `threshold` on make components (faces and edges touching); a component whose probability
    nowhere reaches `peak`, or that is smaller than `minimum_volume_mm3`, is dropped. What a component
    encloses in a slice, a fatty hilum or a necrosis, belongs to it. Components are then divided where their
    shape says so, see `divide.divide`.

    Args:
        probability: Calibrated probability 0 to 1 on the T2 grid; NaN counts as 0.
        progress: Told after every component.
        threshold: Probability at a node's surface.
        peak: Probability that a node must reach somewhere inside (hysteresis): the model's.
        minimum_volume_mm3: Smallest volume of a component or part.

    Returns:
        uint16 labels [k, j, i]; 0 is background. Nodes are numbered from superior to inferior, at the same
        height from right to left.

    Raises:
        InputError: more than 65535 nodes.
    """
    array = probability.array
    spacing_kji_mm = probability.geometry.spacing_mm[::-1]
    least_voxels = minimum_volume_mm3 / probability.geometry.voxel_volume_mm3
    kept = np.zeros(array.shape, dtype=bool)
    for mask, box in components(array >= threshold):  # False for NaN
        if np.count_nonzero(mask) >= least_voxels and array[box][mask].max() >= peak:
            kept[box] |= without_holes(mask)
    kept &= ~np.isnan(array)
    labels = np.zeros(array.shape, dtype=np.int32)
    pieces, found = components(kept), 0
    for number, (mask, box) in enumerate(pieces):
        progress.fraction(number / len(pieces))
        parts = divide(mask, spacing_kji_mm, minimum_volume_mm3)
        labels[box][mask] = parts[mask] + found
        found += int(parts.max())
    progress.fraction(1.0)
    if found > _MOST_LABELS:
        raise InputError(
            f"{found} separate nodes were found: the probability map is noise; check the input images."
        )
    return in_reading_order(labels, probability.geometry)


def components(inside: np.ndarray) -> list[tuple[np.ndarray, tuple[slice, slice, slice]]]:
    """What hangs together in a mask [k, j, i] by faces and edges: each as a mask of its box, and the box."""
    from scipy import ndimage

    numbers, _ = ndimage.label(inside, structure=ndimage.generate_binary_structure(3, 2))
    boxes = ndimage.find_objects(numbers)
    return [(numbers[box] == number, box) for number, box in enumerate(boxes, start=1)]


def without_holes(mask: np.ndarray) -> np.ndarray:
    """A mask and what it encloses in each slice [k, j, i]."""
    from scipy import ndimage

    return np.stack([ndimage.binary_fill_holes(plane) for plane in mask])


def in_reading_order(labels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The same label map numbered 1, 2, ... from superior to inferior, at the same height from right to left.

    Args:
        labels: Integers [k, j, i], 0 is background.
        geometry: Grid of the label map.

    Returns:
        uint16 labels [k, j, i].
    """
    from scipy import ndimage

    present = np.flatnonzero(np.bincount(labels.ravel()))[1:] if labels.any() else np.zeros(0, int)
    if not len(present):
        return np.zeros(labels.shape, np.uint16)
    centers_kji = np.array(ndimage.center_of_mass(labels > 0, labels, present))
    lps = geometry.lps_from_ijk(centers_kji[:, ::-1])
    order = np.lexsort((lps[:, 0], np.round(-lps[:, 2], 1)))
    renumbered = np.zeros(int(present[-1]) + 1, np.uint16)
    renumbered[present[order]] = np.arange(1, len(present) + 1)
    return renumbered[labels]
