"""A segmentation as it was read from any file: a label map, and what each label is called."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np

from ..errors import InputError
from ..images.image import Acquisition, Geometry, Image
from ..nodes.evaluation import on_grid_of
from ..nodes.fingerprint import fingerprint
from ..nodes.node import NodeMask

MOST_SEGMENTS = 1000
"""A pelvis holds at most about a hundred nodes; a file with more labels than this is no segmentation."""

MOST_VOXELS = 500_000_000

_NODE_ID = re.compile(r"LN\d{3,}(?!\w)")


@dataclass(frozen=True)
class Segmentation:
    """Masks on one grid.

    Attributes:
        labels: One label a segment, uint16; 0 is background.
        ids: The id of each label, unique: "LN001" and so on where the file has or implies them.
        names: What the file calls each label.
        notes: Sentences for the user (segments that overlap, that lie outside the grid, ...).
        as_found: Ids of segments that hold the very voxels that a run of ours gave them.
    """

    labels: Image
    ids: dict[int, str]
    names: dict[int, str]
    notes: tuple[str, ...] = ()
    as_found: frozenset[str] = frozenset()


@dataclass
class Painter:
    """Collects segments on a grid; where two overlap the later one wins, and the notes say so.

    Attributes:
        geometry: The grid.
        notes: Sentences for the user, added to as segments come.
    """

    geometry: Geometry
    notes: list[str] = field(default_factory=list)
    _ids: dict[int, str] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _overlaps: int = 0
    _as_found: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._array = np.zeros(self.geometry.size_ijk[::-1], dtype=np.uint16)

    def paint(self, mask: np.ndarray, name: str, segment_id: str = "", found: str = "") -> None:
        """Add a segment.

        Args:
            mask: Boolean [k, j, i] on the grid.
            name: What the file calls it.
            segment_id: Its id; empty: the id that the name begins with, or the next free one.
            found: The fingerprint that a run of ours left with it, if there is one.

        Raises:
            InputError: there are too many segments.
        """
        label = len(self._ids) + 1
        if label > MOST_SEGMENTS:
            raise InputError(f"More than {MOST_SEGMENTS} segments: this is no segmentation of lymph nodes.")
        self._ids[label] = self._free_id(segment_id or leading_id(name), label)
        self._names[label] = name or self._ids[label]
        self._overlaps += bool(np.any(self._array[mask]))
        self._array[mask] = label
        if found and found == _fingerprint(mask, self.geometry):
            self._as_found.add(self._ids[label])

    def _free_id(self, wanted: Optional[str], label: int) -> str:
        taken = set(self._ids.values())
        if wanted and wanted not in taken:
            return wanted
        while f"LN{label:03d}" in taken:
            label += 1
        return f"LN{label:03d}"

    def finish(self, acquisition: Optional[Acquisition] = None) -> Segmentation:
        """The segmentation; segments of which no voxel is left are dropped, and the notes say so."""
        present = set(np.unique(self._array).tolist())
        lost = [self._ids[label] for label in self._ids if label not in present]
        if lost:
            self.notes.append(f"Without a voxel on this grid, and left out: {', '.join(lost)}.")
        if self._overlaps:
            self.notes.append(
                f"{self._overlaps} segments overlap others; where they do, the later one in the file is kept."
            )
        return Segmentation(
            Image(self._array, self.geometry, acquisition or Acquisition()),
            {label: text for label, text in self._ids.items() if label in present},
            {label: text for label, text in self._names.items() if label in present},
            tuple(self.notes),
            frozenset(self._as_found),
        )


def _fingerprint(mask: np.ndarray, geometry: Geometry) -> str:
    voxels = np.argwhere(mask)
    if not len(voxels):
        return ""
    low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
    k, j, i = low.tolist()
    block = mask[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist()))]
    return fingerprint(NodeMask(block, (i, j, k), geometry))


def leading_id(name: str) -> str:
    """The node id that a name begins with ("LN001 left external iliac"), or nothing."""
    match = _NODE_ID.match(name)
    return match.group() if match else ""


def onto_grid(labels: Image, reference: Image) -> Image:
    """A label map on the grid of an image, by nearest neighbor; 0 outside its own grid.

    Raises:
        InputError: the label map has voxels, and none of them lies on the grid.
    """
    try:
        moved = on_grid_of(reference, labels)
    except InputError:
        moved = reference.with_array(np.zeros(reference.array.shape, np.uint16))
    if labels.array.any() and not moved.array.any():
        raise InputError("The segmentation and the image do not overlap: give the image it was drawn on.")
    return Image(moved.array.astype(np.uint16), reference.geometry, reference.acquisition)


def enlarged(image: Image, other: Image) -> Image:
    """A label map on its own lattice, with 0 around it as far as another label map has voxels.

    Raises:
        InputError: they lie so far apart that the grid would not fit into memory.
    """
    voxels = np.argwhere(other.array)
    if not len(voxels):
        return image
    low, high = voxels.min(axis=0)[::-1] - 0.5, voxels.max(axis=0)[::-1] + 0.5
    corners = np.array(list(itertools.product(*zip(low, high))))
    ijk = image.geometry.ijk_from_lps(other.geometry.lps_from_ijk(corners))
    first = np.minimum(np.ceil(ijk.min(axis=0) - 1e-3), 0).astype(int)
    last = np.maximum(np.floor(ijk.max(axis=0) + 1e-3), np.array(image.geometry.size_ijk) - 1).astype(int)
    before, after = -first, last + 1 - image.geometry.size_ijk
    if not before.any() and not after.any():
        return image
    columns, rows, slices = (last - first + 1).tolist()
    if columns * rows * slices > MOST_VOXELS:
        raise InputError("The two segmentations lie too far apart to belong to one patient: check the files.")
    x, y, z = image.geometry.lps_from_ijk(first).tolist()
    geometry = replace(image.geometry, size_ijk=(columns, rows, slices), origin_lps_mm=(x, y, z))
    padded = np.pad(image.array, list(zip(before[::-1], after[::-1])))
    return Image(padded, geometry, image.acquisition)
