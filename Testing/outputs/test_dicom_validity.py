"""dciodvfy and dcentvfy on all that we write: no error and no warning of our making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from LymphNodeSegLib.outputs.dicom_common import REQUIRED
from LymphNodeSegLib.outputs.dicom_seg import write_dicom_seg
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct
from LymphNodeSegLib.outputs.structured_report import write_structured_report

from Benchmarks.dicom_cases import GRIDS, ellipsoids, write_t2_series

from .conftest import Case

# dcentvfy takes AccessionNumber, which the Study module requires of all of them, for an attribute of the
# series in an image and of the study in an SR, whoever wrote it.
FALSE_ALARM = (
    "Different information entities for attribute - Element=<AccessionNumber> IE <Series> versus <Study>"
)
# The real patient's images lack ReferringPhysicianName, which the standard requires; we write it empty.
MISSING_IN_THE_IMAGES = (
    "Attribute present in one instance but not the other - Element=<ReferringPhysicianName>"
)


def write_all(case, folder: Path) -> list[Path]:
    paths = [folder / name for name in ("rtstruct.dcm", "seg.dcm", "sr_of_seg.dcm", "sr.dcm")]
    write_rtstruct(case.labels, case.nodes, case.files, paths[0], edited_ids={"LN002"})
    write_dicom_seg(case.labels, case.nodes, case.files, paths[1], edited_ids={"LN002"})
    write_structured_report(case.labels, case.nodes, case.files, paths[2], seg_path=paths[1])
    write_structured_report(case.labels, case.nodes, case.files, paths[3])
    return paths


@pytest.mark.parametrize("name", ["synthetic", "multi_frame", "phantom", "patient"])
def test_nothing_to_complain_of(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, dciodvfy: Callable, dcentvfy: Callable
) -> None:
    case = request.getfixturevalue(name)
    # What the real patient's de-identified headers got wrong, we have to repeat.
    of_the_images = dciodvfy(case.files[0]) if name == "patient" else set()
    paths = write_all(case, tmp_path)
    for path in paths:
        assert dciodvfy(path) - of_the_images == set(), path.name
    contradictions = dcentvfy([*case.files, *paths])
    assert {
        line for line in contradictions if FALSE_ALARM not in line and MISSING_IN_THE_IMAGES not in line
    } == set()
    if name != "patient":
        assert not any(MISSING_IN_THE_IMAGES in line for line in contradictions)


def test_images_whose_patient_and_study_were_removed(tmp_path: Path, dciodvfy: Callable) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    for file in t2.acquisition.source_files:
        header = pydicom.dcmread(file)
        for keyword in REQUIRED:
            if keyword in header and keyword != "StudyInstanceUID":
                delattr(header, keyword)
        header.save_as(file)
    for path in write_all(Case(t2, ellipsoids(t2.geometry, 8.0)), tmp_path):
        complaints = {
            line for line in dciodvfy(path) if "to build DICOMDIR" not in line
        }  # as the images have it
        assert complaints == set(), path.name


def test_the_referee_sees_errors(synthetic, tmp_path: Path, dciodvfy: Callable) -> None:
    """Or the test above would prove nothing."""
    write_rtstruct(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "rtstruct.dcm")
    dataset = pydicom.dcmread(tmp_path / "rtstruct.dcm")
    del dataset.StructureSetLabel
    dataset.save_as(tmp_path / "broken.dcm")
    assert any("StructureSetLabel" in line for line in dciodvfy(tmp_path / "broken.dcm"))
