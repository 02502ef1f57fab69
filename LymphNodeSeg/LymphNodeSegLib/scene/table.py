"""Measurements as a MRML table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Optional, Union

from ..nodes.node import Node

if TYPE_CHECKING:
    import slicer

TABLE_NAME = "Lymph node measurements"
Value = Union[str, Optional[float]]

# Column name with its unit, and what it holds. A text column or one of doubles: the empty string and
# not-a-number stand for what could not be measured.
TEXT_COLUMNS: tuple[tuple[str, Callable[[Node], str]], ...] = (
    ("Node", lambda node: node.id),
    ("Side", lambda node: node.side),
    ("Station", lambda node: node.station),
    ("Size class", lambda node: node.size_class),
)
NUMBER_COLUMNS: tuple[tuple[str, Callable[[Node], Optional[float]]], ...] = (
    ("Short axis [mm]", lambda node: node.short_axis_mm),
    ("Long axis [mm]", lambda node: node.long_axis_mm),
    ("Axial short axis [mm]", lambda node: node.axial_short_axis_mm),
    ("Volume [mm3]", lambda node: node.volume_mm3),
    ("Mean DWI", lambda node: node.mean_dwi),
    ("Mean ADC [um2/s]", lambda node: node.mean_adc_um2_s),
    ("Confidence", lambda node: node.confidence),
    ("Centroid R [mm]", lambda node: node.centroid_ras_mm[0]),
    ("Centroid A [mm]", lambda node: node.centroid_ras_mm[1]),
    ("Centroid S [mm]", lambda node: node.centroid_ras_mm[2]),
)
NOTES_COLUMN = "Notes"


def add_table(
    scene: slicer.vtkMRMLScene, nodes: Sequence[Node], name: str = TABLE_NAME
) -> slicer.vtkMRMLTableNode:
    """Put the measurements into a scene: a row per node, typed columns, units in the column names."""
    import vtk

    table_node = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(name))
    table = vtk.vtkTable()
    for title, text in TEXT_COLUMNS:
        table.AddColumn(_text_column(title, [text(node) for node in nodes]))
    for title, number in NUMBER_COLUMNS:
        table.AddColumn(_number_column(title, [number(node) for node in nodes]))
    table.AddColumn(_text_column(NOTES_COLUMN, [" ".join(node.notes) for node in nodes]))
    table_node.SetAndObserveTable(table)
    table_node.SetUseColumnTitleAsColumnHeader(True)
    return table_node


def _text_column(title: str, values: Sequence[str]) -> object:
    import vtk

    column = vtk.vtkStringArray()
    column.SetName(title)
    for value in values:
        column.InsertNextValue(value)
    return column


def _number_column(title: str, values: Sequence[Optional[float]]) -> object:
    import vtk

    column = vtk.vtkDoubleArray()
    column.SetName(title)
    for value in values:
        column.InsertNextValue(float("nan") if value is None else value)
    return column
