"""Many small masks in one array, so that each step over the voxels is taken once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_WASTE = 4  # times the voxels needed, and
_SPARE = 500_000  # so many voxels more may be empty before masks of unlike sizes are packed apart


@dataclass(frozen=True)
class Pack:
    """Several masks, with an empty plane, row and column before each and two empty planes at the end.

    A step of up to one voxel along each axis, taken in the flat array, never leads from one mask into
    another: what lies between is empty.

    Attributes:
        voxels: uint8 [plane, row, column].
        numbers: The numbers of the masks in here, in the order in which they lie.
        owner: For each plane, the place in `numbers` of its mask. The empty plane before a mask is its own.
        plane: For each plane its number in the mask, -1 for the empty one before.
    """

    voxels: np.ndarray
    numbers: np.ndarray
    owner: np.ndarray
    plane: np.ndarray

    @property
    def strides(self) -> tuple[int, int, int]:
        """Steps in the flat array from column to column, row to row, plane to plane."""
        _, rows, columns = self.voxels.shape
        return 1, columns, rows * columns

    def places(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Column, row and plane within its mask, and place in `numbers`, of flat indices."""
        _, width, area = self.strides
        lines = flat // width
        planes = flat // area
        columns, rows = flat - lines * width, lines - planes * (area // width)
        return columns - 1, rows - 1, self.plane[planes], self.owner[planes]


def packed(masks: Sequence[np.ndarray]) -> list[Pack]:
    """The masks [plane, row, column] in as few arrays as their sizes allow."""
    shapes = np.array([mask.shape for mask in masks]).reshape(-1, 3) + 1
    packs: list[Pack] = []
    group: list[int] = []
    rows = columns = planes = needed = 0
    for number in np.argsort(shapes[:, 1] * shapes[:, 2], kind="stable").tolist():
        size = shapes[number].tolist()
        rows, columns, planes = max(rows, size[1]), max(columns, size[2]), planes + size[0]
        needed += size[0] * size[1] * size[2]
        if group and rows * columns * planes > _WASTE * needed + _SPARE:
            packs.append(_pack(masks, group))
            group, needed = [], size[0] * size[1] * size[2]
            planes, rows, columns = size
        group.append(number)
    return [*packs, _pack(masks, group)] if group else []


def _pack(masks: Sequence[np.ndarray], numbers: Sequence[int]) -> Pack:
    sizes = np.array([masks[number].shape for number in numbers])
    planes = sizes[:, 0] + 1
    first = np.cumsum(planes) - planes
    voxels = np.zeros((int(planes.sum()) + 2, *(sizes[:, 1:].max(axis=0) + 1).tolist()), np.uint8)
    for start, number in zip(first.tolist(), numbers):
        mask = masks[number]
        k, j, i = mask.shape
        voxels[start + 1 : start + 1 + k, 1 : j + 1, 1 : i + 1] = mask
    # The two planes at the end hold nothing that anybody asks for: they count as the last mask's.
    planes[-1] += 2
    owner = np.repeat(np.arange(len(numbers)), planes)
    plane = np.arange(len(voxels)) - np.repeat(first, planes) - 1
    return Pack(voxels, np.array(numbers), owner, plane)
