"""The reader's list of nodes follows the segmentation, whoever edits it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.colors import color_of
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import NodeMask
from LymphNodeSegLib.nodes.reading import Configuration
from LymphNodeSegLib.scene.node_list import ADDED, EDITED, FOUND, NodeList, is_corrected
from LymphNodeSegLib.scene.result import ResultData, add_result, result_of, results_in
from LymphNodeSegLib.scene.segments import SegmentMasks, set_tag, tag_of, write_mask
from LymphNodeSegLib.scene.session import Session
from LymphNodeSegLib.scene.volumes import add_volume, volume_geometry, vtk_matrix
from LymphNodeSegLib.scene.watch import Watch

from Testing import balls

GRID = Geometry((64, 48, 12), (-31.0, -20.0, 8.0), (1.0, 1.0, 3.0))
ball = partial(balls.ball, GRID)
CENTERS_IJK = ((12, 12, 4), (30, 12, 5), (46, 30, 6))
RADII_MM = (4.0, 6.0, 9.0)  # normal, enlarged, target


def mask_of(array: np.ndarray, grid: Geometry = GRID) -> NodeMask:
    return NodeMask(array, (0, 0, 0), grid)


@pytest.fixture
def result(scene):
    array = np.zeros(GRID.size_ijk[::-1], np.uint16)
    for label, (center, radius) in enumerate(zip(CENTERS_IJK, RADII_MM), start=1):
        array[ball(center, radius)] = label
    labels = Image(array, GRID)
    texture = np.random.default_rng(3).random(array.shape, np.float32) + 1.0
    image = Image(texture, GRID)
    nodes = measure_nodes(labels, t2=image, dwi=image, adc=image, probability=image, known=texture != 0)
    t2 = add_volume(scene, image, "T2", "T2")
    return add_result(scene, t2, ResultData(labels, nodes, image, image, image))


def measured(nodes: NodeList) -> NodeList:
    while nodes.measure_some():
        pass
    return nodes


def edit(result, segment_id: str, array: np.ndarray) -> None:
    write_mask(result.segmentation, segment_id, mask_of(array, volume_geometry(result.t2)))


def segment(result, name: str):
    return result.segmentation.GetSegmentation().GetSegment(name)


def test_what_the_run_measured_is_taken_over_and_nothing_is_measured_again(result):
    nodes = NodeList(result)
    assert not nodes.measure_some()
    assert [row.id for row in nodes.rows] == ["LN001", "LN002", "LN003"]
    assert all(row.state == FOUND and row.visible and not row.reviewed for row in nodes.rows)
    assert [row.node.volume_mm3 for row in nodes.rows] == [node.volume_mm3 for node in result.nodes]


def test_an_opened_scene_gives_the_same_measurements(result):
    """Measured from what the scene holds alone."""
    again = measured(NodeList(result_of(result.segmentation)))
    for row, node in zip(again.rows, result.nodes):
        assert row.node.short_axis_mm == pytest.approx(node.short_axis_mm)
        assert row.node.mean_adc_um2_s == pytest.approx(node.mean_adc_um2_s, rel=1e-6)
        assert row.node.confidence == pytest.approx(node.confidence, rel=1e-6)
        assert (row.node.id, row.node.side, row.node.size_class) == (node.id, node.side, node.size_class)
        assert row.node.nearest_node_mm == pytest.approx(node.nearest_node_mm)


def test_an_edit_changes_its_row_alone_with_color_name_and_table(result):
    nodes = NodeList(result)
    kept = [row.node.mask for row in nodes.rows]
    assert tuple(segment(result, "LN001").GetColor()) == pytest.approx(
        [value / 255 for value in color_of("normal")], abs=1e-3
    )
    edit(result, "LN001", ball(CENTERS_IJK[0], 6.0))
    assert nodes.refresh()
    assert [row.waiting for row in nodes.rows] == [True, False, False]
    row = measured(nodes).rows[0]
    assert row.state == EDITED
    assert row.node.short_axis_mm == pytest.approx(12.0, abs=1.0)
    assert row.node.size_class == "enlarged"
    assert tuple(segment(result, "LN001").GetColor()) == pytest.approx(
        [value / 255 for value in color_of("enlarged")], abs=1e-3
    )
    assert result.table.GetTable().GetValueByName(0, "Size class").ToString() == "enlarged"
    assert [other.node.mask for other in nodes.rows[1:]] == kept[1:]  # the very objects
    assert not nodes.refresh()


def test_an_edit_taken_back_is_no_edit(result):
    nodes = NodeList(result)
    edit(result, "LN001", ball(CENTERS_IJK[0], 6.0))
    nodes.refresh()
    edit(result, "LN001", ball(CENTERS_IJK[0], RADII_MM[0]))
    nodes.refresh()
    assert nodes.rows[0].state == FOUND
    assert not is_corrected(result)


def test_segments_that_come_and_go_by_hand(result):
    nodes = NodeList(result)
    segments = result.segmentation.GetSegmentation()
    segments.RemoveSegment("LN003")
    segments.AddEmptySegment("Segment_1")
    assert nodes.refresh()
    assert [row.id for row in nodes.rows] == ["LN001", "LN002", "LN004"]  # a number is not given twice
    assert nodes.rows[2].node is None
    assert nodes.rows[2].state == ADDED
    assert segment(result, "Segment_1").GetName() == "LN004"
    assert "Lymph node" in tag_of(segment(result, "Segment_1"), "TerminologyEntry")
    edit(result, "Segment_1", ball((30, 34, 6), 5.0))
    assert nodes.refresh()
    measured(nodes)
    assert nodes.rows[2].node.short_axis_mm == pytest.approx(10.0, abs=1.0)
    assert nodes.rows[2].node.id == "LN004"
    assert [node.id for node in nodes.nodes()] == ["LN001", "LN002", "LN004"]
    labels = nodes.labels()
    for node in nodes.nodes():
        assert np.count_nonzero(labels.array == node.label) * 3.0 == pytest.approx(node.volume_mm3)


def test_a_copied_segment_gets_an_id_of_its_own(result):
    import slicer

    nodes = NodeList(result)
    result.segmentation.GetSegmentation().AddEmptySegment("a")
    edit(result, "a", ball((30, 34, 6), 5.0))
    nodes.refresh()
    copy = slicer.vtkSegment()
    copy.DeepCopy(segment(result, "a"))
    result.segmentation.GetSegmentation().AddSegment(copy, "b")
    nodes.refresh()
    assert [row.id for row in nodes.rows] == ["LN001", "LN002", "LN003", "LN004", "LN005"]


def test_nodes_that_overlap_are_measured_whole(result):
    nodes = NodeList(result)
    result.segmentation.GetSegmentation().AddEmptySegment("over")
    over = ball((32, 12, 5), 6.0)
    edit(result, "over", over)
    nodes.refresh()
    measured(nodes)
    expected = [ball(center, radius).sum() * 3.0 for center, radius in zip(CENTERS_IJK, RADII_MM)]
    assert [row.node.volume_mm3 for row in nodes.rows] == pytest.approx([*expected, over.sum() * 3.0])
    edit(result, "LN002", ball(CENTERS_IJK[1], 7.0))
    nodes.refresh()
    measured(nodes)
    assert nodes.rows[1].node.volume_mm3 == pytest.approx(ball(CENTERS_IJK[1], 7.0).sum() * 3.0)
    assert nodes.rows[3].state == ADDED


def test_what_the_reader_enters_is_saved_with_the_scene(result, scene, tmp_path: Path):
    nodes = NodeList(result)
    nodes.set_reviewed(["LN001", "LN003"], True)
    nodes.set_side(["LN002"], "left")
    nodes.set_station(["LN002", "LN003"], "external iliac")
    for part, points in (("texture", 1), ("border", 0), ("shape", 1)):
        nodes.set_configuration(["LN002"], part, points)
    set_tag(segment(result, "LN003"), "LymphNodeSeg.NodeRads.Texture", "17")  # a scene of somebody else
    nodes.set_visible(["LN001"], False)
    edit(result, "LN003", ball(CENTERS_IJK[2], 8.0))
    nodes.refresh()
    measured(nodes)
    assert segment(result, "LN002").GetName() == "LN002 left external iliac"
    assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
    again = Session()
    assert again.scene.ReadFromMRB(str(tmp_path / "scene.mrb"))
    (opened,) = results_in(again.scene)
    rows = measured(NodeList(opened)).rows
    assert [row.reviewed for row in rows] == [True, False, True]
    assert [row.state for row in rows] == [FOUND, FOUND, EDITED]
    assert [row.visible for row in rows] == [False, True, True]
    assert (rows[1].side, rows[1].station) == ("left", "external iliac")
    assert rows[1].node.station == "external iliac"
    assert rows[1].node.configuration == Configuration(1, 0, 1)
    assert opened.table.GetTable().GetValueByName(1, "Node-RADS (suggestion)").ToDouble() == 4.0
    assert rows[2].node.configuration is None
    assert rows[2].node.short_axis_mm == pytest.approx(nodes.rows[2].node.short_axis_mm)


def test_undo_takes_back_the_edit_and_not_what_was_entered_since(result):
    import slicer

    nodes = NodeList(result)
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(result.segmentation.GetSegmentation())
    history.SaveState()
    edit(result, "LN001", ball(CENTERS_IJK[0], 6.0))
    nodes.refresh()
    measured(nodes)
    nodes.set_reviewed(["LN002"], True)
    nodes.set_station(["LN002"], "obturator")
    history.RestorePreviousState()
    nodes.refresh()
    measured(nodes)
    assert nodes.rows[0].state == FOUND
    assert nodes.rows[0].node.size_class == "normal"
    assert nodes.rows[1].reviewed
    assert nodes.rows[1].station == "obturator"
    assert "obturator" in segment(result, "LN002").GetName()
    assert tag_of(segment(result, "LN002"), "LymphNodeSeg.Reviewed") == "yes"


@pytest.mark.parametrize("correction", ["edit", "review", "station", "texture", "remove", "add", "none"])
def test_a_corrected_result_is_known(result, correction):
    nodes = NodeList(result)
    if correction == "edit":
        edit(result, "LN002", ball(CENTERS_IJK[1], 5.0))
    elif correction == "review":
        nodes.set_reviewed(["LN002"], True)
    elif correction == "station":
        nodes.set_station(["LN002"], "obturator")
    elif correction == "texture":
        nodes.set_configuration(["LN002"], "texture", 0)
    elif correction == "remove":
        result.segmentation.GetSegmentation().RemoveSegment("LN002")
    elif correction == "add":
        result.segmentation.GetSegmentation().AddEmptySegment("mine")
    assert is_corrected(result) == (correction != "none")


def test_nodes_move_with_the_t2(result, scene):
    nodes = NodeList(result)
    before = np.array(nodes.rows[0].node.centroid_ras_mm)
    matrix = np.eye(4)
    matrix[:3, 3] = 7.0, -3.0, 11.0
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    for node in (result.t2, result.segmentation, result.dwi, result.adc, result.probability):
        node.SetAndObserveTransformNodeID(transform.GetID())
    assert nodes.refresh()
    measured(nodes)
    assert np.array(nodes.rows[0].node.centroid_ras_mm) - before == pytest.approx([7.0, -3.0, 11.0])
    assert nodes.rows[0].state == FOUND
    assert nodes.rows[0].node.mean_adc_um2_s == pytest.approx(result.nodes[0].mean_adc_um2_s)


def test_any_change_is_told(result):
    told = []
    watch = Watch(result, lambda: told.append(1))
    for change in (
        lambda: edit(result, "LN001", ball(CENTERS_IJK[0], 5.0)),
        lambda: result.segmentation.GetSegmentation().AddEmptySegment("new"),
        lambda: result.segmentation.GetSegmentation().RemoveSegment("new"),
        lambda: segment(result, "LN001").SetName("x"),
        lambda: set_tag(segment(result, "LN001"), "LymphNodeSeg.Reviewed", "yes"),
        lambda: result.segmentation.GetDisplayNode().SetSegmentVisibility("LN001", False),
    ):
        told.clear()
        change()
        assert told
    watch.close()
    told.clear()
    segment(result, "LN001").SetName("y")
    assert told == []


def test_an_edit_is_followed_without_holding_slicer(scene):
    """60 nodes on a large grid; processor time of each call, since other work may be on."""
    grid = Geometry((512, 512, 40), spacing_mm=(0.4, 0.4, 3.0))
    array = np.zeros((40, 512, 512), np.uint16)
    for n in range(60):
        k, j, i = 3 + 7 * n % 34, 40 + 60 * (n % 8), 40 + 60 * (n // 8)
        array[k - 1 : k + 2, j - 10 : j + 10, i - 8 : i + 9] = n + 1
    image = Image(np.random.default_rng(3).random(array.shape, np.float32) + 1.0, grid)
    labels = Image(array, grid)
    nodes = measure_nodes(labels, t2=image, dwi=image, adc=image, probability=image)
    t2 = add_volume(scene, image, "T2", "T2")
    result = add_result(scene, t2, ResultData(labels, nodes, image, image, image))
    rows = NodeList(result)
    rows.measure_some()
    mask = rows.mask("LN005")
    mask.array[0, 0, 0] = False
    write_mask(result.segmentation, "LN005", mask)
    took_s = []

    def timed(call):
        began = time.process_time()
        value = call()
        took_s.append(time.process_time() - began)
        return value

    timed(rows.refresh)
    while timed(rows.measure_some):  # the first of a session is also made ready for
        pass
    timed(rows.refresh)
    assert rows.rows[4].state == EDITED
    assert not rows.rows[4].waiting
    assert max(took_s) < 0.2


def test_a_layer_that_nobody_wrote_to_is_not_looked_at_again(result, monkeypatch):
    import LymphNodeSegLib.scene.segments as segments

    masks = SegmentMasks(result.segmentation, result.t2)
    first = masks.look()
    monkeypatch.setattr(segments, "_blocks", lambda *_: pytest.fail("looked again"))
    second = masks.look()
    assert all(second[name].array is first[name].array for name in first)
