"""Where each label of a label map lies, found without looking at every voxel more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Box = tuple[slice, slice, slice]
_CROWDED = 0.05


@dataclass(frozen=True)
class Block:
    """The bounding box of one label.

    Attributes:
        label: Its value.
        box: Slices along k, j, i into the label map.
        mask: Boolean [k, j, i], where the label is, inside the box.
    """

    label: int
    box: Box
    mask: np.ndarray

    @property
    def start_ijk(self) -> tuple[int, int, int]:
        """Index (i, j, k) of the box's first voxel in the label map."""
        return (self.box[2].start, self.box[1].start, self.box[0].start)


def blocks_of(labels: np.ndarray) -> list[Block]:
    """The blocks of all labels above 0, in the order of the labels [k, j, i]."""
    voxels = _nonzero(np.ascontiguousarray(labels))
    crowded = len(voxels) > _CROWDED * labels.size
    boxes = _scanned(labels) if crowded else _boxes(labels, voxels)
    return [Block(label, box, labels[box] == label) for label, box in boxes]


def _nonzero(labels: np.ndarray) -> np.ndarray:
    """Flat indices of the voxels that are not 0; 64 bytes are tested at once."""
    flat = labels.ravel()
    per_chunk = 64 // flat.itemsize
    whole = len(flat) // per_chunk * per_chunk
    chunks = np.flatnonzero((flat[:whole].view(np.uint64) != 0).view(np.uint64))
    candidates = (chunks[:, None] * per_chunk + np.arange(per_chunk)).ravel()
    candidates = np.concatenate([candidates, np.arange(whole, len(flat))])
    return candidates[flat[candidates] != 0]


def _boxes(labels: np.ndarray, voxels: np.ndarray) -> list[tuple[int, Box]]:
    """Boxes from the list of voxels: right where few voxels are labeled."""
    if not len(voxels):
        return []
    values = labels.ravel()[voxels]
    order = np.argsort(values, kind="stable")
    values, voxels = values[order], voxels[order]
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    indices = np.unravel_index(voxels, labels.shape)
    low = [np.minimum.reduceat(index, first).tolist() for index in indices]
    high = [np.maximum.reduceat(index, first).tolist() for index in indices]
    boxes = []
    for n, value in enumerate(values[first].tolist()):
        k, j, i = (slice(low[axis][n], high[axis][n] + 1) for axis in range(3))
        boxes.append((int(value), (k, j, i)))
    return [pair for pair in boxes if pair[0] > 0]


def _scanned(labels: np.ndarray) -> list[tuple[int, Box]]:
    """Boxes from one pass over the whole label map: right where much of it is labeled."""
    from scipy import ndimage

    boxes = ndimage.find_objects(labels)
    return [(number, box) for number, box in enumerate(boxes, start=1) if box is not None]
