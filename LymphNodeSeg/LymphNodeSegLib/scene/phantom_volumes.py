"""A synthetic study as volumes of a scene, to try the panel on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..images.image import Image
from ..images.study import load_study
from .dicom_files import INSTANCES_ATTRIBUTE
from .subject_hierarchy import add_study, hierarchy, place, set_series_uid
from .volumes import ROLE_ATTRIBUTE, add_volume

if TYPE_CHECKING:
    import slicer

TRUTH = "Phantom truth"


def add_phantom(scene: slicer.vtkMRMLScene, folder: Path, name: str) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """Put the study that `phantom.write_dicom` left in a folder into a scene.

    Args:
        scene: The scene.
        folder: The folder of the phantom.
        name: What patient and study are called in the subject hierarchy.

    Returns:
        The volumes: T2, DWI by b-value, ADC. They stand where nobody has computed them: they are inputs.

    Raises:
        InputError: the study can't be read.
    """
    images = load_study(folder / "study")
    named = [("T2", images.t2)]
    named += [(f"DWI b{one.acquisition.b_value_s_mm2:g}", one) for one in images.dwi_series]
    named += [("ADC", images.adc)] if images.adc is not None else []
    nodes = [_add(scene, title, image) for title, image in named]
    study = add_study(scene, images.t2.acquisition.study_uid)
    tree = hierarchy(scene)
    for item in (tree.GetItemParent(study), study):
        tree.SetItemName(item, name)
    place(scene, nodes, study)
    set_series_uid(scene, nodes[0], images.t2.acquisition.series_uid)
    return nodes


def add_truth(
    scene: slicer.vtkMRMLScene, folder: Path, t2: slicer.vtkMRMLScalarVolumeNode
) -> slicer.vtkMRMLSegmentationNode:
    """Put the phantom's true nodes into a scene, beside its T2, out of sight.

    Raises:
        OSError: the file can't be read.
    """
    import slicer

    from .subject_hierarchy import study_of

    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", TRUTH)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(folder / "truth.seg.nrrd"))
    if not storage.ReadData(node):
        scene.RemoveNode(node)
        raise OSError("The true nodes of the phantom could not be read.")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility(False)
    node.SetReferenceImageGeometryParameterFromVolumeNode(t2)
    place(scene, [node], study_of(scene, t2))
    return node


def _add(scene: slicer.vtkMRMLScene, name: str, image: Image) -> slicer.vtkMRMLScalarVolumeNode:
    node = add_volume(scene, image, name)
    node.RemoveAttribute(ROLE_ATTRIBUTE)  # which marks results
    node.SetAttribute(INSTANCES_ATTRIBUTE, " ".join(_instance_uids(image)))
    return node


def _instance_uids(image: Image) -> list[str]:
    import pydicom

    uid = "SOPInstanceUID"
    files = image.acquisition.source_files
    return [str(pydicom.dcmread(file, specific_tags=[uid])[uid].value) for file in files]
