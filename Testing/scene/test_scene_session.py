"""A scene without Slicer."""

from __future__ import annotations

import slicer
from LymphNodeSegLib.scene.session import Session, headless_scene, in_slicer


def test_one_scene_for_the_process_which_slicers_functions_work_on(ramp, oblique, monkeypatch):
    from LymphNodeSegLib.scene.volumes import add_volume

    monkeypatch.setattr(slicer, "mrmlScene", None, raising=False)
    scene = headless_scene()
    assert headless_scene() is scene
    slicer.mrmlScene = scene
    image = ramp(oblique)
    node = add_volume(scene, image, "T2", "T2")
    try:
        assert slicer.util.arrayFromVolume(slicer.util.getNode("T2"))[3, 2, 1] == image.array[3, 2, 1]
    finally:
        scene.RemoveNode(node)


def test_sessions_do_not_see_each_other():
    one, other = Session(), Session()
    one.scene.AddNewNodeByClass("vtkMRMLTableNode", "mine")
    assert other.scene.GetFirstNodeByName("mine") is None


def test_slicers_own_scene_is_used_inside_slicer(monkeypatch):
    own = Session().scene
    monkeypatch.setattr(slicer, "app", object(), raising=False)
    monkeypatch.setattr(slicer, "mrmlScene", own, raising=False)
    assert in_slicer()
    assert headless_scene() is own
