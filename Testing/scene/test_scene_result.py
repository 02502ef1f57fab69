"""A result in a scene: added all or none, in short steps, and found again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.node import NodeMask
from LymphNodeSegLib.scene.result import (
    ResultData,
    add_result,
    remove_result,
    result_of,
    result_steps,
    results_in,
)
from LymphNodeSegLib.scene.segments import SegmentMasks, fingerprint, is_as_found, write_mask
from LymphNodeSegLib.scene.subject_hierarchy import hierarchy
from LymphNodeSegLib.scene.volumes import add_volume, volume_geometry, vtk_matrix


@pytest.fixture
def data(ramp, labels_and_nodes):
    def make(geometry: Geometry, count: int = 5) -> ResultData:
        labels, nodes = labels_and_nodes(geometry, count)
        image = ramp(geometry, np.float32)
        return ResultData(labels, nodes, image, image, image)

    return make


def content(scene) -> set[str]:
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def test_steps_lead_to_a_result_that_is_found_again(scene, ramp, data, geometry):
    t2 = add_volume(scene, ramp(geometry), "T2", "T2")
    result = add_result(scene, t2, data(geometry))
    found = result_of(result.segmentation)
    assert (found.t2, found.dwi, found.adc) == (t2, result.dwi, result.adc)
    assert (found.probability, found.table) == (result.probability, result.table)
    assert [one.segmentation for one in results_in(scene)] == [result.segmentation]
    assert result_of(None) is None
    scene.RemoveNode(t2)
    assert result_of(result.segmentation) is None


@pytest.mark.parametrize("taken", range(0, 12, 2))
def test_steps_closed_early_leave_nothing_behind(scene, ramp, data, oblique, taken):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    tree = hierarchy(scene)
    add_result(scene, t2, data(oblique))  # an earlier result, which stays
    before, items = content(scene), tree.GetNumberOfItems()
    steps = result_steps(scene, t2, data(oblique))
    for _ in range(taken):
        next(steps)
    steps.close()
    assert content(scene) == before
    assert tree.GetNumberOfItems() == items


def test_a_result_that_can_not_be_added_leaves_nothing_behind(scene, ramp, data, oblique):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    before = content(scene)
    good = data(oblique)
    with pytest.raises(ValueError, match="labels"):
        add_result(scene, t2, ResultData(good.labels, good.nodes[:-1], good.dwi))
    assert content(scene) == before


def test_a_scene_closed_between_two_steps_is_no_error(scene, ramp, data, oblique):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    steps = result_steps(scene, t2, data(oblique))
    next(steps), next(steps), next(steps)
    scene.Clear(False)
    steps.close()


def test_a_removed_result_leaves_its_t2_alone(scene, ramp, data, oblique):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    hierarchy(scene).CreateItem(hierarchy(scene).GetSceneItemID(), t2)
    before, items = content(scene), hierarchy(scene).GetNumberOfItems()
    remove_result(scene, add_result(scene, t2, data(oblique)))
    assert content(scene) == before
    assert hierarchy(scene).GetNumberOfItems() == items


def test_a_t2_that_no_study_knows_gets_its_item_and_the_result_lies_beside_it(scene, ramp, data, oblique):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    result = add_result(scene, t2, data(oblique))
    tree = hierarchy(scene)
    nodes = (t2, result.segmentation, result.dwi, result.table)
    assert all(tree.GetItemByDataNode(node) for node in nodes)
    assert len({tree.GetItemParent(tree.GetItemByDataNode(node)) for node in nodes}) == 1


def test_no_step_holds_slicer_for_long(scene, sixty_nodes):
    """60 nodes on a large grid; processor time, since other work may be on."""
    labels, nodes = sixty_nodes
    array, geometry = labels.array, labels.geometry
    image = Image(np.random.default_rng(1).random(array.shape, np.float32), geometry)
    t2 = add_volume(scene, image, "T2", "T2")
    steps = result_steps(scene, t2, ResultData(Image(array, geometry), nodes, image, image, image))
    longest, began = 0.0, time.process_time()
    for _ in steps:
        longest, began = max(longest, time.process_time() - began), time.process_time()
    longest = max(longest, time.process_time() - began)
    assert longest < 0.1


def test_an_edit_is_told_from_what_was_found_also_after_saving(scene, ramp, data, geometry, tmp_path: Path):
    from LymphNodeSegLib.scene.session import Session

    t2 = add_volume(scene, ramp(geometry), "T2", "T2")
    result = add_result(scene, t2, data(geometry))
    mask = SegmentMasks(result.segmentation, t2).look()["LN002"]
    mask.array[0, 0, 0] = False
    write_mask(result.segmentation, "LN002", mask)
    assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
    again = Session()
    assert again.scene.ReadFromMRB(str(tmp_path / "scene.mrb"))
    for result_now in (result, *results_in(again.scene)):
        masks = SegmentMasks(result_now.segmentation, result_now.t2).look()
        segments = result_now.segmentation.GetSegmentation()
        as_found = {name: is_as_found(segments.GetSegment(name), masks[name]) for name in masks}
        assert as_found == {"LN001": True, "LN002": False, "LN003": True, "LN004": True, "LN005": True}


def test_masks_are_those_of_the_label_map_wherever_the_layers_lie(scene, ramp, data, geometry):
    t2 = add_volume(scene, ramp(geometry), "T2", "T2")
    made = data(geometry)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    matrix[:3, 3] = 7.0, -3.0, 11.0
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    t2.SetAndObserveTransformNodeID(transform.GetID())
    result = add_result(scene, t2, made)
    # An overlapping segment goes to a layer of its own.
    over = np.zeros(made.labels.array.shape, np.uint8)
    over[1:4, 0:3, 0:4] = 1
    result.segmentation.GetSegmentation().AddEmptySegment("by hand")
    write_mask(result.segmentation, "by hand", NodeMask(over == 1, (0, 0, 0), volume_geometry(t2)))
    masks = SegmentMasks(result.segmentation, t2).look()
    assert result.segmentation.GetSegmentation().GetNumberOfLayers() == 2
    for segment_id, mask in masks.items():
        expected = over == 1 if segment_id == "by hand" else made.labels.array == int(segment_id[2:])
        whole = np.zeros(expected.shape, bool)
        i, j, k = mask.start_ijk
        depth, rows, columns = mask.array.shape
        whole[k : k + depth, j : j + rows, i : i + columns] = mask.array
        np.testing.assert_array_equal(whole, expected)
    assert len(masks) == 6


def test_a_segment_drawn_on_another_grid_is_found_on_that_of_the_t2(scene, ramp, data, oblique):
    """The referee is the volume in mm3: the other grid is twice as fine in the plane, and shifted."""
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    result = add_result(scene, t2, data(oblique))
    fine = Geometry(
        (40, 30, 9),
        tuple(oblique.lps_from_ijk(np.array([0.75, 0.75, 0.0])).tolist()),
        (0.3, 0.4, 3.3),
        oblique.direction_lps,
    )
    array = np.zeros(fine.size_ijk[::-1], np.uint8)
    array[3:6, 4:20, 6:30] = 1
    result.segmentation.GetSegmentation().AddEmptySegment("fine")
    write_mask(result.segmentation, "fine", NodeMask(array == 1, (0, 0, 0), fine))
    mask = SegmentMasks(result.segmentation, t2).look()["fine"]
    volume_mm3 = np.count_nonzero(mask.array) * oblique.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(array.sum() * fine.voxel_volume_mm3, rel=0.2)


def test_a_fingerprint_does_not_depend_on_which_way_the_axes_run(oblique):
    array = np.random.default_rng(2).random((3, 4, 5)) > 0.4
    there = NodeMask(array, (6, 7, 2), oblique)
    last = oblique.lps_from_ijk(np.array([0, 0, oblique.size_ijk[2] - 1]))
    turned = Geometry(
        oblique.size_ijk,
        tuple(last.tolist()),
        oblique.spacing_mm,
        tuple((oblique.direction * [1.0, 1.0, -1.0]).ravel().tolist()),
    )
    back = NodeMask(array[::-1], (6, 7, oblique.size_ijk[2] - 2 - 3), turned)
    assert fingerprint(there) == fingerprint(back)
    assert fingerprint(there) != fingerprint(NodeMask(array, (6, 7, 3), oblique))
    assert fingerprint(there) != fingerprint(NodeMask(~array, (6, 7, 2), oblique))
