"""Measurements as a MRML table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Optional, Union

from ..nodes.node import Node
from ..nodes.reading import entered_node_rads

if TYPE_CHECKING:
    import slicer

TABLE_NAME = "Lymph node measurements"
DECIMALS = 2
# Column name with its unit, and what it holds. The empty string and not-a-number stand for what could not
# be measured.
Text = Callable[[Node], str]
Number = Callable[[Node], Optional[float]]
COLUMNS: tuple[tuple[str, Union[type[str], type[float]], Union[Text, Number]], ...] = (
    ("Node", str, lambda node: node.id),
    ("Short axis [mm]", float, lambda node: node.short_axis_mm),
    ("Size class", str, lambda node: node.size_class),
    ("Long axis [mm]", float, lambda node: node.long_axis_mm),
    ("Axial short axis [mm]", float, lambda node: node.axial_short_axis_mm),
    ("Volume [mm3]", float, lambda node: node.volume_mm3),
    ("Mean ADC [um2/s]", float, lambda node: node.mean_adc_um2_s),
    ("Mean DWI", float, lambda node: node.mean_dwi),
    ("Confidence", float, lambda node: node.confidence),
    ("Side", str, lambda node: node.side),
    ("Station", str, lambda node: node.station),
    ("Node-RADS (suggestion)", float, entered_node_rads),
    ("Centroid R [mm]", float, lambda node: node.centroid_ras_mm[0]),
    ("Centroid A [mm]", float, lambda node: node.centroid_ras_mm[1]),
    ("Centroid S [mm]", float, lambda node: node.centroid_ras_mm[2]),
    ("Notes", str, lambda node: " ".join(node.notes)),
)


def add_table(
    scene: slicer.vtkMRMLScene, nodes: Sequence[Node], name: str = TABLE_NAME
) -> slicer.vtkMRMLTableNode:
    """Put the measurements into a scene: a row per node, typed columns, units in the column names.

    Numbers are rounded to what a reader can use; ``measurements.json`` has all their digits.
    """
    table_node = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(name))
    fill_table(table_node, nodes)
    table_node.SetUseColumnTitleAsColumnHeader(True)
    return table_node


def fill_table(table_node: slicer.vtkMRMLTableNode, nodes: Sequence[Node]) -> None:
    """Put the measurements into a table node in place of what it holds."""
    import vtk

    table = vtk.vtkTable()
    for title, kind, value_of in COLUMNS:
        column = vtk.vtkStringArray() if kind is str else vtk.vtkDoubleArray()
        column.SetName(title)
        for node in nodes:
            value = value_of(node)
            column.InsertNextValue(value if isinstance(value, str) else _rounded(value))
        table.AddColumn(column)
    table_node.SetAndObserveTable(table)


def _rounded(value: Optional[float]) -> float:
    return float("nan") if value is None else round(value, DECIMALS)
