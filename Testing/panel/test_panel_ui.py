"""The panel's .ui files in real Qt: LymphNodeSeg.ui and the sections that are loaded into it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from LymphNodeSegLib.resources import resource_path

UI_FILES = sorted(resource_path("UI").glob("*.ui"))
PANEL = Path(__file__).resolve().parents[2] / "LymphNodeSeg" / "LymphNodeSegLib" / "panel"
each_file = pytest.mark.parametrize("path", UI_FILES, ids=lambda path: path.stem)


def source_of(path: Path) -> str:
    """The code that uses a .ui file: XSection.ui belongs to x_section.py."""
    names = [path.stem.replace("Section", "_section").lower()]
    if path.stem == "LymphNodeSeg":
        names = ["widget", "input_controls", "model_controls"]
    return "".join((PANEL / f"{name}.py").read_text(encoding="utf-8") for name in names)


@each_file
def test_every_widget_the_panel_uses_is_there_and_no_name_twice(path, standins, application):
    used = set(re.findall(r"\b(?:_ui|ui)\.(\w+)\b", source_of(path)))
    names = [e.get("name") for e in ElementTree.parse(path).iter("widget")]
    assert used <= set(names)
    assert len(names) == len(set(names))
    assert set(names) <= set(vars(standins.child_widgets(standins.load_ui(path)))) | {path.stem}


@each_file
def test_every_control_has_a_tooltip(path, standins, application):
    from PySide6 import QtWidgets

    controls = (
        QtWidgets.QAbstractButton,
        QtWidgets.QComboBox,
        QtWidgets.QAbstractSpinBox,
        QtWidgets.QGroupBox,
        QtWidgets.QAbstractSlider,
        QtWidgets.QProgressBar,
        QtWidgets.QAbstractScrollArea,
    )
    own = {e.get("name") for e in ElementTree.parse(path).iter("widget")}
    widgets = vars(standins.child_widgets(standins.load_ui(path))).items()
    shown = [(name, widget) for name, widget in widgets if name in own and isinstance(widget, controls)]
    assert [name for name, widget in shown if not widget.toolTip()] == []


def test_parameter_names_are_those_of_the_parameter_node(ui_widget, standins):
    from LymphNodeSegLib.panel.parameter_node import LymphNodeSegParameterNode

    widgets = vars(standins.child_widgets(ui_widget)).values()
    names = [name for name in (widget.property("SlicerParameterName") for widget in widgets) if name]
    # Written by a run; filled with what the nodes and files are found to hold.
    not_connected = {"segmentation", "dwi", "bValue", "model"}
    assert sorted(names) == sorted(set(LymphNodeSegParameterNode.allParameters) - not_connected)


@each_file
def test_every_mrml_widget_gets_the_scene(path):
    tree = ElementTree.parse(path)
    top = tree.find("widget")
    mrml = {e.get("name") for e in top.iter("widget") if e.get("class").startswith("qMRML")} - {
        top.get("name")
    }
    assert mrml == {connection.findtext("receiver") for connection in tree.iter("connection")}
    for connection in tree.iter("connection"):
        assert connection.findtext("sender") == top.get("name")
        assert connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        assert connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"


@each_file
def test_custom_widgets_are_declared(path):
    tree = ElementTree.parse(path)
    custom = {e.get("class") for e in tree.iter("widget") if not e.get("class").startswith("Q")}
    assert custom == {e.findtext("class") for e in tree.iter("customwidget")}


def test_only_volumes_can_be_chosen():
    """Label maps and color volumes derive from scalar volumes."""
    tree = ElementTree.parse(resource_path("UI/LymphNodeSeg.ui"))
    selectors = [e for e in tree.iter("widget") if e.get("class") == "qMRMLNodeComboBox"]
    assert len(selectors) == 3
    for selector in selectors:
        values = {p.get("name"): "".join(p.itertext()).split() for p in selector.findall("property")}
        assert values["showChildNodeTypes"] == ["false"]
        assert values["noneEnabled"] == ["true"]
        several = {"vtkMRMLDiffusionWeightedVolumeNode", "vtkMRMLMultiVolumeNode", "vtkMRMLSequenceNode"}
        allowed = {"vtkMRMLScalarVolumeNode"} | (several if selector.get("name") == "dwiSelector" else set())
        assert set(values["nodeTypes"]) == allowed


def test_every_control_is_reached_by_a_key_of_its_own():
    texts = [path.read_text(encoding="utf-8") for path in UI_FILES]
    keys = [key.lower() for text in texts for key in re.findall(r"&amp;(\w)", text)]
    assert len(keys) >= 9
    assert len(set(keys)) == len(keys)


@each_file
def test_it_fits_400_pixels(path, standins, application):
    assert standins.load_ui(path).minimumSizeHint().width() <= 400
