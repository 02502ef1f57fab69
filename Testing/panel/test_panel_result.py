"""The section on the result: how the DWI fits, and what to say of it."""

from __future__ import annotations

import pytest
from LymphNodeSegLib.scene.result import result_of


@pytest.fixture
def result_section(services, container, result):
    from LymphNodeSegLib.panel.result_section import ResultSection

    services.nodes.show(result)
    made = ResultSection(container(), services)
    made.show(result)
    return made


def composite(scene):
    return scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")


def test_the_dwi_fades_in_and_is_compared_with_what_it_was(result_section, result, scene):
    ui = result_section._ui
    ui.fadeSlider.setValue(40)
    assert composite(scene).GetBackgroundVolumeID() == result.t2.GetID()
    assert composite(scene).GetForegroundVolumeID() == result.dwi.GetID()
    assert composite(scene).GetForegroundOpacity() == pytest.approx(0.4)
    ui.beforeRadioButton.click()
    assert composite(scene).GetForegroundVolumeID() == result.dwi_before.GetID()
    assert composite(scene).GetForegroundOpacity() == pytest.approx(0.4)
    result_section.show(result)  # the module was left and entered again
    assert ui.beforeRadioButton.isChecked()
    assert ui.fadeSlider.value() == 40
    ui.afterRadioButton.click()
    assert composite(scene).GetForegroundVolumeID() == result.dwi.GetID()


def test_how_well_it_was_registered_is_told(result_section):
    text = result_section._ui.registrationLabel.text()
    for part in ("1.050 before, 1.100 after", "20% before, 40% after", "up to 7.2 mm; no folding"):
        assert part in text
    assert "left: x 1.5" in result_section._ui.registrationLabel.toolTip()
    assert "It fits." in result_section._ui.summaryLabel.text()


def test_nothing_to_fade_without_a_dwi(result_section, result, scene):
    scene.RemoveNode(result.dwi)
    result_section.show(result_of(result.segmentation))
    assert not result_section._ui.fadeSlider.isEnabled()
    assert not result_section._ui.beforeRadioButton.isEnabled()
    result_section.show(None)
    assert result_section._ui.registrationLabel.text() == ""
