"""A result as the files that Slicer opens."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Geometry, Image
from ..nodes.node import Node
from .result import ResultData, add_result
from .session import Session
from .subject_hierarchy import add_study, place, set_series_uid
from .views import add_slice_views, show_images
from .volumes import add_volume, volume_geometry

if TYPE_CHECKING:
    import slicer

SEGMENTATION_FILE = "segmentation.seg.nrrd"
SCENE_FILE = "scene.mrb"


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
    result = add_result(scene, t2_node, ResultData(labels, nodes, registration_dwi, adc))
    add_slice_views(scene, t2_node)
    show_images(scene, t2_node, result.dwi)
    write_scene(scene, folder / SCENE_FILE)
    if nodes:
        _copy_segmentation(folder / SCENE_FILE, folder / SEGMENTATION_FILE)
    else:
        write_segmentation(result.segmentation, folder / SEGMENTATION_FILE, t2_node)


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
