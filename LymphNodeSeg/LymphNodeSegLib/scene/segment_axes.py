"""The axes of any one segment, on its own voxels: for Slicer's Segment Statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Image
from ..nodes.measure import measure_nodes
from ..nodes.node import Node
from ..settings import Settings
from .volumes import array_of_matrix, geometry_from_ras

if TYPE_CHECKING:
    import slicer

_SETTINGS = Settings(reading_aids=False)


def measured_segment(segmentation_node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> Optional[Node]:
    """A segment measured as a lymph node is; the planes are those of its own voxels.

    Args:
        segmentation_node: The segmentation; its parent transform is not looked at.
        segment_id: The segment.

    Returns:
        The node; None for a segment without voxels, or with voxels that are not at right angles.
    """
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    labelmap = slicer.vtkOrientedImageData()
    if not segmentation_node.GetBinaryLabelmapRepresentation(segment_id, labelmap) or labelmap.IsEmpty():
        return None
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    start = np.array(labelmap.GetExtent()[::2])
    shifted = array_of_matrix(matrix)
    shifted[:3, 3] += shifted[:3, :3] @ start
    geometry = geometry_from_ras(shifted, labelmap.GetDimensions())
    array = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1]) != 0
    if geometry is None or not array.any():
        return None
    return measure_nodes(Image(array.astype(np.uint8), geometry), settings=_SETTINGS)[0]
