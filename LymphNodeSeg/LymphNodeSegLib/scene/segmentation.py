"""Measured nodes as a MRML segmentation: a segment each, on one shared layer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..colors import color_of
from ..images.image import Image
from ..nodes.blocks import Block, blocks_of
from ..nodes.fingerprint import FOUND_TAG, fingerprint
from ..nodes.node import Node, NodeMask
from ..nodes.stations import UNKNOWN
from .segments import BINARY_LABELMAP, tag_of
from .volumes import Steps, copy_steps, last_of, volume_geometry, vtk_matrix

if TYPE_CHECKING:
    import slicer

SEGMENTATION_NAME = "Lymph nodes"
TERMINOLOGY_TAG = "TerminologyEntry"
# Serialized as Slicer 5.8 and newer read it: context~category~type~modifier~context~region~modifier.
# A lymph node and nothing more: the software does not diagnose, so never a neoplasm.
LYMPH_NODE_TERMINOLOGY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^85756007^Tissue"
    "~SCT^59441001^Lymph node"
    "~^^"
    "~Anatomic codes - DICOM master list"
    "~^^"
    "~^^"
)
SEGMENT_OPACITY_2D_FILL = 0.15


def segmentation_steps(
    labels: Image, nodes: Sequence[Node], t2_volume: slicer.vtkMRMLScalarVolumeNode
) -> Generator[None, None, slicer.vtkMRMLSegmentationNode]:
    """Make the nodes a segmentation that is in no scene yet, in steps of some milliseconds.

    Each segment has the node's id, a name, the color of its size class and the terminology of a lymph
    node; all share one layer. No nodes make a segmentation without segments.

    Args:
        labels: One label a node, on the grid of the T2.
        nodes: The nodes; the label of each occurs in `labels`, and no other label does.
        t2_volume: The T2 in the scene.

    Raises:
        ValueError: nodes and labels do not belong together.
    """
    import slicer

    blocks = {block.label: block for block in blocks_of(labels.array)}
    _check_labels(sorted(blocks), nodes)
    yield
    segmentation_node = slicer.vtkMRMLSegmentationNode()
    if nodes:
        layer = yield from _layer_steps(labels, list(blocks.values()))
        world = volume_geometry(t2_volume)
        for node in sorted(nodes, key=lambda node: node.label):
            block = blocks[node.label]
            segment = _segment(node, layer)
            segment.SetTag(FOUND_TAG, fingerprint(NodeMask(block.mask, block.start_ijk, world)))
            segmentation_node.GetSegmentation().AddSegment(segment, node.id)
        yield
    return segmentation_node


def put_into_scene_steps(
    scene: slicer.vtkMRMLScene,
    segmentation_node: slicer.vtkMRMLSegmentationNode,
    t2_volume: slicer.vtkMRMLScalarVolumeNode,
) -> Steps:
    """Put a segmentation into a scene, shown as outlines; its reference geometry is the T2's."""
    display = scene.AddNewNodeByClass("vtkMRMLSegmentationDisplayNode")
    display.SetOpacity2DFill(SEGMENT_OPACITY_2D_FILL)
    # Before it is in the scene, so that the views are drawn once, and Slicer's tree finds it complete.
    segmentation_node.SetName(scene.GenerateUniqueName(SEGMENTATION_NAME))
    segmentation_node.SetAndObserveDisplayNodeID(display.GetID())
    scene.AddNode(segmentation_node)
    yield
    segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(t2_volume)


def add_segmentation(
    scene: slicer.vtkMRMLScene,
    labels: Image,
    nodes: Sequence[Node],
    t2_volume: slicer.vtkMRMLScalarVolumeNode,
) -> slicer.vtkMRMLSegmentationNode:
    """Put the nodes into a scene at once; see `segmentation_steps`."""
    segmentation_node = last_of(segmentation_steps(labels, nodes, t2_volume))
    last_of(put_into_scene_steps(scene, segmentation_node, t2_volume))
    return segmentation_node


def drop_voxels(segmentation_node: slicer.vtkMRMLSegmentationNode) -> None:
    """Empty a segmentation that is about to be removed.

    Slicer takes segment after segment out of their shared layer, each time all over it, before they go.
    """
    segmentation = segmentation_node.GetSegmentation()
    for number in range(segmentation.GetNumberOfLayers(BINARY_LABELMAP)):
        segmentation.GetLayerDataObject(number, BINARY_LABELMAP).Initialize()


def _segment(node: Node, layer: slicer.vtkOrientedImageData) -> slicer.vtkSegment:
    import slicer

    segment = slicer.vtkSegment()
    dress(segment, segment_name(node.id, node.side, node.station), node.size_class)
    segment.SetLabelValue(node.label)
    segment.AddRepresentation(BINARY_LABELMAP, layer)
    return segment


def dress(segment: slicer.vtkSegment, name: str, size_class: str) -> None:
    """Give a segment its name, the terminology of a lymph node and the color of its size class.

    Nothing is written where all are right already: Slicer takes any write for an edit, after which its undo
    begins anew.
    """
    color = [value / 255.0 for value in color_of(size_class)]
    right_color = max(abs(one - other) for one, other in zip(segment.GetColor(), color)) < 1e-3
    right_kind = tag_of(segment, TERMINOLOGY_TAG) == LYMPH_NODE_TERMINOLOGY
    if right_color and right_kind and segment.GetName() == name:
        return
    # Otherwise Slicer would rename and recolor the segment after its terminology.
    segment.SetNameAutoGenerated(False)
    segment.SetColorAutoGenerated(False)
    segment.SetTag(TERMINOLOGY_TAG, LYMPH_NODE_TERMINOLOGY)
    segment.SetName(name)
    segment.SetColor(*color)


def segment_name(node_id: str, side: str, station: str) -> str:
    """What the user reads: "LN001", with side and station where they are known."""
    return " ".join(part for part in (node_id, side, station) if part not in ("", UNKNOWN))


def _check_labels(present: list[int], nodes: Sequence[Node]) -> None:
    expected = sorted(node.label for node in nodes)
    if present != expected:
        raise ValueError(f"The label map holds the labels {present}, the nodes {expected}.")


def _layer_steps(
    labels: Image, blocks: Sequence[Block]
) -> Generator[None, None, slicer.vtkOrientedImageData]:
    """The labels as one layer that the segments share, cut to where there are labels."""
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    starts = np.array([[part.start for part in block.box] for block in blocks]).min(axis=0).tolist()
    stops = np.array([[part.stop for part in block.box] for block in blocks]).max(axis=0).tolist()
    inside = labels.array[tuple(slice(start, stop) for start, stop in zip(starts, stops))]
    layer = slicer.vtkOrientedImageData()
    layer.SetExtent([n for start, stop in zip(starts[::-1], stops[::-1]) for n in (start, stop - 1)])
    few = max(block.label for block in blocks) <= np.iinfo(np.uint8).max
    layer.AllocateScalars(vtk.VTK_UNSIGNED_CHAR if few else vtk.VTK_UNSIGNED_SHORT, 1)
    yield from copy_steps(vtk_to_numpy(layer.GetPointData().GetScalars()).reshape(inside.shape), inside)
    layer.SetImageToWorldMatrix(vtk_matrix(labels.geometry.ijk_to_ras))
    return layer
