"""run.json: enough to repeat a run, and nothing that names the patient."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image, StudyImages
from LymphNodeSegLib.outputs.run_record import versions, write_run_record
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.settings import Settings

SECRET = "DOE^JANE"


def make_image(**values: Any) -> Image:
    return Image(
        np.zeros((2, 3, 4), np.float32),
        Geometry((4, 3, 2), spacing_mm=(0.5, 0.6, 3.0)),
        Acquisition(**values),
    )


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    folder = Path("/data") / SECRET
    dwi = make_image(role="DWI", b_value_s_mm2=800.0, series_uid="1.2.4", source_files=(folder / "1.dcm",))
    study = StudyImages(
        t2=make_image(
            role="T2", description="t2_tse_tra", series_uid="1.2.3", source_files=(folder / "0.dcm",)
        ),
        dwi=dwi,
        dwi_series=(make_image(b_value_s_mm2=50.0), dwi),
        adc=make_image(description="adc.nrrd", source_files=(folder / "adc.nrrd",)),
        choices=("T2: the axial series.",),
    )
    path = tmp_path / "run.json"
    write_run_record(
        path,
        study=study,
        settings=Settings(model=str(folder / "own.pt")),
        verdict=Verdict("kept", "As good before.", "none", 1.0, float("nan")),
        model_name="eru-net",
        model_sha256="ab" * 32,
        device="cpu",
        seconds={"Reading images": 1.5},
        warnings=["Out of memory."],
        outputs={"segmentation.seg.nrrd": "cd" * 32},
        created="2026-11-21T09:30:00+00:00",
    )
    text = path.read_text(encoding="utf-8")
    assert SECRET not in text
    assert "/data" not in text

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_inputs_are_named_by_series_or_bare_file_name(record: dict[str, Any]) -> None:
    inputs = record["inputs"]
    assert inputs["t2"]["series_uid"] == "1.2.3"
    assert inputs["t2"]["description"] == "t2_tse_tra"
    assert inputs["t2"]["file"] is None
    assert inputs["adc"]["file"] == "adc.nrrd"
    assert inputs["dwi"]["b_value_s_mm2"] == 800
    assert inputs["dwi_b_values_s_mm2"] == [50, 800]
    assert inputs["t2"]["spacing_mm"] == [0.5, 0.6, 3.0]


def test_run_can_be_repeated(record: dict[str, Any]) -> None:
    assert record["settings"]["registration"] == "deformable"
    assert record["settings"]["model"] == "own.pt"
    assert record["model"] == {"name": "eru-net", "sha256": "ab" * 32}
    assert record["versions"]["python"] == platform.python_version()
    for name in ("numpy", "SimpleITK", "torch"):
        assert record["versions"][name] == metadata.version(name)
    assert record["versions"]["slicer"] == metadata.version("slicer-core")


def test_outcome(record: dict[str, Any]) -> None:
    assert record["exit_status"] == 0
    assert record["device"] == "cpu"
    assert record["seconds"] == {"Reading images": 1.5}
    assert record["warnings"] == ["Out of memory."]
    assert record["registration"]["decision"] == "kept"
    assert record["registration"]["similarity_after"] is None
    assert record["outputs"]["segmentation.seg.nrrd"] == "cd" * 32
    assert "Research use only" in record["notice"]


def test_versions_of_what_is_absent_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.delitem(sys.modules, "highdicom", raising=False)
    assert versions()["highdicom"] is None
    assert versions()["numpy"] == np.__version__  # a bundled package without metadata, once loaded
