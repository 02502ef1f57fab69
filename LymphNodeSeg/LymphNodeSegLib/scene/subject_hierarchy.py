"""The tree of patient, study, images and results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer

# No name, identifier or date of a patient is put into a scene that we make: it may be sent around. The
# DICOM UIDs are, because they link a result to its series; they say nothing of the person.
PATIENT, STUDY = "Patient", "Study"
_OWNERS = {
    "vtkMRMLScalarVolumeNode": "Volumes",
    "vtkMRMLSegmentationNode": "Segmentations",
    "vtkMRMLTableNode": "Tables",
}


def add_study(scene: slicer.vtkMRMLScene, study_uid: str = "") -> int:
    """Make a patient with one study in the subject hierarchy.

    Args:
        scene: The scene.
        study_uid: StudyInstanceUID, so that Slicer knows the study again; empty if unknown.

    Returns:
        The study's item.
    """
    import slicer

    tree = hierarchy(scene)
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    patient_item = tree.CreateSubjectItem(tree.GetSceneItemID(), PATIENT)
    study_item = tree.CreateStudyItem(patient_item, STUDY)
    for item in (patient_item, study_item):
        tree.SetItemOwnerPluginName(item, "Folder")
    if study_uid:
        tree.SetItemUID(study_item, constants.GetDICOMUIDName(), study_uid)
    return study_item


def place(scene: slicer.vtkMRMLScene, nodes: Iterable[slicer.vtkMRMLNode], parent_item: int) -> None:
    """Put nodes beneath an item; nodes that Slicer has given an item already are moved."""
    tree = hierarchy(scene)
    for node in nodes:
        tree.SetItemParent(_item_of(scene, node), parent_item)


def _item_of(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLNode) -> int:
    tree = hierarchy(scene)
    item = tree.GetItemByDataNode(node)
    if not item:  # slicer-core has not the Qt plugins that make items of new nodes
        item = tree.CreateItem(tree.GetSceneItemID(), node)
        tree.SetItemOwnerPluginName(item, _OWNERS.get(node.GetClassName(), "Default"))
    return int(item)


def set_series_uid(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLNode, series_uid: str) -> None:
    """Say that a node in the tree is a DICOM series: the series itself, not an image derived from it."""
    import slicer

    tree = hierarchy(scene)
    uid_name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName()
    tree.SetItemUID(tree.GetItemByDataNode(node), uid_name, series_uid)


def study_of(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLNode) -> int:
    """The item of the study that a node lies in; the item above the node if it is in no study.

    A node without an item of its own gets one.
    """
    import slicer

    tree = hierarchy(scene)
    item = _item_of(scene, node)
    level = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMLevelStudy()
    return tree.GetItemAncestorAtLevel(item, level) or tree.GetItemParent(item)


def hierarchy(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSubjectHierarchyNode:
    """The scene's subject hierarchy node; it is made if there is none."""
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
