"""The panel's behavior: what the user sees when volumes are chosen and runs end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.volumes import fill_volume, vtk_matrix

GEOMETRY = Geometry((48, 44, 8), (-30.0, 12.0, 5.0), (1.0, 1.0, 4.0))


def texture(seed: int) -> np.ndarray:
    """A smooth random image with a body in air, so that a registration has something to hold on to."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(8, 44, 48)), (0.7, 2.0, 2.0))
    body = np.hypot(*np.mgrid[-1:1:44j, -1:1:48j]) < 0.8
    return ((noise / noise.std() * 90.0 + 400.0).clip(1) * body).astype(np.int16)


def add(scene, name: str, seed: int):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    fill_volume(node, Image(texture(seed), GEOMETRY))
    return node


@pytest.fixture
def volumes(scene):
    return add(scene, "t2_tse", 1), add(scene, "dwi_b800", 2)


@pytest.fixture
def module(application, standins, scene, volumes, module_file):
    """The module's widget, set up as Slicer would; what it uses of Qt is real."""
    from PySide6 import QtWidgets

    parent = QtWidgets.QWidget()
    QtWidgets.QVBoxLayout(parent)
    parent.isEntered = True
    widget = module_file.LymphNodeSegWidget(parent)
    widget.setup()
    yield widget
    widget.cleanup()


@pytest.fixture
def panel(module):
    return module.panel


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
    settings = settings_of(panel._parameters)
    assert (settings.device, settings.registration, settings.suspicious_mm) == ("cpu", "rigid", 8.0)


def panel_flags():
    from PySide6.QtCore import Qt

    return Qt.MatchFlag.MatchStartsWith


def test_missing_torch_is_said_before_anything_starts(panel, monkeypatch):
    import LymphNodeSegLib.panel.dependencies as dependencies

    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: None)
    panel._ui.applyButton.click()
    assert "PyTorch" in panel._ui.messageLabel.text()
    assert panel._worker is None


def test_torch_is_installed_by_slicers_extension_for_it(panel, standins, monkeypatch):
    import LymphNodeSegLib.panel.dependencies as dependencies

    asked = []

    class Logic:
        def installTorch(self, askConfirmation):  # noqa: N802, N803
            asked.append(askConfirmation)
            return object()

    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", standins.module("PyTorchUtils", PyTorchUtilsLogic=Logic))
    assert dependencies.torch_problem() == ""
    assert asked == [True]


def section(panel, name):
    return next(one for container, one in panel._sections if container.objectName().startswith(name))


def is_idle(panel) -> bool:
    return panel._worker is None


def test_apply_runs_the_pipeline_and_shows_its_result(panel, module, volumes, scene, until):
    """The real worker on the real pipeline; the images are noise, so any number of nodes is right."""
    panel._ui.registrationComboBox.setCurrentIndex(2)
    panel._ui.deviceComboBox.setCurrentIndex(3)
    panel._ui.applyButton.click()
    assert panel._ui.applyButton.text() == "Cancel"
    assert not panel._ui.progressBar.isHidden()
    until(lambda: is_idle(panel), 120.0)
    log = panel._ui.logText.toPlainText()
    assert panel._ui.messageLabel.text() == "", log
    assert panel._ui.applyButton.text() == "Apply"
    assert panel._ui.progressBar.isHidden()

    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    dwi = scene.GetFirstNodeByName("DWI registered")
    assert module.logic.getParameterNode is not None
    assert panel._parameters.segmentation is segmentation
    assert segmentation.GetNodeReference("referenceImageGeometryRef") is volumes[0]
    assert dwi.GetImageData().GetDimensions() == GEOMETRY.size_ijk
    count = segmentation.GetSegmentation().GetNumberOfSegments()
    assert ("No lymph node" in section(panel, "result")._ui.summaryLabel.text()) == (count == 0)
    assert "Registering DWI to T2" in log


def test_views_show_t2_behind_the_fading_dwi(panel, volumes, scene):
    from LymphNodeSegLib.scene.result import ResultData, add_result
    from LymphNodeSegLib.scene.views import add_slice_views

    add_slice_views(scene, volumes[0])
    image = Image(texture(3), GEOMETRY)
    labels = Image(np.zeros((8, 44, 48), np.uint16), GEOMETRY)
    nodes = add_result(scene, volumes[0], ResultData(labels, (), image))
    panel._show_result(nodes)
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


@pytest.fixture
def endless(monkeypatch):
    import LymphNodeSegLib.panel.worker_process as worker_process

    program = (
        "import json, os, time\n"
        "say = lambda **event: print(json.dumps(event), flush=True)\n"
        "say(event='started', pid=os.getpid(), stages=['Reading images'])\n"
        "say(event='stage', stage='Reading images')\n"
        "time.sleep(600)"
    )
    monkeypatch.setattr(worker_process, "PROGRAM", program)


def start(panel, until):
    panel._ui.applyButton.click()
    worker = panel._worker
    until(lambda: worker.state.stage != "")
    return worker


def test_cancel_returns_to_idle_and_a_new_run_can_start(panel, endless, scene, until):
    before = scene.GetNumberOfNodes()
    for _ in range(2):
        worker = start(panel, until)
        panel._ui.applyButton.click()
        assert is_idle(panel)
        assert (panel._ui.applyButton.text(), panel._ui.messageLabel.text()) == ("Apply", "Cancelled.")
        until(lambda worker=worker: worker not in worker._alive, 5.0)
    assert scene.GetNumberOfNodes() == before


def test_a_crash_of_the_worker_is_a_message(panel, endless, until):
    worker = start(panel, until)
    os.kill(worker.state.pid, signal.SIGKILL)
    until(lambda: is_idle(panel), 10.0)
    assert "ended from outside or crashed" in panel._ui.messageLabel.text()
    assert panel._ui.applyButton.isEnabled()


def test_closing_the_scene_ends_the_run(module, panel, endless, scene, until):
    worker = start(panel, until)
    scene.Clear(False)
    assert is_idle(panel)
    until(lambda: worker not in worker._alive, 5.0)
    assert not panel._ui.applyButton.isEnabled()
    assert "Choose the T2" in panel._ui.inputStatusLabel.text()


def test_a_t2_removed_in_mid_run_is_said_and_nothing_is_added(panel, volumes, scene):
    from LymphNodeSegLib.worker_files import WorkerResult

    panel._running_on = volumes[0].GetID()
    scene.RemoveNode(volumes[0])
    before = scene.GetNumberOfNodes()
    image = Image(texture(3), GEOMETRY)
    text = panel._take(WorkerResult(image, image, image, None, (), None, "m", "", {}, "cpu", (), {}))
    assert "T2 was removed" in text
    assert scene.GetNumberOfNodes() == before


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
