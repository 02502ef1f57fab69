"""The measurements as files: a table for people and spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

from .. import NOTICE
from ..nodes.node import Diameter, Node
from ..nodes.reading import entered_node_rads
from .plain import plain, strict_json

UNITS = {
    "_mm": "millimeter",
    "_mm3": "cubic millimeter",
    "_um2_s": "square micrometer per second (1e-6 mm2/s)",
    "_ras_mm": "patient coordinates right-anterior-superior (RAS), millimeter",
    "mean_dwi, min_dwi, max_dwi": "arbitrary units of the diffusion-weighted image",
    "confidence": "mean calibrated probability, 0 to 1",
    "confidence_spread": "standard deviation of the first look's probability, mirrored, 0 to 0.5",
    "null": "could not be measured; see notes",
}

Value = Union[str, int, float, None]

# A row's columns. The CSV is flat; the JSON has the same names, points as lists, and the axes' end points.
COLUMNS: tuple[tuple[str, Callable[[Node], Value]], ...] = (
    ("id", lambda node: node.id),
    ("label", lambda node: node.label),
    ("short_axis_mm", lambda node: node.short_axis_mm),
    ("largest_tied_short_axis_mm", lambda node: node.largest_tied_short_axis_mm),
    ("long_axis_mm", lambda node: node.long_axis_mm),
    ("axial_short_axis_mm", lambda node: node.axial_short_axis_mm),
    ("axial_long_axis_mm", lambda node: node.axial_long_axis.length_mm if node.axial_long_axis else None),
    ("max_diameter_3d_mm", lambda node: node.max_diameter_3d_mm),
    ("volume_mm3", lambda node: node.volume_mm3),
    ("sphericity", lambda node: node.sphericity),
    ("nearest_node_mm", lambda node: node.nearest_node_mm),
    ("confidence", lambda node: node.confidence),
    ("confidence_spread", lambda node: node.confidence_spread),
    ("mean_dwi", lambda node: node.mean_dwi),
    ("min_dwi", lambda node: node.min_dwi),
    ("max_dwi", lambda node: node.max_dwi),
    ("mean_adc_um2_s", lambda node: node.mean_adc_um2_s),
    ("min_adc_um2_s", lambda node: node.min_adc_um2_s),
    ("max_adc_um2_s", lambda node: node.max_adc_um2_s),
    ("size_class", lambda node: node.size_class),
    ("side", lambda node: node.side),
    ("station", lambda node: node.station),
    ("node_rads", entered_node_rads),
    ("node_rads_configuration", lambda node: str(node.configuration or "")),
)
CENTROID_COLUMNS = ("centroid_r_mm", "centroid_a_mm", "centroid_s_mm")
CSV_DECIMALS = 4


def write_measurements(
    nodes: Sequence[Node], path_csv: Path, path_json: Path, extra: Optional[Mapping[str, Any]] = None
) -> None:
    """Write ``measurements.csv`` and ``measurements.json``.

    The CSV is UTF-8 with a row per node and units in the column names; the JSON holds more, and is strict.

    Args:
        nodes: The measured nodes; none gives a header without rows, and an empty list.
        path_csv: Where the table goes.
        path_json: Where the JSON goes.
        extra: More values for the top level of the JSON.

    Raises:
        OSError: a file could not be written.
    """
    with path_csv.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(name for name, _ in COLUMNS), *CENTROID_COLUMNS, "notes"])
        for node in nodes:
            values = [*(value(node) for _, value in COLUMNS), *node.centroid_ras_mm, " ".join(node.notes)]
            writer.writerow([_csv_value(value) for value in values])
    path_json.write_text(strict_json(measurements_as_dict(nodes, extra)), encoding="utf-8")


def measurements_as_dict(nodes: Sequence[Node], extra: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    """The content of ``measurements.json``: plain values, None for what could not be measured.

    Args:
        nodes: The measured nodes.
        extra: More values for the top level.
    """
    return plain(
        {
            **(extra or {}),
            "nodes": [_node_as_dict(node) for node in nodes],
            "units": UNITS,
            "notice": f"{NOTICE} Size class, side, station and Node-RADS are suggestions.",
        }
    )


def _node_as_dict(node: Node) -> dict[str, Any]:
    return {
        **{name: value(node) for name, value in COLUMNS},
        "centroid_ras_mm": node.centroid_ras_mm,
        "axes": {
            "short": _line(node.short_axis),
            "long": _line(node.long_axis),
            "axial_short": _line(node.axial_short_axis),
            "axial_long": _line(node.axial_long_axis),
        },
        "notes": node.notes,
    }


def _line(diameter: Optional[Diameter]) -> Optional[dict[str, Any]]:
    if diameter is None:
        return None
    return {"start_ras_mm": diameter.start_ras_mm, "end_ras_mm": diameter.end_ras_mm}


def _csv_value(value: Value) -> Union[str, int, float]:
    """An empty cell for what could not be measured; more decimals than anybody measures are cut off."""
    value = plain(value)
    if value is None:
        return ""
    return round(value, CSV_DECIMALS) if isinstance(value, float) else value
