"""Thin stand-ins for what only Slicer has: PythonQt's module, a few qMRML and ctk widgets, base classes.

Real Qt (PySide6), a real MRML scene (slicer-core). Evidence, not proof: PythonQt differs from PySide6.
"""

# ruff: noqa: N801, N802, N815 - the names are Qt's and Slicer's
from __future__ import annotations

import sys
import types
import typing
from dataclasses import dataclass
from typing import Any, Callable

import slicer
import slicer.util
import vtk
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets


class qMRMLWidget(QtWidgets.QWidget):
    # QUiLoader looks for the .ui file's "mrmlSceneChanged(vtkMRMLScene*)", which only C++ has, and says so.
    def setMRMLScene(self, scene: Any) -> None:
        for child in self.findChildren(QtWidgets.QWidget):
            if hasattr(child, "setMRMLScene"):
                child.setMRMLScene(scene)


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.currentIndexChanged.connect(lambda *_: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene: Any) -> None:
        self.clear()
        self.addItem("None", "")
        for kind in self.property("nodeTypes"):
            for n in range(scene.GetNumberOfNodesByClass(kind)):
                node = scene.GetNthNodeByClass(n, kind)
                if self.property("showChildNodeTypes") or node.GetClassName() == kind:
                    self.addItem(node.GetName(), node.GetID())

    def currentNode(self) -> Any:
        return slicer.mrmlScene.GetNodeByID(self.currentData() or "")

    def setCurrentNode(self, node: Any) -> None:
        self.setMRMLScene(slicer.mrmlScene) if node and self.findData(node.GetID()) < 0 else None
        self.setCurrentIndex(self.findData(node.GetID()) if node else 0)


class qMRMLTableView(QtWidgets.QTableWidget):
    def setMRMLScene(self, scene: Any) -> None:
        pass

    def setMRMLTableNode(self, node: Any) -> None:
        table = node.GetTable() if node else vtk.vtkTable()
        self.setRowCount(table.GetNumberOfRows())
        self.setColumnCount(table.GetNumberOfColumns())
        self.setHorizontalHeaderLabels([table.GetColumnName(c) for c in range(table.GetNumberOfColumns())])
        for row in range(table.GetNumberOfRows()):
            for column in range(table.GetNumberOfColumns()):
                text = table.GetValue(row, column).ToString()
                self.setItem(row, column, QtWidgets.QTableWidgetItem(text))


class ctkCollapsibleButton(QtWidgets.QGroupBox):
    contentsCollapsed = QtCore.Signal(bool)

    def _get_text(self) -> str:
        return self.title()

    def _set_text(self, text: str) -> None:
        self.setTitle(text)

    def _is_collapsed(self) -> bool:
        return getattr(self, "_collapsed", False)

    def _set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.contentsCollapsed.emit(collapsed)
        self.setMaximumHeight(24 if collapsed else 16777215)
        self.contentsCollapsed.emit(collapsed)

    text = QtCore.Property(str, _get_text, _set_text)
    collapsed = QtCore.Property(bool, _is_collapsed, _set_collapsed)


class ctkPathLineEdit(QtWidgets.QLineEdit):
    currentPath = QtCore.Property(str, QtWidgets.QLineEdit.text, QtWidgets.QLineEdit.setText)
    currentPathChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.textChanged.connect(self.currentPathChanged.emit)

    def addCurrentPathToHistory(self) -> None:
        pass


def load_ui(path: str) -> QtWidgets.QWidget:
    loader = QtUiTools.QUiLoader()
    for widget in (qMRMLWidget, qMRMLNodeComboBox, qMRMLTableView, ctkCollapsibleButton, ctkPathLineEdit):
        loader.registerCustomWidget(widget)
    widget = loader.load(str(path))
    assert widget is not None, loader.errorString()
    return widget


def child_widgets(widget: QtWidgets.QWidget) -> types.SimpleNamespace:
    children = widget.findChildren(QtWidgets.QWidget)
    return types.SimpleNamespace(**{child.objectName(): child for child in children if child.objectName()})


@dataclass
class Choice:
    choices: list[str]


@dataclass
class WithinRange:
    minimum: float
    maximum: float


def parameter_node_wrapper(cls: type) -> type:
    hints = typing.get_type_hints(cls, include_extras=True)
    defaults = {name: getattr(cls, name, None) for name in hints}

    def property_of(name: str) -> property:
        kind = typing.get_args(hints[name])[0] if typing.get_args(hints[name]) else hints[name]

        def read_node(self: Any) -> Any:
            return self.node.GetNodeReference(name)

        def write_node(self: Any, value: Any) -> None:
            self.node.SetNodeReferenceID(name, value.GetID() if value else None)

        def read(self: Any) -> Any:
            text = self.node.GetParameter(name)
            return text == "True" if text and kind is bool else kind(text or defaults[name])

        def write(self: Any, value: Any) -> None:
            self.node.SetParameter(name, str(value))

        return property(read_node, write_node) if issubclass(kind, vtk.vtkObject) else property(read, write)

    def init(self: Any, node: Any) -> None:
        self.node = node

    def connect_gui(self: Any, mapping: dict[str, Any]) -> list[Any]:
        return [_connect(self, name, widget, hints[name]) for name, widget in mapping.items()]

    def disconnect_gui(self: Any, connections: list[Any]) -> None:
        for signal, slot in connections:
            signal.disconnect(slot)

    members = {name: property_of(name) for name in hints}
    members |= {
        "__init__": init,
        "connectParametersToGui": connect_gui,
        "disconnectGui": disconnect_gui,
        "AddObserver": lambda self, event, callback: self.node.AddObserver(event, callback),
        "RemoveObserver": lambda self, tag: self.node.RemoveObserver(tag),
        "allParameters": hints,
    }
    return type(cls.__name__, (), {**members, "__doc__": cls.__doc__})


def _connect(parameters: Any, name: str, widget: Any, hint: Any) -> tuple[Any, Any]:
    """Keep a widget and a parameter in step; returns the signal and the slot."""
    if isinstance(widget, qMRMLNodeComboBox):
        widget.setCurrentNode(getattr(parameters, name))
        signal, slot = widget.currentNodeChanged, lambda node: setattr(parameters, name, node)
    elif isinstance(widget, QtWidgets.QComboBox):
        choices = next(note.choices for note in hint.__metadata__ if isinstance(note, Choice))
        widget.clear()
        widget.addItems(choices)
        widget.setCurrentIndex(choices.index(getattr(parameters, name)))
        signal = widget.currentIndexChanged
        slot = lambda index: setattr(parameters, name, choices[index])  # noqa: E731
    elif isinstance(widget, QtWidgets.QCheckBox):
        widget.setChecked(getattr(parameters, name))
        signal, slot = widget.toggled, lambda checked: setattr(parameters, name, checked)
    else:
        limits = next(note for note in hint.__metadata__ if isinstance(note, WithinRange))
        widget.setRange(limits.minimum, limits.maximum)
        widget.setValue(getattr(parameters, name))
        signal, slot = widget.valueChanged, lambda value: setattr(parameters, name, value)
    signal.connect(slot)
    return signal, slot


class ModuleBase:
    def __init__(self, parent: Any) -> None:
        self.parent = parent


class WidgetBase:
    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.layout = parent.layout() if parent else None

    def setup(self) -> None:
        pass

    def resourcePath(self, name: str) -> str:
        from LymphNodeSegLib.resources import resource_path

        return str(resource_path(name))


class LogicBase:
    def getParameterNode(self) -> Any:
        return slicer.mrmlScene.GetFirstNodeByClass(
            "vtkMRMLScriptedModuleNode"
        ) or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made
    return made


def install() -> None:
    """Make `qt`, `slicer.i18n` and the like importable."""
    qt = module("qt")
    for part in (QtCore, QtGui, QtWidgets):
        vars(qt).update({name: getattr(part, name) for name in dir(part) if not name.startswith("__")})
    tr: Callable[[str], str] = lambda text: text  # noqa: E731
    module("slicer.i18n", tr=tr, translate=lambda context, text: text)
    module(
        "slicer.parameterNodeWrapper",
        Choice=Choice,
        WithinRange=WithinRange,
        parameterNodeWrapper=parameter_node_wrapper,
    )
    module(
        "slicer.ScriptedLoadableModule",
        ScriptedLoadableModule=ModuleBase,
        ScriptedLoadableModuleWidget=WidgetBase,
        ScriptedLoadableModuleLogic=LogicBase,
    )
    slicer.util.loadUI = load_ui
    slicer.util.childWidgetVariables = child_widgets
    slicer.util.resetSliceViews = lambda: None
