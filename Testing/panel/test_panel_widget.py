"""The panel's behavior: what the user sees when volumes are chosen and runs end."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.volumes import last_of, vtk_matrix

from Testing.panel.panel_cases import GEOMETRY, texture


def test_research_use_and_the_worth_of_the_weights_are_visible(panel):
    from LymphNodeSegLib import NOTICE
    from LymphNodeSegLib.network.model_file import listed_models

    label = panel._ui.noticeLabel
    assert not label.isHidden()
    assert NOTICE in label.text()
    assert listed_models()[0].notice in label.text()


def test_volumes_are_proposed_and_described(panel, volumes):
    assert panel._ui.t2Selector.currentNode() is volumes[0]
    assert panel._ui.dwiSelector.currentNode() is volumes[1]
    assert panel._ui.adcSelector.currentNode() is None
    assert "axial, 1.00 x 1.00 x 4.00 mm" in panel._ui.inputStatusLabel.text()
    assert panel._ui.applyButton.isEnabled()


def test_a_wrong_choice_says_what_is_wrong(panel, volumes):
    panel._ui.dwiSelector.setCurrentNode(volumes[0])
    assert "same image" in panel._ui.inputStatusLabel.text()
    assert not panel._ui.applyButton.isEnabled()
    assert panel._ui.applyButton.toolTip() == panel._ui.inputStatusLabel.text()
    panel._ui.dwiSelector.setCurrentNode(volumes[1])
    assert panel._ui.applyButton.isEnabled()


def test_settings_have_readable_names_and_reach_the_run(panel):
    from LymphNodeSegLib.panel.parameter_node import settings_of
    from LymphNodeSegLib.settings import DEVICES, REGISTRATIONS

    devices, registrations = panel._ui.deviceComboBox, panel._ui.registrationComboBox
    assert devices.count() == len(DEVICES)
    assert registrations.count() == len(REGISTRATIONS)
    devices.setCurrentIndex(devices.findText("Processor", panel_flags()))
    registrations.setCurrentIndex(registrations.findText("Rigid", panel_flags()))
    panel._ui.suspiciousSpinBox.setValue(8.0)
    assert settings_of(panel._parameters).reading_aids
    panel._ui.readingAidsCheckBox.setChecked(False)
    settings = settings_of(panel._parameters)
    assert not settings.reading_aids
    assert (settings.device, settings.registration, settings.suspicious_mm) == ("cpu", "rigid", 8.0)


def panel_flags():
    from PySide6.QtCore import Qt

    return Qt.MatchFlag.MatchStartsWith


def test_missing_torch_is_said_before_anything_starts(panel, monkeypatch):
    import LymphNodeSegLib.panel.dependencies as dependencies

    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: None)
    panel._ui.applyButton.click()
    assert "PyTorch" in panel._ui.messageLabel.text()
    assert not panel.runner.running


def test_torch_is_installed_by_slicers_extension_for_it(panel, monkeypatch):
    import LymphNodeSegLib.panel.dependencies as dependencies

    asked = []

    class Logic:
        def installTorch(self, askConfirmation):  # noqa: N802, N803
            asked.append(askConfirmation)
            return object()

    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    assert dependencies.torch_problem() == ""
    assert asked == [True]


def test_views_show_t2_behind_the_fading_dwi(panel, volumes, scene):
    from LymphNodeSegLib.scene.result import ResultData, add_result
    from LymphNodeSegLib.scene.views import add_slice_views

    add_slice_views(scene, volumes[0])
    image = Image(texture(3), GEOMETRY)
    labels = Image(np.zeros((8, 44, 48), np.uint16), GEOMETRY)
    nodes = add_result(scene, volumes[0], ResultData(labels, (), image))
    last_of(panel._show_steps(nodes))
    composite = scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert composite.GetBackgroundVolumeID() == volumes[0].GetID()
    assert composite.GetForegroundVolumeID() == nodes.dwi.GetID()


def test_a_second_run_does_not_touch_the_first_ones_segmentation(volumes, scene):
    from LymphNodeSegLib.scene.result import ResultData, add_result

    image = Image(texture(3), GEOMETRY)
    labels = Image(np.zeros((8, 44, 48), np.uint16), GEOMETRY)
    first = add_result(scene, volumes[0], ResultData(labels, (), image)).segmentation
    first.GetSegmentation().AddEmptySegment("by hand", "by hand")
    second = add_result(scene, volumes[0], ResultData(labels, (), image)).segmentation
    assert second is not first
    assert second.GetName() != first.GetName()
    assert first.GetSegmentation().GetNumberOfSegments() == 1


def test_results_move_with_the_t2s_transform(volumes, scene, labels_at):
    from LymphNodeSegLib.scene.inputs import examine
    from LymphNodeSegLib.scene.result import ResultData, add_result
    from LymphNodeSegLib.scene.volumes import image_from_volume

    matrix = np.eye(4)
    matrix[:3, 3] = 7.0, -3.0, 11.0
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    volumes[0].SetAndObserveTransformNodeID(transform.GetID())
    t2 = examine(*volumes, None).t2
    labels, nodes = labels_at(t2.geometry)
    result = add_result(scene, volumes[0], ResultData(labels, nodes, t2))
    assert image_from_volume(result.dwi).geometry.is_close(t2.geometry, 1e-6)
    center_ras = t2.geometry.lps_from_ijk(np.array([11.0, 21.0, 4.0])) * [-1.0, -1.0, 1.0]
    np.testing.assert_allclose(result.segmentation.GetSegmentCenterRAS("LN001"), center_ras, atol=1e-3)


@pytest.fixture
def labels_at():
    from LymphNodeSegLib.nodes.node import Node, NodeMask

    def make(geometry: Geometry):
        array = np.zeros(geometry.size_ijk[::-1], np.uint16)
        array[3:6, 20:23, 10:13] = 1
        mask = NodeMask(np.ones((3, 3, 3), bool), (10, 20, 3), geometry)
        node = Node("LN001", 1, mask, 108.0, None, None, None, None, None, None, (0.0, 0.0, 0.0))
        return Image(array, geometry), (node,)

    return make


def test_module_says_what_it_is(module_file, monkeypatch):
    import slicer

    connected = []
    application = types.SimpleNamespace(
        connect=lambda signal, slot: connected.append((signal, slot.__name__))
    )
    monkeypatch.setattr(slicer, "app", application, raising=False)

    class Parent:
        pass

    parent = Parent()
    module_file.LymphNodeSeg(parent)
    assert parent.title == "Lymph Node Segmentation"
    for text in (parent.helpText, parent.acknowledgementText):
        assert "Research use only" in text
    assert connected == [("startupCompleted()", "registerWithOtherModules")]


def test_opening_the_panel_imports_no_torch(standins):
    program = (
        "import importlib.util, sys\n"
        "def load(path):\n"
        "    spec = importlib.util.spec_from_file_location(path.rsplit('/', 1)[1][:-3], path)\n"
        "    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    return module\n"
        "load(sys.argv[1]).install()\n"
        "import LymphNodeSegLib.panel.widget\n"
        "print({'torch', 'scipy', 'SimpleITK', 'pydicom', 'highdicom'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, standins.__file__],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout.strip() == "set()"
