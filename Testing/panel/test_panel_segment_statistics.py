"""The plugin for Segment Statistics, on a stand-in for Slicer's base class."""

# ruff: noqa: N802, N803, N815 - the names are Slicer's
from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest

KEYS = ["short_axis_mm", "long_axis_mm", "axial_short_axis_mm"]


class PluginBase:
    """The part of Slicer's SegmentStatisticsPluginBase that its logic and our plugin use."""

    def __init__(self) -> None:
        self.name = self.title = ""
        self.keys: list[str] = []
        self.defaultKeys: list[str] = []
        self.parameters: dict[str, str] = {}

    @staticmethod
    def createCodedEntry(value: str, scheme: str, meaning: str, as_string: bool = False) -> Any:
        import slicer

        entry = slicer.vtkCodedEntry()
        entry.SetValueSchemeMeaning(value, scheme, meaning)
        return entry.GetAsString() if as_string else entry

    @staticmethod
    def createMeasurementInfo(
        name: str, title: str, description: str, units: str, quantityDicomCode: str, unitsDicomCode: str
    ) -> dict[str, str]:
        codes = {"DICOM.QuantityCode": quantityDicomCode, "DICOM.UnitsCode": unitsDicomCode}
        return {"name": name, "title": title, "description": description, "units": units, **codes}

    def getRequestedKeys(self) -> list[str]:
        return [key for key in self.keys if self.parameters.get(key, "True") == "True"]

    def getParameterNode(self) -> Any:
        return self

    def GetParameter(self, name: str) -> str:
        return self.parameters[name]


class Logic:
    registeredPlugins: list[type] = []  # noqa: RUF012 - as Slicer has it

    @staticmethod
    def registerPlugin(plugin: Any) -> None:
        assert isinstance(plugin, PluginBase)
        Logic.registeredPlugins.append(type(plugin))


@pytest.fixture
def module(standins, monkeypatch):
    Logic.registeredPlugins = []
    members = {"SegmentStatisticsPlugins": {"SegmentStatisticsPluginBase": PluginBase}}
    members["SegmentStatistics"] = {"SegmentStatisticsLogic": Logic}
    for name, member in members.items():
        monkeypatch.setitem(sys.modules, name, standins.module(name, **member))
    yield importlib.import_module("LymphNodeSegLib.panel.segment_statistics")
    sys.modules.pop("LymphNodeSegLib.panel.segment_statistics", None)


@pytest.fixture
def plugin(module, scene):
    """The plugin, set to a segmentation with a bar of 9.6 x 4 x 3 mm."""
    import slicer

    array = np.zeros((5, 20, 30), np.uint8)
    array[2, 5:10, 8:20] = 1
    volume = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    volume.SetSpacing(0.8, 0.8, 3.0)
    slicer.util.updateVolumeFromArray(volume, array)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(volume, segmentation)
    plugin = module.LymphNodeAxesStatisticsPlugin()
    plugin.parameters["Segmentation"] = segmentation.GetID()
    plugin.segment_id = segmentation.GetSegmentation().GetNthSegmentID(0)
    return plugin


def test_all_keys_are_on_by_default_and_have_no_dot(plugin):
    assert plugin.keys == plugin.defaultKeys == KEYS
    assert not any("." in key for key in plugin.keys)


def test_a_bar_has_the_axes_that_a_ruler_gives(plugin):
    values = plugin.computeStatistics(plugin.segment_id)
    assert list(values) == KEYS
    assert values["long_axis_mm"] == pytest.approx(np.hypot(9.6, 4.0), abs=0.8)
    assert values["short_axis_mm"] == pytest.approx(4.0 * np.hypot(9.6, 4.0) / 9.6, abs=0.8)
    assert values["axial_short_axis_mm"] == values["short_axis_mm"]


def test_only_what_was_asked_for_is_given(plugin):
    plugin.parameters["long_axis_mm"] = "False"
    assert list(plugin.computeStatistics(plugin.segment_id)) == ["short_axis_mm", "axial_short_axis_mm"]


def test_nothing_is_measured_when_nothing_is_asked_for(plugin):
    plugin.parameters.update(dict.fromkeys(KEYS, "False"))
    assert plugin.computeStatistics(plugin.segment_id) == {}


def test_an_empty_segment_has_no_measurements(plugin, scene):
    segmentation = scene.GetNodeByID(plugin.parameters["Segmentation"])
    empty = segmentation.GetSegmentation().AddEmptySegment("empty")
    assert plugin.computeStatistics(empty) == {}


@pytest.mark.parametrize(
    ("key", "code", "meaning"),
    [
        ("short_axis_mm", "103340004", "Short axis"),
        ("long_axis_mm", "103339001", "Long axis"),
        ("axial_short_axis_mm", "103340004", "Short axis"),
    ],
)
def test_each_measurement_carries_its_codes(plugin, key: str, code: str, meaning: str):
    import slicer

    info = plugin.getMeasurementInfo(key)
    assert info["units"] == "mm"
    assert info["name"]
    assert info["title"]
    assert info["description"].endswith(".")
    entry = slicer.vtkCodedEntry()
    entry.SetFromString(info["DICOM.QuantityCode"])
    assert (entry.GetCodeValue(), entry.GetCodingSchemeDesignator()) == (code, "SCT")
    assert entry.GetCodeMeaning() == meaning
    entry.SetFromString(info["DICOM.UnitsCode"])
    assert (entry.GetCodeValue(), entry.GetCodingSchemeDesignator()) == ("mm", "UCUM")


def test_an_unknown_key_has_no_info(plugin):
    assert plugin.getMeasurementInfo("volume_mm3") is None


def test_it_is_registered_once(module):
    module.register()
    module.register()
    assert [plugin.__name__ for plugin in Logic.registeredPlugins] == ["LymphNodeAxesStatisticsPlugin"]
