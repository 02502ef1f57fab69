"""The panel's .ui file in real Qt."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from LymphNodeSegLib.resources import resource_path


def test_every_widget_the_panel_uses_is_there_and_no_name_twice(ui_widget, standins):
    from pathlib import Path

    import LymphNodeSegLib.panel.widget as widget

    used = set(re.findall(r"\b(?:_ui|ui)\.(\w+)\.", Path(widget.__file__).read_text(encoding="utf-8")))
    assert len(used) > 8
    assert used <= set(vars(standins.child_widgets(ui_widget)))
    names = [e.get("name") for e in ElementTree.parse(resource_path("UI/LymphNodeSeg.ui")).iter("widget")]
    assert len(names) == len(set(names))


def test_every_control_has_a_tooltip(ui_widget, standins):
    from PySide6 import QtWidgets

    controls = (
        QtWidgets.QAbstractButton,
        QtWidgets.QComboBox,
        QtWidgets.QAbstractSpinBox,
        QtWidgets.QGroupBox,
    )
    controls += (QtWidgets.QAbstractSlider, QtWidgets.QProgressBar, QtWidgets.QAbstractScrollArea)
    names = vars(standins.child_widgets(ui_widget)).items()
    shown = [
        (name, widget)
        for name, widget in names
        if isinstance(widget, controls) and not name.startswith("qt_")
    ]
    assert len(shown) >= 12
    assert [name for name, widget in shown if not widget.toolTip()] == []


def test_parameter_names_are_those_of_the_parameter_node(ui_widget, standins):
    from LymphNodeSegLib.panel.parameter_node import LymphNodeSegParameterNode

    widgets = vars(standins.child_widgets(ui_widget)).values()
    names = [name for name in (widget.property("SlicerParameterName") for widget in widgets) if name]
    results = {"segmentation", "table"}  # written by a run, chosen by nobody
    assert sorted(names) == sorted(set(LymphNodeSegParameterNode.allParameters) - results)


def test_every_mrml_widget_gets_the_scene():
    tree = ElementTree.parse(resource_path("UI/LymphNodeSeg.ui"))
    top = tree.find("widget")
    mrml = {e.get("name") for e in top.iter("widget") if e.get("class").startswith("qMRML")} - {
        top.get("name")
    }
    assert mrml == {connection.findtext("receiver") for connection in tree.iter("connection")}
    for connection in tree.iter("connection"):
        assert connection.findtext("sender") == top.get("name")
        assert connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        assert connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"


def test_custom_widgets_are_declared():
    tree = ElementTree.parse(resource_path("UI/LymphNodeSeg.ui"))
    custom = {e.get("class") for e in tree.iter("widget") if not e.get("class").startswith("Q")}
    assert custom == {e.findtext("class") for e in tree.iter("customwidget")}


def test_only_plain_volumes_can_be_chosen(ui_widget):
    """Label maps and color volumes derive from scalar volumes."""
    tree = ElementTree.parse(resource_path("UI/LymphNodeSeg.ui"))
    selectors = [e for e in tree.iter("widget") if e.get("class") == "qMRMLNodeComboBox"]
    assert len(selectors) == 3
    for selector in selectors:
        values = {p.get("name"): "".join(p.itertext()).strip() for p in selector.findall("property")}
        assert values["showChildNodeTypes"] == "false"
        assert values["noneEnabled"] == "true"


def test_each_input_is_reached_by_its_own_key():
    text = resource_path("UI/LymphNodeSeg.ui").read_text(encoding="utf-8")
    keys = [key.lower() for key in re.findall(r"&amp;(\w)", text)]
    assert len(keys) == 7
    assert len(set(keys)) == len(keys)


def test_panel_fits_400_pixels(ui_widget):
    assert ui_widget.minimumSizeHint().width() <= 400
