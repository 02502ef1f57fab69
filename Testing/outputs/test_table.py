"""measurements.csv and .json, as a spreadsheet and a strict parser read them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry
from LymphNodeSegLib.nodes.node import Diameter, Node, NodeMask
from LymphNodeSegLib.nodes.reading import Configuration
from LymphNodeSegLib.outputs.table import measurements_as_dict, write_measurements

# What scripts outside the project rely on; see the design.
CONTRACT = {
    "id",
    "volume_mm3",
    "short_axis_mm",
    "long_axis_mm",
    "axial_short_axis_mm",
    "centroid_ras_mm",
    "confidence",
    "mean_dwi",
    "mean_adc_um2_s",
    "size_class",
}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def strict(path: Path) -> Any:
    return json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)


def line(length_mm: float) -> Diameter:
    return Diameter(length_mm, (1.0, 2.0, 3.0), (1.0 + length_mm, 2.0, 3.0))


def make_node(**changes: Any) -> Node:
    values: dict[str, Any] = {
        "id": "LN001",
        "label": 1,
        "mask": NodeMask(np.ones((1, 2, 3), dtype=bool), (4, 5, 6), Geometry((20, 20, 20))),
        "volume_mm3": 123.456789,
        "short_axis": line(7.25),
        "long_axis": line(11.5),
        "axial_short_axis": line(7.0),
        "axial_long_axis": line(11.0),
        "max_diameter_3d_mm": 12.0,
        "sphericity": 0.8,
        "centroid_ras_mm": (10.5, -20.25, 30.0),
        "confidence": 0.75,
        "mean_dwi": 210.0,
        "mean_adc_um2_s": 850.0,
        "size_class": "normal",
        **changes,
    }
    return Node(**values)


@pytest.fixture
def unmeasured() -> Node:
    return make_node(
        id="LN002",
        short_axis=None,
        long_axis=None,
        axial_short_axis=None,
        axial_long_axis=None,
        max_diameter_3d_mm=float("inf"),
        sphericity=None,
        confidence=None,
        mean_dwi=float("nan"),
        mean_adc_um2_s=np.float32("nan"),
        size_class="",
        notes=('One voxel; too small, "really".', "Zeile zwei: größer als ½\nüber"),
    )


@pytest.fixture
def written(tmp_path: Path, unmeasured: Node) -> tuple[Path, Path]:
    paths = tmp_path / "measurements.csv", tmp_path / "measurements.json"
    write_measurements([make_node(mean_dwi=np.float32(210.5)), unmeasured], *paths, {"created": "today"})
    return paths


def test_csv_has_a_row_per_node_and_units_in_its_head(written: tuple[Path, Path]) -> None:
    with written[0].open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["id"], first["short_axis_mm"], first["long_axis_mm"]) == ("LN001", "7.25", "11.5")
    assert (first["volume_mm3"], first["mean_adc_um2_s"], first["mean_dwi"]) == ("123.4568", "850.0", "210.5")
    assert [first[f"centroid_{axis}_mm"] for axis in "ras"] == ["10.5", "-20.25", "30.0"]
    assert (second["short_axis_mm"], second["mean_dwi"], second["max_diameter_3d_mm"]) == ("", "", "")
    assert second["notes"] == 'One voxel; too small, "really". Zeile zwei: größer als ½\nüber'


def test_json_keeps_the_contract(written: tuple[Path, Path]) -> None:
    content = strict(written[1])
    first, second = content["nodes"]
    assert set(first) >= CONTRACT
    assert first["volume_mm3"] == 123.456789
    assert first["centroid_ras_mm"] == [10.5, -20.25, 30.0]
    assert first["axes"]["short"] == {"start_ras_mm": [1.0, 2.0, 3.0], "end_ras_mm": [8.25, 2.0, 3.0]}
    assert second["axes"]["short"] is None
    for name in ("short_axis_mm", "confidence", "mean_dwi", "mean_adc_um2_s", "max_diameter_3d_mm"):
        assert second[name] is None
    assert "Research use only" in content["notice"]
    assert content["created"] == "today"
    assert "square micrometer" in json.dumps(content["units"])


def test_node_rads_is_what_the_reader_entered(tmp_path: Path) -> None:
    nodes = [make_node(configuration=Configuration(1, 1, 0)), make_node(id="LN002")]
    write_measurements(nodes, tmp_path / "m.csv", tmp_path / "m.json")
    first, second = strict(tmp_path / "m.json")["nodes"]
    assert first["node_rads"] == 3
    assert first["node_rads_configuration"] == (
        "texture heterogeneous, border irregular, shape oval or fatty hilum"
    )
    assert (second["node_rads"], second["node_rads_configuration"]) == (None, "")


def test_no_node_is_an_empty_list(tmp_path: Path) -> None:
    write_measurements([], tmp_path / "m.csv", tmp_path / "m.json")
    assert strict(tmp_path / "m.json")["nodes"] == []
    assert len((tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()) == 1


def test_dictionary_is_what_the_file_holds(written: tuple[Path, Path], unmeasured: Node) -> None:
    nodes = [make_node(mean_dwi=np.float32(210.5)), unmeasured]
    assert measurements_as_dict(nodes, {"created": "today"}) == strict(written[1])


def test_extra_values_cannot_hide_the_nodes_or_the_notice() -> None:
    content = measurements_as_dict([make_node()], {"nodes": "none", "notice": "Fit for all uses."})
    assert content["nodes"][0]["id"] == "LN001"
    assert "Research use only" in content["notice"]
