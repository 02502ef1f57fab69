"""The segments of a segmentation as masks on the grid of the T2, and what is noted on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..images.image import Geometry
from ..nodes.blocks import Block, blocks_of
from ..nodes.fingerprint import FOUND_TAG, fingerprint
from ..nodes.node import NodeMask
from ..nodes.reading import CONFIGURATIONS
from .volumes import array_of_matrix, volume_geometry, vtk_matrix

if TYPE_CHECKING:
    import slicer

BINARY_LABELMAP = "Binary labelmap"
# Notes on a segment; they are saved with it, in .seg.nrrd files too.
ID_TAG = "LymphNodeSeg.Id"
REVIEWED_TAG = "LymphNodeSeg.Reviewed"
SIDE_TAG = "LymphNodeSeg.Side"
STATION_TAG = "LymphNodeSeg.Station"
# What Node-RADS calls configuration, as points; by the part's name.
CONFIGURATION_TAGS = {name: f"LymphNodeSeg.NodeRads.{name.capitalize()}" for name in CONFIGURATIONS}
_READERS_TAGS = (REVIEWED_TAG, SIDE_TAG, STATION_TAG, *CONFIGURATION_TAGS.values())
_TOLERANCE_VOXELS = 1e-3


def segment_ids(segmentation_node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """The ids of all segments, in their order."""
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]


def tag_of(segment: slicer.vtkSegment, name: str) -> str:
    """A note on a segment; empty where there is none."""
    import vtk

    value = vtk.mutable("")
    return str(value) if segment.GetTag(name, value) else ""


def set_tag(segment: slicer.vtkSegment, name: str, value: str) -> None:
    """Note something on a segment; an empty value removes the note. No event where nothing changes.

    The value must hold no "|", which separates the notes in .seg.nrrd files.
    """
    if tag_of(segment, name) == value:
        return
    if value:
        segment.SetTag(name, value)
    else:
        segment.RemoveTag(name)


def notes_of(segment: slicer.vtkSegment) -> dict[str, str]:
    """What the reader has noted on a segment, by tag; an empty value where nothing is noted."""
    return {tag: tag_of(segment, tag) for tag in _READERS_TAGS}


def configuration_in(notes: Mapping[str, str]) -> dict[str, int]:
    """The points of Node-RADS among what the reader has noted, by part; other values count as nothing."""
    entered = {}
    for name, words in CONFIGURATIONS.items():
        value = notes[CONFIGURATION_TAGS[name]]
        if value in map(str, range(len(words))):
            entered[name] = int(value)
    return entered


class SegmentMasks:
    """The voxels of each segment on the grid of the T2, layer by layer.

    A layer that was not written to since the last look is not looked at again.

    Args:
        segmentation_node: The segmentation.
        t2_node: The T2.
    """

    def __init__(
        self, segmentation_node: slicer.vtkMRMLSegmentationNode, t2_node: slicer.vtkMRMLScalarVolumeNode
    ) -> None:
        self._segmentation_node, self._t2_node = segmentation_node, t2_node
        self._layers: dict[Any, tuple[tuple[Any, ...], dict[int, Block]]] = {}

    def look(self) -> dict[str, NodeMask]:
        """The masks by segment id, without the segments that have no voxel on the grid of the T2.

        Raises:
            InputError: the T2 is under a transform that bends or shears it.
        """
        grid = volume_geometry(self._t2_node)
        to_world = _to_world(self._segmentation_node)
        segmentation = self._segmentation_node.GetSegmentation()
        masks, seen = {}, {}
        for segment_id in segment_ids(self._segmentation_node):
            segment = segmentation.GetSegment(segment_id)
            layer = segment.GetRepresentation(BINARY_LABELMAP)
            if layer is None or layer.IsEmpty():
                continue
            key = layer.GetAddressAsString("")
            if key not in seen:
                state = (layer.GetMTime(), grid, to_world.tobytes())
                known = self._layers.get(key)
                seen[key] = known if known and known[0] == state else (state, _blocks(layer, to_world, grid))
            block = seen[key][1].get(segment.GetLabelValue())
            if block is not None:
                masks[segment_id] = NodeMask(block.mask, block.start_ijk, grid)
        self._layers = seen
        return masks


def write_mask(segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str, mask: NodeMask) -> None:
    """Give a segment the voxels of a mask, whose grid lies in the world; other segments keep theirs.

    Raises:
        RuntimeError: Slicer refused.
    """
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    layer = slicer.vtkOrientedImageData()
    size = mask.array.shape[::-1]
    layer.SetExtent([n for start, count in zip(mask.start_ijk, size) for n in (start, start + count - 1)])
    layer.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(layer.GetPointData().GetScalars()).reshape(mask.array.shape)[...] = mask.array
    to_local = np.linalg.inv(_to_world(segmentation_node))
    layer.SetImageToWorldMatrix(vtk_matrix(to_local @ mask.geometry.ijk_to_ras))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(layer, segmentation_node, segment_id, logic.MODE_REPLACE):
        raise RuntimeError(f"The segment {segment_id} could not be changed.")


def _to_world(segmentation_node: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    """The parent transform of a segmentation, 4x4 RAS."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    transform = segmentation_node.GetParentTransformNode()
    if transform is not None:
        transform.GetMatrixTransformToWorld(matrix)
    return array_of_matrix(matrix)


def _blocks(layer: slicer.vtkOrientedImageData, to_world: np.ndarray, grid: Geometry) -> dict[int, Block]:
    """The blocks of a layer's labels on a grid."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    matrix = vtk.vtkMatrix4x4()
    layer.GetImageToWorldMatrix(matrix)
    to_grid = np.linalg.inv(grid.ijk_to_ras) @ to_world @ array_of_matrix(matrix)
    shift = np.round(to_grid[:3, 3]).astype(int)
    expected = np.eye(4)
    expected[:3, 3] = shift
    size = np.array(grid.size_ijk)
    # The matrices may differ by what the far end of the grid makes a thousandth of a voxel.
    if np.abs((to_grid - expected) * np.append(size, 1.0)).max() > _TOLERANCE_VOXELS:
        layer = _resampled(layer, to_world, grid)
        shift = np.zeros(3, int)
    array = vtk_to_numpy(layer.GetPointData().GetScalars()).reshape(layer.GetDimensions()[::-1])
    start = np.array(layer.GetExtent()[::2]) + shift
    low = np.maximum(-start, 0)
    high = np.minimum(size - start, array.shape[::-1])
    if np.any(low >= high):
        return {}
    inside = array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    return {block.label: _moved(block, start + low) for block in blocks_of(inside)}


def _moved(block: Block, offset_ijk: np.ndarray) -> Block:
    k, j, i = (slice(part.start + n, part.stop + n) for part, n in zip(block.box, offset_ijk[::-1].tolist()))
    return Block(block.label, (k, j, i), block.mask)


def _resampled(
    layer: slicer.vtkOrientedImageData, to_world: np.ndarray, grid: Geometry
) -> slicer.vtkOrientedImageData:
    """A layer that was drawn on another grid, by nearest neighbor."""
    import slicer

    reference = slicer.vtkOrientedImageData()
    columns, rows, slices = grid.size_ijk
    reference.SetExtent(0, columns - 1, 0, rows - 1, 0, slices - 1)
    reference.SetImageToWorldMatrix(vtk_matrix(np.linalg.inv(to_world) @ grid.ijk_to_ras))
    result = slicer.vtkOrientedImageData()
    resample = slicer.vtkOrientedImageDataResample
    resample.ResampleOrientedImageToReferenceOrientedImage(layer, reference, result, False)
    return result


def is_as_found(segment: slicer.vtkSegment, mask: Optional[NodeMask]) -> bool:
    """Whether a segment still has the very voxels that the software gave it."""
    noted = tag_of(segment, FOUND_TAG)
    return bool(noted) and mask is not None and noted == fingerprint(mask)
