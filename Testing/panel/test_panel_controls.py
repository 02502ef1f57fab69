"""The inputs' and the model's controls: what is proposed, shown, chosen, and kept with the scene."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest
from LymphNodeSegLib import NOTICE
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.network.model_file import listed_models
from LymphNodeSegLib.scene.volumes import fill_volume

from Testing.panel.panel_cases import GEOMETRY, add, played, texture


@pytest.fixture
def sequence(scene, volumes):
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "ep2d_diff")
    node.SetIndexName("Standard.B-value")
    for n, b_value in enumerate((50, 400, 800)):
        volume = slicer.vtkMRMLScalarVolumeNode()
        fill_volume(volume, Image(texture(10 + n), GEOMETRY))
        node.SetDataNodeAtValue(volume, str(b_value))
    return node


def test_a_dwi_of_several_b_values_gets_a_choice(panel, sequence):
    ui = panel._ui
    assert ui.bValueComboBox.isHidden()
    ui.dwiSelector.setCurrentNode(sequence)
    assert not ui.bValueComboBox.isHidden()
    items = [ui.bValueComboBox.itemText(n) for n in range(ui.bValueComboBox.count())]
    assert items == ["b = 50 s/mm2", "b = 400 s/mm2", "b = 800 s/mm2"]
    assert ui.bValueComboBox.currentIndex() == 2
    ui.bValueComboBox.setCurrentIndex(1)
    ui.bValueComboBox.activated.emit(1)
    assert panel._parameters.bValue == 400.0
    assert "DWI at b = 400 s/mm2" in ui.inputStatusLabel.text()
    panel.close()
    panel.open()
    assert ui.bValueComboBox.currentIndex() == 1


def test_a_run_on_a_sequence_keeps_the_chosen_b_value_in_the_scene(panel, sequence, until, monkeypatch):
    import LymphNodeSegLib.panel.worker_process as worker_process
    from LymphNodeSegLib.scene.result import result_of
    from LymphNodeSegLib.scene.run_facts import facts_of
    from LymphNodeSegLib.scene.volumes import image_from_volume

    monkeypatch.setattr(worker_process, "PROGRAM", played())
    panel._ui.dwiSelector.setCurrentNode(sequence)
    panel._ui.applyButton.click()
    until(lambda: not panel.runner.running)
    segmentation = panel._parameters.segmentation
    before = image_from_volume(result_of(segmentation).dwi_before)
    np.testing.assert_array_equal(before.array, texture(12))
    assert facts_of(segmentation).b_value_s_mm2 == 800.0


def test_what_the_user_left_empty_is_proposed_and_what_he_chose_is_kept(panel, scene, volumes):
    other = add(scene, "t2 of the user's own", 5)
    adc = add(scene, "adc", 6)
    panel._ui.t2Selector.setCurrentNode(other)
    panel.close()
    panel.open()
    assert panel._ui.t2Selector.currentNode() is other
    assert panel._ui.adcSelector.currentNode() is adc


def test_opening_takes_less_than_half_a_second(module, panel):
    panel.close()
    began = time.process_time()
    panel.open()
    assert time.process_time() - began < 0.5


def notice(panel) -> str:
    return panel._ui.noticeLabel.text()


def choose_own(panel, path) -> None:
    ui = panel._ui
    index = ui.modelComboBox.count() - 1
    ui.modelComboBox.setCurrentIndex(index)
    ui.modelComboBox.activated.emit(index)
    ui.modelPathLineEdit.setText(str(path))


def test_the_card_and_the_worth_of_the_weights_are_shown(panel):
    ui = panel._ui
    assert listed_models()[0].notice in notice(panel)
    assert NOTICE in notice(panel)
    assert "Trained on: synthetic pelvises" in ui.modelCardLabel.text()
    assert "false finds a case" in ui.modelCardLabel.text()
    assert ui.modelPathLineEdit.isHidden()
    assert ui.trustCheckBox.isHidden()


def test_a_file_of_the_users_own_needs_his_word_once(panel, tmp_path, monkeypatch):
    import LymphNodeSegLib.panel.widget as widget
    from LymphNodeSegLib.panel.parameter_node import settings_of

    monkeypatch.setattr(widget, "torch_problem", lambda: "")
    own = tmp_path / "own.pt"
    shutil.copy(listed_models()[0].path, own)
    with own.open("ab") as stream:  # another file with the same card
        stream.write(b"\0" * 8)
    ui = panel._ui
    ui.modelComboBox.setCurrentIndex(1)
    ui.modelComboBox.activated.emit(1)
    assert not ui.modelPathLineEdit.isHidden()
    assert "Choose a model file" in panel._problem()
    choose_own(panel, own)
    assert "Trained on: synthetic pelvises" in ui.modelCardLabel.text()
    assert not ui.trustCheckBox.isHidden()
    assert not ui.trustCheckBox.isChecked()
    assert "trust the model file" in panel._problem()
    ui.applyButton.click()
    assert not panel.runner.running
    assert "trust the model file" in ui.messageLabel.text()
    ui.trustCheckBox.click()
    assert panel._problem() == ""
    settings = settings_of(panel._parameters, panel._model_controls.trusted)
    assert (settings.model, settings.trust_unlisted_model) == (str(own), True)
    with own.open("ab") as stream:  # the word was given for another file
        stream.write(b"\0")
    panel.close()
    panel.open()
    assert "trust the model file" in panel._problem()


def test_a_listed_model_elsewhere_needs_no_word(panel, tmp_path):
    copy = tmp_path / "copy.pt"
    shutil.copy(listed_models()[0].path, copy)
    choose_own(panel, copy)
    assert panel._ui.trustCheckBox.isHidden()
    assert panel._model_controls.problem() == ""


def test_a_file_that_is_no_model_is_said(panel, tmp_path):
    path = tmp_path / "holiday.pt"
    path.write_bytes(b"no zip")
    choose_own(panel, path)
    assert "no model file" in panel._ui.modelCardLabel.text()
    assert notice(panel) == NOTICE


def test_devices_that_are_not_there_are_marked(panel):
    panel._model_controls.show_devices(("cuda", "cpu"))
    box = panel._ui.deviceComboBox
    texts = [box.itemText(n) for n in range(box.count())]
    assert texts == ["Automatic (NVIDIA GPU)", "NVIDIA GPU", "Apple GPU (not found)", "Processor"]


def test_opening_the_advanced_settings_asks_the_worker_for_its_devices(panel, until, monkeypatch):
    import LymphNodeSegLib.panel.worker_process as worker_process

    monkeypatch.setattr(worker_process, "PROGRAM", played())
    panel._ui.advancedCollapsibleButton.setProperty("collapsed", False)
    until(lambda: panel.runner.worker.devices == ("cpu",))
    assert panel._ui.deviceComboBox.itemText(0) == "Automatic (Processor)"


def test_the_extension_for_torch_is_offered_and_offline_machines_are_told(panel, monkeypatch):
    import slicer
    from LymphNodeSegLib.panel import dependencies

    asked = []

    class Manager:
        def installExtensionFromServer(self, name, restart):  # noqa: N802
            asked.append((name, restart))
            return len(asked) > 1

    class Application:
        def extensionsManagerModel(self):  # noqa: N802
            return Manager()

    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(slicer, "app", Application(), raising=False)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *a, **k: True, raising=False)
    assert "pip download torch" in dependencies.torch_problem()
    assert "restart Slicer" in dependencies.torch_problem()
    assert asked == [("PyTorch", False)] * 2
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *a, **k: False, raising=False)
    assert "pip download torch" in dependencies.torch_problem()
    assert len(asked) == 2


def test_choices_come_back_with_a_saved_scene(panel, scene, volumes, tmp_path):
    """The parameter node in the scene holds them, and the panel shows them again."""
    ui = panel._ui
    ui.registrationComboBox.setCurrentIndex(1)
    ui.suspiciousSpinBox.setValue(8.0)
    node = panel._parameters.node
    panel.close()
    assert node.GetParameter("registration") == "rigid"
    ui.registrationComboBox.setCurrentIndex(0)
    ui.suspiciousSpinBox.setValue(10.0)
    panel.open()
    assert ui.registrationComboBox.currentIndex() == 1
    assert ui.suspiciousSpinBox.value() == 8.0
