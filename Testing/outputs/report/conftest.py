"""Synthetic patients for the report: balls at known places of the patient, on any grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import Node
from LymphNodeSegLib.outputs.report import ReportInput, write_report
from LymphNodeSegLib.registration.result import Registration, Verdict
from LymphNodeSegLib.settings import Settings

BRIGHT, DARK = 1000.0, 150.0
CENTER_LPS_MM = np.array([12.0, -30.0, 7.0])
VERDICT = Verdict("improved", "The match of edges rose.", "deformable", 1.05, 1.12, 0.4, 0.6, 3.2, 0.8)


@dataclass(frozen=True)
class Case:
    """A synthetic patient. The places of the balls are relative to the center of the grid, LPS."""

    t2: Image
    registration: Registration
    nodes: tuple[Node, ...]
    center_lps_mm: np.ndarray

    def report(self, **changes: Any) -> ReportInput:
        values: dict[str, Any] = {
            "t2": self.t2,
            "registration": self.registration,
            "nodes": self.nodes,
            "settings": Settings(),
            "model_name": "eru-net",
            "model_card": {"name": "eru-net", "notice": "Demonstration weights.", "scores": {"dice": 0.8}},
            "created": "2026-11-21T09:30:00+00:00",
            **changes,
        }
        return ReportInput(**values)


def make_case(
    direction: np.ndarray,
    nodes_mm: Sequence[Sequence[float]] = ((0.0, 0.0, 0.0),),
    radii_mm: Sequence[float] = (6.0,),
    markers_mm: Sequence[Sequence[float]] = (),
    spacing_mm: tuple[float, float, float] = (0.6, 0.9, 3.0),
    size_ijk: tuple[int, int, int] = (110, 84, 25),
) -> Case:
    """Balls that are nodes, and balls of 2.5 mm that are not; the outermost slices are bright as fat is."""
    direction = np.asarray(direction, dtype=float)
    middle = direction @ (np.array(spacing_mm) * (np.array(size_ijk) - 1) / 2)
    geometry = Geometry(size_ijk, tuple(CENTER_LPS_MM - middle), spacing_mm, tuple(direction.ravel()))
    kji = np.indices(size_ijk[::-1])
    points = geometry.lps_from_ijk(np.stack(kji[::-1], axis=-1))
    labels = np.zeros(size_ijk[::-1], dtype=np.uint16)
    signal = np.random.default_rng(0).normal(DARK, 15.0, size_ijk[::-1]).astype(np.float32)
    signal[[0, 1, -2, -1]] += BRIGHT - DARK
    for label, (place, radius) in enumerate(zip(nodes_mm, radii_mm), 1):
        inside = np.linalg.norm(points - (CENTER_LPS_MM + place), axis=-1) <= radius
        labels[inside], signal[inside] = label, BRIGHT
    for place in markers_mm:
        signal[np.linalg.norm(points - (CENTER_LPS_MM + place), axis=-1) <= 2.5] = BRIGHT
    t2 = Image(signal, geometry, Acquisition(role="T2", description="t2_tse", series_uid="1.2.3"))
    dwi = Image(signal.copy(), geometry, Acquisition(role="DWI", b_value_s_mm2=800.0, description="ep2d"))
    adc = Image(np.full_like(signal, 900.0), geometry)
    known = np.ones(signal.shape, dtype=bool)
    nodes = measure_nodes(t2.with_array(labels), dwi=dwi, adc=adc)
    registration = Registration(sitk.Transform(), dwi, dwi, (dwi,), adc, known, VERDICT)
    return Case(t2, registration, nodes, CENTER_LPS_MM)


@pytest.fixture
def case() -> Case:
    """Two nodes on an axial grid."""
    return make_case(np.eye(3), ((0.0, 0.0, 0.0), (15.0, 4.0, 0.0)), (6.0, 3.0))


@pytest.fixture
def page(tmp_path: Path) -> Callable[[ReportInput], str]:
    """Writes a report and gives its HTML."""

    def write(report: ReportInput) -> str:
        path = tmp_path / "report.html"
        write_report(path, report)
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture
def builder() -> Callable[..., Case]:
    return make_case


@pytest.fixture
def bare_node(case: Case) -> Node:
    """A node of which nothing but its voxels is known."""
    return replace(
        case.nodes[0],
        short_axis=None,
        long_axis=None,
        axial_short_axis=None,
        axial_long_axis=None,
        max_diameter_3d_mm=None,
        sphericity=None,
        mean_dwi=None,
        mean_adc_um2_s=None,
        size_class="",
        notes=("Too small to be measured.",),
    )
