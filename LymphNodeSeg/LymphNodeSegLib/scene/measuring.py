"""Measuring the segments of a result on its images, a few at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Image
from ..nodes.grow import grow_node
from ..nodes.measure import measure_nodes
from ..nodes.node import Node, NodeMask, Point
from ..nodes.stations import Landmarks, find_landmarks
from ..settings import Settings
from .result import ResultNodes
from .volumes import image_from_volume, volume_geometry

if TYPE_CHECKING:
    import slicer

AT_ONCE = 4
"""Nodes measured in one go: more would be felt."""

_SAME_GRID_MM = 0.01
# What measuring imports, in pieces: at once, it would hold up Slicer for a third of a second.
_LIBRARIES = ("scipy", "scipy.linalg", "scipy.sparse", "scipy.spatial")


@dataclass(frozen=True)
class _Images:
    """What is measured inside the nodes; None for what there is not, or no longer on the grid of the T2."""

    t2: Image
    dwi: Optional[Image]
    adc: Optional[Image]
    probability: Optional[Image]
    known: Optional[np.ndarray]


class Measuring:
    """Measures masks on the images of a result, with the settings of its run.

    Args:
        result: The result.
        settings: Those of its run.
    """

    def __init__(self, result: ResultNodes, settings: Settings) -> None:
        self._result, self._settings = result, settings
        self._landmarks: Optional[Landmarks] = None
        self._loaded: Optional[_Images] = None
        self._masks: dict[str, NodeMask] = {}
        self._label: dict[str, int] = {}
        self._labels: Optional[np.ndarray] = None

    def update(self, masks: Mapping[str, NodeMask]) -> None:
        """These are the segments now, by their ids."""
        self._masks, self._labels = dict(masks), None
        self._label = {name: n for n, name in enumerate(masks, start=1)}
        grid = volume_geometry(self._result.t2)
        if self._loaded is not None and not self._loaded.t2.geometry.is_close(grid, _SAME_GRID_MM):
            self._loaded = self._landmarks = None  # the T2 was moved

    def get_ready(self) -> bool:
        """Do one of the things that come before the first measurement, in some tens of milliseconds.

        Returns:
            Whether there was one; there may be more.
        """
        missing = next((name for name in _LIBRARIES if name not in sys.modules), None)
        if missing is not None:
            import_module(missing)
        elif self._landmarks is None and self._settings.reading_aids:
            self._landmarks = find_landmarks(self._images.t2)
        else:
            return False
        return True

    def measure(self, waiting: Sequence[str]) -> dict[str, Node]:
        """Measure the first of some segments, and others that can be measured in the same go.

        Call `get_ready` before, until there is nothing more to do.

        Args:
            waiting: Ids of segments.

        Returns:
            Nodes by segment id.
        """
        labels = self._painted()
        chosen = [name for name in waiting if self._is_whole(labels, name)][:AT_ONCE]
        if chosen:
            return self._measured(chosen, labels)
        # Others lie over it: it is measured on top of them.
        name = waiting[0]
        box, inside = box_of(self._masks[name]), self._masks[name].array
        kept = labels[box].copy()
        labels[box][inside] = self._label[name]
        nodes = self._measured([name], labels)
        labels[box] = kept
        return nodes

    def segment_at(self, point_ras_mm: Point) -> Optional[str]:
        """The segment that holds a point."""
        labels = self._images.t2.with_array(self._painted())
        lps_mm = np.multiply(point_ras_mm, [-1.0, -1.0, 1.0])
        index = np.round(labels.geometry.ijk_from_lps(lps_mm)).astype(int)
        if np.any(index < 0) or np.any(index >= labels.geometry.size_ijk):
            return None
        label = int(labels.array[tuple(index[::-1])])
        return next((name for name, value in self._label.items() if value == label), None)

    def grow(self, point_ras_mm: Point) -> Optional[NodeMask]:
        """The node that the images show at a point, without the segments that there are."""
        images = self._images
        return grow_node(
            point_ras_mm,
            images.t2,
            dwi=images.dwi,
            probability=images.probability,
            known=images.known,
            taken=self._painted() > 0,
        )

    def label_map(self, nodes: Sequence[Node]) -> Image:
        """One label a node on the grid of the T2; of two that overlap the later one."""
        return self._images.t2.with_array(self._paint((node.mask, node.label) for node in nodes))

    @property
    def _images(self) -> _Images:
        if self._loaded is None:
            self._loaded = _images_of(self._result)
        return self._loaded

    def _measured(self, chosen: Sequence[str], labels: np.ndarray) -> dict[str, Node]:
        images = self._images
        names = {self._label[name]: name for name in chosen}
        nodes = measure_nodes(
            images.t2.with_array(labels),
            probability=images.probability,
            dwi=images.dwi,
            adc=images.adc,
            t2=images.t2,
            known=images.known,
            landmarks=self._landmarks,
            settings=self._settings,
            ids=names,
            only=set(names),
        )
        return {names[node.label]: node for node in nodes}

    def _painted(self) -> np.ndarray:
        """All segments in one label map, the later over the earlier."""
        if self._labels is None:
            self._labels = self._paint((mask, self._label[name]) for name, mask in self._masks.items())
        return self._labels

    def _paint(self, labeled: Iterable[tuple[NodeMask, int]]) -> np.ndarray:
        array = np.zeros(self._images.t2.array.shape, np.uint16)
        for mask, label in labeled:
            array[box_of(mask)][mask.array] = label
        return array

    def _is_whole(self, labels: np.ndarray, name: str) -> bool:
        mask = self._masks[name]
        return bool((labels[box_of(mask)][mask.array] == self._label[name]).all())


def _images_of(result: ResultNodes) -> _Images:
    t2 = image_from_volume(result.t2, "T2")

    def fitting(node: Optional[slicer.vtkMRMLScalarVolumeNode]) -> Optional[Image]:
        if node is None or node.GetImageData() is None:
            return None
        image = image_from_volume(node)
        return image if image.geometry.is_close(t2.geometry, _SAME_GRID_MM) else None

    dwi = fitting(result.dwi)
    # The registration leaves 0 where it knows nothing.
    known = None if dwi is None else dwi.array != 0
    return _Images(t2, dwi, fitting(result.adc), fitting(result.probability), known)


def box_of(mask: NodeMask) -> tuple[slice, slice, slice]:
    """The slices along k, j, i of a mask in its full grid."""
    i, j, k = (slice(start, start + n) for start, n in zip(mask.start_ijk, mask.array.shape[::-1]))
    return k, j, i
