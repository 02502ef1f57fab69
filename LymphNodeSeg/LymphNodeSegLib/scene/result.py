"""A result as the files that Slicer opens."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Geometry, Image
from ..nodes.node import Node
from ..result_folder import SCENE, SEGMENTATION
from .segmentation import add_segmentation
from .session import Session
from .subject_hierarchy import add_study, place, set_series_uid, study_of
from .table import add_table
from .views import add_slice_views, show_images
from .volumes import add_volume, volume_geometry

if TYPE_CHECKING:
    import slicer


# Of the segmentation to the other nodes of its result, so that a saved scene brings them back together.
REFERENCES = {
    "t2": "LymphNodeSeg.T2",
    "dwi": "LymphNodeSeg.DWI",
    "adc": "LymphNodeSeg.ADC",
    "table": "LymphNodeSeg.Table",
    "probability": "LymphNodeSeg.Probability",
    "dwi_before": "LymphNodeSeg.DWIBefore",
}


@dataclass(frozen=True)
class ResultNodes:
    """The nodes of one result in a scene.

    Attributes:
        t2: The T2 that the run worked on.
        dwi, adc: On the T2 grid, after registration.
        segmentation: A segment a node.
        table: Their measurements.
        probability: Calibrated probability of lymph node on the T2 grid.
        dwi_before: The DWI as it was acquired, at the b-value of the run.
    """

    t2: slicer.vtkMRMLScalarVolumeNode
    dwi: slicer.vtkMRMLScalarVolumeNode
    adc: Optional[slicer.vtkMRMLScalarVolumeNode]
    segmentation: slicer.vtkMRMLSegmentationNode
    table: slicer.vtkMRMLTableNode
    probability: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    dwi_before: Optional[slicer.vtkMRMLScalarVolumeNode] = None


def result_of(segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> Optional[ResultNodes]:
    """The result that a segmentation belongs to; None if it is none, or a part that it needs is gone."""
    if segmentation is None or segmentation.GetScene() is None:
        return None
    nodes = {name: segmentation.GetNodeReference(role) for name, role in REFERENCES.items()}
    if None in (nodes["t2"], nodes["dwi"], nodes["table"]):
        return None
    return ResultNodes(segmentation=segmentation, **nodes)


def _refer(result: ResultNodes) -> None:
    for name, role in REFERENCES.items():
        node = getattr(result, name)
        if node is not None:
            result.segmentation.SetNodeReferenceID(role, node.GetID())


def write_scene_files(
    folder: Path,
    t2: Image,
    registration_dwi: Image,
    adc: Optional[Image],
    labels: Image,
    nodes: Sequence[Node],
) -> None:
    """Write ``segmentation.seg.nrrd`` and ``scene.mrb`` of a result; works without Slicer.

    Args:
        folder: Where to; it exists.
        t2: The T2; its grid is that of the segmentation.
        registration_dwi: The DWI on the T2 grid.
        adc: The ADC in um2/s on the T2 grid, if there is one.
        labels: One label a node on the T2 grid.
        nodes: The measured nodes; there may be none.

    Raises:
        OSError: a file could not be written.
    """
    session = Session()
    scene = session.scene
    t2_node = add_volume(scene, t2, "T2", "T2")
    study = add_study(scene, t2.acquisition.study_uid)
    place(scene, [t2_node], study)
    if t2.acquisition.series_uid:
        set_series_uid(scene, t2_node, t2.acquisition.series_uid)
    result = add_result(scene, t2_node, registration_dwi, adc, labels, nodes)
    add_slice_views(scene, t2_node)
    show_images(scene, t2_node, result.dwi)
    write_scene(scene, folder / SCENE)
    if nodes:
        _copy_segmentation(folder / SCENE, folder / SEGMENTATION)
    else:
        write_segmentation(result.segmentation, folder / SEGMENTATION, t2_node)


def add_result(
    scene: slicer.vtkMRMLScene,
    t2_node: slicer.vtkMRMLScalarVolumeNode,
    dwi: Image,
    adc: Optional[Image],
    labels: Image,
    nodes: Sequence[Node],
    probability: Optional[Image] = None,
    dwi_before: Optional[slicer.vtkMRMLScalarVolumeNode] = None,
) -> ResultNodes:
    """Put a result into a scene, beside its T2: under the same study, and under the same transform.

    Nothing that is in the scene is changed.

    Args:
        scene: The scene.
        t2_node: The T2.
        dwi: The DWI on the grid of the T2, its parent transform applied.
        adc: The ADC in um2/s on the same grid, if there is one.
        labels: One label a node on the same grid.
        nodes: The measured nodes.
        probability: Calibrated probability of lymph node on the same grid.
        dwi_before: The DWI as it was acquired, in the scene.

    Raises:
        ValueError: nodes and labels do not belong together.
    """
    # The T2's transform is put over the results too, so they are added below it and move along with the T2.
    grid = volume_geometry(t2_node, in_world=False)
    segmentation = add_segmentation(scene, replace(labels, geometry=grid), nodes, t2_node)
    dwi_node = add_volume(scene, replace(dwi, geometry=grid), "DWI registered", "DWI")
    adc_node = add_volume(scene, replace(adc, geometry=grid), "ADC registered", "ADC") if adc else None
    table = add_table(scene, nodes)
    probability_node = None
    if probability is not None:
        probability_node = add_volume(scene, replace(probability, geometry=grid), "Lymph node probability")
    images = [node for node in (dwi_node, adc_node, probability_node, segmentation) if node is not None]
    for node in images:
        node.SetAndObserveTransformNodeID(t2_node.GetTransformNodeID())
    place(scene, [*images, table], study_of(scene, t2_node))
    result = ResultNodes(t2_node, dwi_node, adc_node, segmentation, table, probability_node, dwi_before)
    _refer(result)
    return result


def write_segmentation(
    node: slicer.vtkMRMLSegmentationNode, path: Path, t2_volume: slicer.vtkMRMLVolumeNode
) -> None:
    """Write a segmentation as .seg.nrrd over the whole grid of the T2, not cropped to its segments.

    Raises:
        OSError: the file could not be written.
    """
    import slicer

    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path.absolute()))
    storage.SetCropToMinimumExtent(False)
    if not storage.WriteData(node):
        raise OSError(f"The segmentation could not be written to {path}.")
    if node.GetSegmentation().GetNumberOfSegments() == 0:
        _give_empty_file_its_grid(path, volume_geometry(t2_volume))


def _give_empty_file_its_grid(path: Path, geometry: Geometry) -> None:
    """Slicer writes a segmentation without segments as one voxel: write it on its grid instead."""
    import SimpleITK as sitk

    written = sitk.ReadImage(str(path))
    empty = Image(np.zeros(geometry.size_ijk[::-1], np.uint8), geometry).to_sitk()
    for key in written.GetMetaDataKeys():
        if key.startswith("Segmentation_"):
            empty.SetMetaData(key, written.GetMetaData(key))
    sitk.WriteImage(empty, str(path), useCompression=True)


def _copy_segmentation(bundle: Path, path: Path) -> None:
    """Take the segmentation out of a scene's bundle: Slicer's writer needs 10 ms for each segment."""
    with zipfile.ZipFile(bundle) as parts:
        name = next(name for name in parts.namelist() if name.endswith(".seg.nrrd"))
        path.write_bytes(parts.read(name))


def write_scene(scene: slicer.vtkMRMLScene, path: Path) -> None:
    """Write a scene as .mrb.

    Raises:
        OSError: the file could not be written.
    """
    if not scene.WriteToMRB(str(path.absolute())):
        raise OSError(f"The scene could not be written to {path}.")
