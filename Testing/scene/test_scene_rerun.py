"""A second run on the same T2."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.scene.node_list import NodeList
from LymphNodeSegLib.scene.rerun import removal_of_superseded_steps
from LymphNodeSegLib.scene.result import ResultData, add_result, results_in
from LymphNodeSegLib.scene.volumes import add_volume, last_of


@pytest.fixture
def run(scene, ramp, labels_and_nodes, oblique):
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    labels, nodes = labels_and_nodes(oblique, 3)
    image = ramp(oblique, np.float32)
    return lambda: add_result(scene, t2, ResultData(labels, nodes, image, image, image))


def test_an_untouched_result_is_replaced_under_its_name(run, scene):
    first = run()
    nodes, name = scene.GetNumberOfNodes(), first.segmentation.GetName()
    second = run()
    assert last_of(removal_of_superseded_steps(scene, second)) == 0
    assert [result.segmentation for result in results_in(scene)] == [second.segmentation]
    assert second.segmentation.GetName() == name
    assert second.dwi.GetName() == "DWI registered"
    assert scene.GetNumberOfNodes() == nodes


@pytest.mark.parametrize("work", ["review", "station", "edit"])
def test_a_readers_work_is_kept(run, scene, work):
    first = run()
    if work == "review":
        NodeList(first).set_reviewed(["LN001"], True)
    elif work == "station":
        NodeList(first).set_station(["LN001"], "obturator")
    else:
        first.segmentation.GetSegmentation().RemoveSegment("LN002")
    before = first.segmentation.GetSegmentation().GetNumberOfSegments()
    second = run()
    assert last_of(removal_of_superseded_steps(scene, second)) == 1
    assert len(results_in(scene)) == 2
    assert first.segmentation.GetSegmentation().GetNumberOfSegments() == before
    assert first.dwi.GetScene() is scene
    assert second.segmentation.GetName() != first.segmentation.GetName()


def test_a_result_of_another_t2_stays(run, scene, ramp, labels_and_nodes, oblique):
    first = run()
    other = add_volume(scene, ramp(oblique), "T2 of another day", "T2")
    labels, nodes = labels_and_nodes(oblique, 2)
    second = add_result(scene, other, ResultData(labels, nodes, ramp(oblique, np.float32)))
    assert last_of(removal_of_superseded_steps(scene, second)) == 0
    assert first.segmentation.GetScene() is scene
