"""The b-values of nodes that hold several: sequences, multi-volumes, diffusion-weighted volumes."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.frames import best_frame, frame_at, frames_of, key_of
from LymphNodeSegLib.scene.inputs import examine
from LymphNodeSegLib.scene.volumes import add_volume, fill_volume, vtk_matrix

GEOMETRY = Geometry((12, 10, 6), (-3.0, 4.0, 5.0), (2.0, 2.0, 4.0))


def images(count: int) -> list[Image]:
    rng = np.random.default_rng(1)
    return [Image(rng.integers(1, 900, (6, 10, 12)).astype(np.int16), GEOMETRY) for _ in range(count)]


def sequence(scene, values, index_name="Siemens.B-value", names=None):
    node = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "ep2d_diff")
    node.SetIndexName(index_name)
    made = images(len(values))
    for n, (image, value) in enumerate(zip(made, values)):
        volume = slicer.vtkMRMLScalarVolumeNode()
        volume.SetName(names[n] if names else f"frame {n}")
        fill_volume(volume, image)
        node.SetDataNodeAtValue(volume, value)
    return node, made


def multi_component(scene, kind: str, arrays: list[Image]):
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    node = scene.AddNewNodeByClass(kind, "ep2d_diff")
    data = vtk.vtkImageData()
    data.SetDimensions(*GEOMETRY.size_ijk)
    stacked = np.stack([image.array for image in arrays], axis=-1).reshape(-1, len(arrays))
    data.GetPointData().SetScalars(numpy_to_vtk(stacked, deep=True))
    node.SetIJKToRASMatrix(vtk_matrix(GEOMETRY.ijk_to_ras))
    node.SetAndObserveImageData(data)
    return node


def b_values(frames):
    return [frame.b_value_s_mm2 for frame in frames]


def test_a_plain_volume_has_none(scene):
    assert frames_of(add_volume(scene, images(1)[0], "dwi_b800")) == ()


def test_sequence_by_b_value(scene):
    node, made = sequence(scene, ["800", "0.002", "50"])
    frames = frames_of(node)
    assert b_values(frames) == [0.0, 50.0, 800.0]
    assert [frame.name for frame in frames] == ["b = 0 s/mm2", "b = 50 s/mm2", "b = 800 s/mm2"]
    by_value = dict(zip(["800", "0.002", "50"], made))
    for frame, value in zip(frames, ["0.002", "50", "800"]):
        np.testing.assert_array_equal(frame.image().array, by_value[value].array)
        assert frame.image().geometry.is_close(GEOMETRY)


def test_ges_b_value_is_found_in_its_offset(scene):
    node, _ = sequence(scene, [r"1000000050\8\0\0", r"1000000800\8\0\0"], "GE.B-value")
    assert b_values(frames_of(node)) == [50.0, 800.0]


def test_sequence_by_names_of_its_volumes(scene):
    node, _ = sequence(scene, ["0", "1"], "frame", ["dwi_b1000", "dwi_b0"])
    assert b_values(frames_of(node)) == [0.0, 1000.0]


def test_a_sequence_without_b_values_is_chosen_by_frame(scene):
    node, _ = sequence(scene, ["0", "1", "2"], "time")
    frames = frames_of(node)
    assert [frame.name for frame in frames] == ["frame 1", "frame 2", "frame 3"]
    assert frame_at(frames, key_of(frames, 1)) == 1


def test_a_sequence_of_something_else_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "transforms")
    for n in range(2):
        node.SetDataNodeAtValue(slicer.vtkMRMLLinearTransformNode(), str(n))
    with pytest.raises(InputError, match="no sequence of volumes"):
        frames_of(node)


def test_the_volume_that_shows_a_sequence_and_its_transform(scene):
    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLScene(scene)
    node, made = sequence(scene, ["50", "800"])
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(node.GetID())
    logic.UpdateProxyNodesFromSequences(browser)
    shown = browser.GetProxyNode(node)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = 10.0, 20.0, 30.0
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    shown.SetAndObserveTransformNodeID(transform.GetID())
    frames = frames_of(shown)
    assert b_values(frames) == [50.0, 800.0]
    np.testing.assert_array_equal(frames[1].image().array, made[1].array)
    np.testing.assert_allclose(frames[1].image().geometry.origin_lps_mm, (-13.0, -16.0, 35.0))


def test_multi_volume(scene):
    made = images(3)
    node = multi_component(scene, "vtkMRMLScalarVolumeNode", made)
    node.SetAttribute("MultiVolume.FrameLabels", "50,400,800")
    node.SetAttribute("MultiVolume.FrameIdentifyingDICOMTagName", "Standard.B-value")
    frames = frames_of(node)
    assert b_values(frames) == [50.0, 400.0, 800.0]
    for frame, image in zip(frames, made):
        np.testing.assert_array_equal(frame.image().array, image.array)


def test_directions_of_one_b_value_are_averaged_geometrically(scene):
    made = images(4)
    node = multi_component(scene, "vtkMRMLDiffusionWeightedVolumeNode", made)
    node.SetNumberOfGradients(4)
    for n, b_value in enumerate([0.0, 799.0, 800.0, 801.0]):
        node.SetBValue(n, b_value)
    frames = frames_of(node)
    assert b_values(frames) == [0.0, 800.0]
    expected = np.prod([image.array.astype(float) for image in made[1:]], axis=0) ** (1 / 3)
    np.testing.assert_allclose(frames[1].image().array, expected, rtol=1e-4)


def test_the_best_b_value_is_the_highest_that_is_not_noise(scene):
    frames = frames_of(sequence(scene, ["0", "50", "1000", "2500"])[0])
    assert frames[best_frame(frames)].b_value_s_mm2 == 1000.0
    only_high = frames_of(sequence(scene, ["2000", "2500"])[0])
    assert only_high[best_frame(only_high)].b_value_s_mm2 == 2500.0


def test_the_b_value_can_be_chosen(scene):
    t2 = add_volume(scene, Image(images(1)[0].array[::-1].copy(), GEOMETRY), "t2")
    t2.SetAttribute("LymphNodeSeg.Role", None)
    node, made = sequence(scene, ["50", "400", "800"])
    assert examine(t2, node, None).chosen == 2
    inputs = examine(t2, node, None, 400.0)
    assert inputs.usable
    np.testing.assert_array_equal(inputs.dwi.array, made[1].array)
    assert "DWI at b = 400 s/mm2" in inputs.text
    assert "is low" in inputs.text
    assert examine(t2, node, None, 123.0).chosen == 2  # of another scene: the best one
