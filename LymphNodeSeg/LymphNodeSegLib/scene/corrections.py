"""What the reader does to nodes: add one, split, merge, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np

from ..errors import InputError
from ..nodes.divide import halves
from ..nodes.node import NodeMask, Point
from .node_list import NodeList
from .segments import write_mask


class Corrections:
    """Each of these can be undone in one go; ids, names, colors and measurements follow by the list.

    Args:
        nodes: The list.
        save_state: Called before anything is changed, so that Slicer's undo leads back to here.
    """

    def __init__(self, nodes: NodeList, save_state: Callable[[], None]) -> None:
        self._nodes, self._save_state = nodes, save_state

    def add(self, point_ras_mm: Point) -> str:
        """Grow a node from a point.

        Returns:
            The new segment.

        Raises:
            InputError: there is a node already, or nothing that looks like one.
        """
        self._nodes.refresh()
        there = self._nodes.at(point_ras_mm)
        if there is not None:
            raise InputError(f"{there.id} is there already.")
        mask = self._nodes.grow(point_ras_mm)
        if mask is None:
            raise InputError("Nothing with the outline of a node was found there: draw it in the editor.")
        self._save_state()
        return self._new(mask)

    def begin(self) -> str:
        """Begin a node without voxels, to be drawn by hand.

        Returns:
            The new segment.
        """
        self._nodes.refresh()
        self._save_state()
        return self._new(None)

    def split(self, segment_id: str) -> str:
        """Divide a node in two by its shape; the larger part keeps the id.

        Returns:
            The new segment.

        Raises:
            InputError: it is too small.
        """
        mask = self._mask(segment_id)
        if np.count_nonzero(mask.array) < 2:
            raise InputError("A single voxel can't be split.")
        parts = halves(mask.array, mask.geometry.spacing_mm[::-1])
        self._save_state()
        write_mask(self._segmentation, segment_id, _part(mask, parts == 1))
        return self._new(_part(mask, parts == 2))

    def merge(self, segment_ids: Sequence[str]) -> str:
        """Make one of several nodes; it keeps the id of the largest.

        Returns:
            The segment that is left.

        Raises:
            InputError: fewer than two were given.
        """
        if len(segment_ids) < 2:
            raise InputError("Choose two nodes or more to merge.")
        masks = {name: self._mask(name) for name in segment_ids}
        kept = max(masks, key=lambda name: int(np.count_nonzero(masks[name].array)))
        self._save_state()
        for name in segment_ids:
            if name != kept:
                self._segments.RemoveSegment(name)
        write_mask(self._segmentation, kept, _union(list(masks.values())))
        self._nodes.refresh()
        return kept

    def delete(self, segment_ids: Sequence[str]) -> None:
        """Take nodes away.

        Raises:
            InputError: none was given.
        """
        if not segment_ids:
            raise InputError("Choose the nodes to delete.")
        self._save_state()
        for name in segment_ids:
            self._segments.RemoveSegment(name)
        self._nodes.refresh()

    def _new(self, mask: Optional[NodeMask]) -> str:
        name = self._nodes.next_id()
        self._segments.AddEmptySegment(name, name)
        if mask is not None:
            write_mask(self._segmentation, name, mask)
        self._nodes.refresh()
        return name

    def _mask(self, segment_id: str) -> NodeMask:
        self._nodes.refresh()
        mask = self._nodes.mask(segment_id)
        if mask is None:
            raise InputError("The node has no voxels.")
        return mask

    @property
    def _segmentation(self) -> Any:
        return self._nodes.result.segmentation

    @property
    def _segments(self) -> Any:
        return self._segmentation.GetSegmentation()


def _part(mask: NodeMask, part: np.ndarray) -> NodeMask:
    """Some voxels of a mask, in their own bounding box."""
    cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(part))
    i, j, k = (start + inner.start for start, inner in zip(mask.start_ijk, cut[::-1]))
    return NodeMask(part[cut], (i, j, k), mask.geometry)


def _union(masks: Sequence[NodeMask]) -> NodeMask:
    starts = np.array([mask.start_ijk for mask in masks])
    stops = starts + [mask.array.shape[::-1] for mask in masks]
    low = starts.min(axis=0)
    array = np.zeros((stops.max(axis=0) - low)[::-1], bool)
    for mask, start, stop in zip(masks, (starts - low).tolist(), (stops - low).tolist()):
        array[start[2] : stop[2], start[1] : stop[1], start[0] : stop[0]] |= mask.array
    i, j, k = low.tolist()
    return NodeMask(array, (i, j, k), masks[0].geometry)
