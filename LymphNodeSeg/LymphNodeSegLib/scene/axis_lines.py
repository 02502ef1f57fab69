"""The short and the long axis of the chosen node as lines in the slice views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

from ..nodes.node import Diameter, Node, NodeMask, Point

if TYPE_CHECKING:
    import slicer

_LINE_THICKNESS = 0.25
_COLORS = {"Short axis": (1.0, 1.0, 1.0), "Long axis": (0.75, 0.9, 1.0)}


class AxisLines:
    """Two lines that show one node at a time; they are locked, not listed in Slicer, and never saved.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        self._lines: dict[str, slicer.vtkMRMLMarkupsLineNode] = {}

    def show(self, node: Optional[Node]) -> None:
        """Show the axes of a node; None: of none."""
        axes = (node.short_axis, node.long_axis) if node else (None, None)
        for name, axis in zip(_COLORS, axes):
            line = self._lines.get(name)
            if axis is not None:
                if line is None or not self._scene.IsNodePresent(line):  # the scene may have been closed
                    line = self._lines[name] = self._add(name)
                _draw(line, axis)
            if line is not None and line.GetDisplayNode() is not None:
                line.GetDisplayNode().SetVisibility(axis is not None)

    def close(self) -> None:
        """Take the lines out of the scene."""
        for line in self._lines.values():
            display = line.GetDisplayNode()
            for node in (line, display):
                if node is not None and self._scene.IsNodePresent(node):
                    self._scene.RemoveNode(node)
        self._lines = {}

    def _add(self, name: str) -> slicer.vtkMRMLMarkupsLineNode:
        line = self._scene.CreateNodeByClass("vtkMRMLMarkupsLineNode")
        line.UnRegister(self._scene)
        line.SetName(name)
        line.SetHideFromEditors(True)
        line.SetSaveWithScene(False)
        line.SetSelectable(False)
        self._scene.AddNode(line)
        line.CreateDefaultDisplayNodes()
        display = line.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetSelectedColor(*_COLORS[name])
        display.SetColor(*_COLORS[name])
        display.SetLineThickness(_LINE_THICKNESS)
        display.SetGlyphScale(1.0)
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(False)
        display.SetVisibility3D(False)
        display.SetHandlesInteractive(False)
        return line


def _draw(line: slicer.vtkMRMLMarkupsLineNode, axis: Diameter) -> None:
    # Each point that is set apart would have every view drawn anew.
    state = line.StartModify()
    for number, point in enumerate((axis.start_ras_mm, axis.end_ras_mm)):
        if number < line.GetNumberOfControlPoints():
            line.SetNthControlPointPositionWorld(number, *point)
        else:
            line.AddControlPointWorld(list(point))
    line.SetLocked(True)
    line.EndModify(state)


def place_of(mask: NodeMask, node: Optional[Node]) -> Point:
    """Where to look at a node: its center, in the slice where its axes were measured if they were."""
    center_ijk = np.argwhere(mask.array).mean(axis=0)[::-1] + mask.start_ijk
    center = mask.geometry.lps_from_ijk(center_ijk) * [-1.0, -1.0, 1.0]
    if node is not None and node.short_axis is not None:
        normal = mask.geometry.normal_lps * [-1.0, -1.0, 1.0]
        center = center + normal * (normal @ (np.array(node.short_axis.start_ras_mm) - center))
    r, a, s = center.tolist()
    return (r, a, s)
