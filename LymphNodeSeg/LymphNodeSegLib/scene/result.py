"""A result in a scene: its nodes, added all or none, and found again in a scene that was saved."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional, Union

from ..images.image import Image
from ..nodes.node import Node
from .segmentation import drop_voxels, put_into_scene_steps, segmentation_steps
from .segments import segment_ids
from .subject_hierarchy import hierarchy, place, study_of
from .table import add_table
from .volumes import PROBABILITY, ROLE_ATTRIBUTE, last_of, new_volume, volume_geometry, volume_steps

if TYPE_CHECKING:
    import slicer

SEGMENTATION_ROLE = "nodes"
FOUND_ATTRIBUTE = "LymphNodeSeg.Found"
REFERENCES = {
    "t2": "LymphNodeSeg.T2",
    "dwi": "LymphNodeSeg.DWI",
    "adc": "LymphNodeSeg.ADC",
    "table": "LymphNodeSeg.Table",
    "probability": "LymphNodeSeg.Probability",
    "dwi_before": "LymphNodeSeg.DWIBefore",
}
"""Of the segmentation to the other nodes of its result, so that a saved scene brings them back together."""

_MADE = ("segmentation", "dwi", "adc", "probability", "table", "dwi_before")


@dataclass(frozen=True)
class ResultData:
    """What a run found, on the grid of its T2 with the T2's parent transform applied.

    Attributes:
        labels: One label a node.
        nodes: The measured nodes.
        dwi: The registered DWI.
        adc: The registered ADC in um2/s, if there is one.
        probability: Calibrated probability of lymph node.
        dwi_before: The DWI as it was acquired: its node, or an image that has none yet.
    """

    labels: Image
    nodes: Sequence[Node]
    dwi: Image
    adc: Optional[Image] = None
    probability: Optional[Image] = None
    dwi_before: Union[slicer.vtkMRMLScalarVolumeNode, Image, None] = None


@dataclass(frozen=True)
class ResultNodes:
    """The nodes of one result in a scene; None for what the result has not, or the user has removed.

    Attributes:
        t2: The T2.
        segmentation: A segment for each lymph node.
        dwi: The registered DWI.
        adc: The registered ADC in um2/s.
        probability: Calibrated probability of lymph node, 0 to 1.
        table: The measurements.
        dwi_before: The DWI as it was acquired, at the b-value of the run.
        nodes: The measurements as the run handed them over; empty for a scene that was opened.
    """

    t2: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    dwi: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    adc: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    probability: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    table: Optional[slicer.vtkMRMLTableNode] = None
    dwi_before: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    nodes: tuple[Node, ...] = ()


def add_result(
    scene: slicer.vtkMRMLScene, t2_node: slicer.vtkMRMLScalarVolumeNode, data: ResultData
) -> ResultNodes:
    """Put a result into a scene at once; see `result_steps`."""
    result: ResultNodes = last_of(result_steps(scene, t2_node, data))
    return result


def result_steps(
    scene: slicer.vtkMRMLScene, t2_node: slicer.vtkMRMLScalarVolumeNode, data: ResultData
) -> Generator[None, None, ResultNodes]:
    """Put a result into a scene, beside its T2: under the same study, and under the same transform.

    Nothing that is in the scene is changed. Take the steps, of some milliseconds each, one by one; what they
    return in the end is the result. If one fails, or the steps are closed early, all that was added is
    removed.

    Args:
        scene: The scene.
        t2_node: The T2.
        data: What the run found.

    Raises:
        ValueError: nodes and labels do not belong together.
    """
    # The T2's transform is put over the results too, so they are added below it and move along with the T2.
    grid = volume_geometry(t2_node, in_world=False)
    images = (
        ("dwi", "DWI registered", "DWI", data.dwi),
        ("adc", "ADC registered", "ADC", data.adc),
        ("probability", "Lymph node probability", PROBABILITY, data.probability),
    )
    with _all_or_none(scene) as added:
        volumes = {}
        for key, name, role, image in images:
            if image is not None:
                node = volumes[key] = new_volume(scene, name, role)
                added.append(node)
                yield from volume_steps(node, replace(image, geometry=grid))
        before = data.dwi_before
        if isinstance(before, Image):
            image, before = before, new_volume(scene, "DWI before registration", "DWI")
            added.append(before)
            yield from volume_steps(before, image)
            place(scene, [before], study_of(scene, t2_node))
        labels = replace(data.labels, geometry=grid)
        segmentation = yield from segmentation_steps(labels, data.nodes, t2_node)
        added.append(segmentation)
        yield from put_into_scene_steps(scene, segmentation, t2_node)
        yield
        table = add_table(scene, data.nodes)
        added.append(table)
        yield
        for node in (*volumes.values(), segmentation):
            node.SetAndObserveTransformNodeID(t2_node.GetTransformNodeID())
        yield
        result = ResultNodes(
            t2_node,
            segmentation,
            **volumes,
            table=table,
            dwi_before=before,
            nodes=tuple(data.nodes),
        )
        _note(result)
        yield
        for node in (*volumes.values(), segmentation, table):
            place(scene, [node], study_of(scene, t2_node))
            yield
    return result


def _note(result: ResultNodes) -> None:
    """Let the segmentation know what belongs to it."""
    segmentation = result.segmentation
    segmentation.SetAttribute(ROLE_ATTRIBUTE, SEGMENTATION_ROLE)
    segmentation.SetAttribute(FOUND_ATTRIBUTE, " ".join(segment_ids(segmentation)))
    for name, role in REFERENCES.items():
        node = getattr(result, name)
        if node is not None:
            segmentation.SetNodeReferenceID(role, node.GetID())


def result_of(segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> Optional[ResultNodes]:
    """The result that a segmentation belongs to; None if it is none of ours, or its T2 is gone."""
    if segmentation is None or segmentation.GetScene() is None:
        return None
    nodes = {name: segmentation.GetNodeReference(role) for name, role in REFERENCES.items()}
    if nodes["t2"] is None or nodes["t2"].GetImageData() is None:
        return None
    return ResultNodes(segmentation=segmentation, **nodes)


def results_in(scene: slicer.vtkMRMLScene) -> list[ResultNodes]:
    """All results of a scene."""
    kind = "vtkMRMLSegmentationNode"
    nodes = [scene.GetNthNodeByClass(n, kind) for n in range(scene.GetNumberOfNodesByClass(kind))]
    return [result for result in map(result_of, nodes) if result is not None]


def remove_result(scene: slicer.vtkMRMLScene, result: ResultNodes) -> None:
    """Take a result out of a scene at once; see `removal_steps`."""
    last_of(removal_steps(scene, result))


def removal_steps(scene: slicer.vtkMRMLScene, result: ResultNodes) -> Generator[None, None, None]:
    """Take a result out of a scene, in steps; its T2 stays, and so does a DWI that was there before."""
    for name in _MADE:
        node = getattr(result, name)
        own = name != "dwi_before" or (node is not None and node.GetAttribute(ROLE_ATTRIBUTE))
        if node is not None and own:
            _remove(scene, node)
            yield


@contextmanager
def _all_or_none(scene: slicer.vtkMRMLScene) -> Iterator[list[slicer.vtkMRMLNode]]:
    """Removes the listed nodes if something fails."""
    added: list[slicer.vtkMRMLNode] = []
    try:
        yield added
    except BaseException:  # steps that are closed early raise GeneratorExit
        for node in reversed(added):
            _remove(scene, node)
        raise


def _remove(scene: slicer.vtkMRMLScene, node: slicer.vtkMRMLDisplayableNode) -> None:
    """Remove a node with its display and storage nodes and its item in the subject hierarchy."""
    if node.IsA("vtkMRMLSegmentationNode"):
        drop_voxels(node)
    belonging = []
    if node.IsA("vtkMRMLStorableNode"):
        belonging += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    if node.IsA("vtkMRMLDisplayableNode"):
        belonging += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    tree = hierarchy(scene)
    item = tree.GetItemByDataNode(node)
    if item:
        tree.RemoveItem(item, False)
    for present in (node, *belonging):
        if present is not None and scene.IsNodePresent(present):
            scene.RemoveNode(present)
