"""Nodes added, split, merged and deleted; each undone by Slicer's own history of a segmentation."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.scene.axis_lines import AxisLines, place_of
from LymphNodeSegLib.scene.corrections import Corrections
from LymphNodeSegLib.scene.node_list import ADDED, EDITED, FOUND, NodeList
from LymphNodeSegLib.scene.result import ResultData, add_result
from LymphNodeSegLib.scene.segments import tag_of
from LymphNodeSegLib.scene.views import add_slice_views, jump_to
from LymphNodeSegLib.scene.volumes import add_volume

from Testing import balls

GRID = Geometry((80, 60, 14), (-31.0, -20.0, 8.0), (1.0, 1.0, 3.0))
ball = partial(balls.ball, GRID)
ras = partial(balls.ras, GRID)
FOUND_NODES = (((14, 14, 5), 6.0), ((40, 14, 6), 5.0), ((48, 14, 6), 5.0))  # the last two make one segment
MISSED = ((30, 42, 7), 6.0)
SEEN_BY_NETWORK = ((60, 42, 7), 5.0)


@pytest.fixture
def result(scene):
    rng = np.random.default_rng(5)
    array = np.zeros(GRID.size_ijk[::-1], np.uint16)
    array[ball(*FOUND_NODES[0])] = 1
    array[ball(*FOUND_NODES[1]) | ball(*FOUND_NODES[2])] = 2
    bright = (array > 0) | ball(*MISSED) | ball(*SEEN_BY_NETWORK)
    t2 = Image((np.where(bright, 300.0, 600.0) + rng.normal(0, 30, bright.shape)).astype(np.float32), GRID)
    dwi = Image((np.where(bright, 500.0, 120.0) + rng.normal(0, 25, bright.shape)).astype(np.float32), GRID)
    probability = Image(np.where(array > 0, 0.95, 0.01).astype(np.float32), GRID)
    probability.array[ball(*SEEN_BY_NETWORK)] = 0.45
    labels = Image(array, GRID)
    nodes = measure_nodes(labels, t2=t2, dwi=dwi, probability=probability)
    t2_node = add_volume(scene, t2, "T2", "T2")
    return add_result(scene, t2_node, ResultData(labels, nodes, dwi, probability=probability))


@pytest.fixture
def history(result):
    import slicer

    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(result.segmentation.GetSegmentation())
    return history


@pytest.fixture
def nodes(result):
    return NodeList(result)


@pytest.fixture
def corrections(nodes, history):
    return Corrections(nodes, history.SaveState)


def undo(nodes, history) -> None:
    history.RestorePreviousState()
    nodes.refresh()
    nodes.nodes()


def whole(nodes, segment_id: str) -> np.ndarray:
    mask = nodes.mask(segment_id)
    array = np.zeros(GRID.size_ijk[::-1], bool)
    i, j, k = mask.start_ijk
    depth, rows, columns = mask.array.shape
    array[k : k + depth, j : j + rows, i : i + columns] = mask.array
    return array


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize("node", [MISSED, SEEN_BY_NETWORK], ids=["images", "probability"])
def test_one_click_adds_a_missed_node(nodes, corrections, history, result, node):
    center, radius = node
    added = corrections.add(ras((center[0] + 1.5, center[1] - 1.0, center[2])))
    nodes.nodes()
    assert added == "LN003"
    assert dice(whole(nodes, added), ball(center, radius)) > 0.85
    row = nodes.row(added)
    assert row.state == ADDED
    assert row.node.short_axis_mm == pytest.approx(2 * radius, abs=2.0)
    segment = result.segmentation.GetSegmentation().GetSegment(added)
    assert segment.GetName().startswith("LN003")
    assert "Lymph node" in tag_of(segment, "TerminologyEntry")
    undo(nodes, history)
    assert [row.id for row in nodes.rows] == ["LN001", "LN002"]
    assert [row.state for row in nodes.rows] == [FOUND, FOUND]
    history.RestoreNextState()
    nodes.refresh()
    assert [row.id for row in nodes.rows] == ["LN001", "LN002", "LN003"]


def test_a_click_on_a_node_or_beside_the_image_says_so_and_changes_nothing(nodes, corrections, history):
    with pytest.raises(InputError, match="LN001 is there already"):
        corrections.add(ras(FOUND_NODES[0][0]))
    with pytest.raises(InputError, match="Nothing"):
        corrections.add((500.0, 0.0, 0.0))
    assert history.GetNumberOfStates() == 0


def test_split_gives_two_nodes_and_undo_gives_one(nodes, corrections, history, result):
    before = whole(nodes, "LN002")
    nodes.set_station(["LN002"], "obturator")
    added = corrections.split("LN002")
    assert added == "LN003"
    nodes.nodes()
    halves = [whole(nodes, name) for name in ("LN002", "LN003")]
    assert np.array_equal(halves[0] | halves[1], before)
    assert not (halves[0] & halves[1]).any()
    for half in halves:
        assert max(dice(half, ball(*one)) for one in FOUND_NODES[1:]) > 0.9
    assert [row.state for row in nodes.rows] == [FOUND, EDITED, ADDED]
    assert nodes.row("LN002").station == "obturator"
    assert nodes.row("LN003").node.short_axis_mm == pytest.approx(10.0, abs=1.5)
    undo(nodes, history)
    assert [row.id for row in nodes.rows] == ["LN001", "LN002"]
    assert np.array_equal(whole(nodes, "LN002"), before)
    assert nodes.row("LN002").state == FOUND


def test_merge_makes_one_node_and_undo_gives_both_back(nodes, corrections, history):
    before = {name: whole(nodes, name) for name in ("LN001", "LN002")}
    nodes.set_reviewed(["LN001"], True)
    assert corrections.merge(["LN001", "LN002"]) == "LN002"
    nodes.nodes()
    assert [row.id for row in nodes.rows] == ["LN002"]
    assert np.array_equal(whole(nodes, "LN002"), before["LN001"] | before["LN002"])
    undo(nodes, history)
    assert sorted(row.id for row in nodes.rows) == ["LN001", "LN002"]
    for name, array in before.items():
        assert np.array_equal(whole(nodes, name), array)
        assert nodes.row(name).state == FOUND
    assert nodes.row("LN001").reviewed
    with pytest.raises(InputError, match="two"):
        corrections.merge(["LN001"])


def test_delete_and_undo(nodes, corrections, history, result):
    corrections.delete(["LN001"])
    assert [row.id for row in nodes.rows] == ["LN002"]
    assert result.table.GetTable().GetNumberOfRows() == 1
    undo(nodes, history)
    assert [row.id for row in nodes.rows] == ["LN001", "LN002"]
    assert result.table.GetTable().GetNumberOfRows() == 2


def test_a_number_is_not_given_again_after_its_node_was_deleted(nodes, corrections):
    corrections.delete(["LN002"])
    assert corrections.add(ras(MISSED[0])) == "LN003"


def test_a_series_of_corrections_is_undone_one_by_one(nodes, corrections, history):
    history.SetMaximumNumberOfStates(10)
    corrections.split("LN002")
    nodes.nodes()
    corrections.delete(["LN001"])
    nodes.nodes()
    corrections.add(ras(MISSED[0]))
    nodes.nodes()
    seen = []
    for _ in range(3):
        undo(nodes, history)
        seen.append(sorted(row.id for row in nodes.rows))
    assert seen == [["LN002", "LN003"], ["LN001", "LN002", "LN003"], ["LN001", "LN002"]]


def test_axes_of_the_chosen_node_are_drawn_and_never_saved(nodes, scene, tmp_path):
    node = nodes.rows[0].node
    lines = AxisLines(scene)
    lines.show(node)
    drawn = [scene.GetFirstNodeByName(name) for name in ("Short axis", "Long axis")]
    for line, axis in zip(drawn, (node.short_axis, node.long_axis)):
        assert line.GetLineLengthWorld() == pytest.approx(axis.length_mm, abs=1e-3)
        assert line.GetLocked()
        assert line.GetHideFromEditors()
        assert not line.GetSaveWithScene()
        assert line.GetDisplayNode().GetVisibility()
    lines.show(nodes.rows[1].node)
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 2
    lines.show(None)
    assert not any(line.GetDisplayNode().GetVisibility() for line in drawn)
    before = scene.GetNumberOfNodes()
    lines.close()
    assert scene.GetNumberOfNodes() == before - 4
    lines.show(node)
    scene.Clear(False)
    lines.show(node)
    lines.close()


def test_all_views_go_to_the_node_in_the_slice_of_its_axes(nodes, scene, result):
    add_slice_views(scene, result.t2)
    node = nodes.rows[1].node
    place = place_of(node.mask, node)
    jump_to(scene, place)
    for name in ("Red", "Green", "Yellow"):
        to_ras = scene.GetFirstNodeByName(name).GetSliceToRAS()
        assert [to_ras.GetElement(row, 3) for row in range(3)] == pytest.approx(place, abs=1e-6)
    assert place[2] == pytest.approx(node.short_axis.start_ras_mm[2])
    assert np.hypot(*(np.array(place) - node.centroid_ras_mm)[:2]) < 1e-6
    assert place_of(node.mask, None) == pytest.approx(node.centroid_ras_mm)  # before it is measured
