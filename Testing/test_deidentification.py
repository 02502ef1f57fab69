"""The patient's identity is in the DICOM objects that a clinic files, and nowhere else."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

IDENTITY = {
    "PatientName": "Quillfeather^Zebedee",
    "PatientID": "MRN7731905",
    "PatientBirthDate": "19511223",
    "OtherPatientIDs": "OLD4410276",
    "PatientAddress": "Larkspurlane 17",
    "PatientTelephoneNumbers": "0555190210",
    "AccessionNumber": "ACC5550142",
    "ReferringPhysicianName": "Overthwart^Ada",
    "PerformingPhysicianName": "Brindlecombe^Bo",
    "OperatorsName": "Tamsinworth^Cy",
    "InstitutionName": "Hospital of Eddlestone",
    "StudyID": "STU902177",
}
MARKS = sorted({part for value in IDENTITY.values() for part in re.split(r"[\^ ]", value) if len(part) > 5})
# In the objects that the clinic files, and there only what it files them by.
FILED = {"rtstruct.dcm", "seg.dcm", "sr.dcm"}
NOT_EVEN_FILED = ("Larkspurlane", "0555190210", "Brindlecombe", "Tamsinworth")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study of a named patient, in a folder and files that are named after the patient too."""
    from LymphNodeSegLib.phantom import make_phantom, write_dicom

    folder = tmp_path_factory.mktemp("study")
    write_dicom(make_phantom(8), folder / "phantom")
    named = folder / "Quillfeather Zebedee MRN7731905"
    named.mkdir()
    for count, path in enumerate(sorted((folder / "phantom" / "study").iterdir())):
        dataset = pydicom.dcmread(path)
        for keyword, value in IDENTITY.items():
            setattr(dataset, keyword, value)
        dataset.save_as(named / f"QUILLFEATHER_ZEBEDEE.MR.{count:04d}.IMA")
    (named / "QUILLFEATHER.MR.9999.IMA").write_bytes(path.read_bytes()[:3000])
    return named


class Run:
    """What a command left behind."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.temporary, self.out = folder / "tmp", folder / "out"
        self.temporary.mkdir(exist_ok=True)
        self.done = subprocess.run(
            [sys.executable, "-m", "LymphNodeSegLib.cli", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=900,
        )


@pytest.fixture(scope="module")
def run(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    return Run(folder, "segment", "--study", study, "--out", folder / "out", "--progress", "json")


def contents(path: Path) -> Iterator[bytes]:
    """All that a file holds, unpacked."""
    content = path.read_bytes()
    yield content
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode() + archive.read(name)
    for match in re.finditer(rb"\x1f\x8b\x08", content):  # compressed voxels behind a NRRD header
        try:
            yield gzip.decompress(content[match.start() :])
        except (OSError, EOFError, zlib.error):
            continue


def marks_in(content: bytes) -> set[str]:
    low = content.lower()
    utf16 = {mark for mark in MARKS if mark.lower().encode("utf-16-le") in low}
    return {mark for mark in MARKS if mark.lower().encode() in low} | utf16


def test_the_run_succeeded(run: Run) -> None:
    assert run.done.returncode == 0, run.done.stderr
    assert FILED - {"sr.dcm"} <= {path.name for path in run.out.iterdir()}


def test_no_result_names_the_patient(run: Run) -> None:
    told = {
        path.name: marks
        for path in run.out.rglob("*")
        if path.is_file() and path.name not in FILED
        for marks in [set().union(*map(marks_in, contents(path)))]
        if marks
    }
    assert told == {}


def test_what_the_clinic_files_names_the_patient_and_no_more_than_it_needs(run: Run) -> None:
    for name in FILED & {path.name for path in run.out.iterdir()}:
        dataset = pydicom.dcmread(run.out / name)
        assert (str(dataset.PatientName), dataset.PatientID) == (
            IDENTITY["PatientName"],
            IDENTITY["PatientID"],
        )
        content = (run.out / name).read_bytes()
        assert [mark for mark in NOT_EVEN_FILED if mark.encode() in content] == []


def test_nothing_is_said_of_the_patient_and_nothing_is_left(run: Run) -> None:
    assert marks_in((run.done.stdout + run.done.stderr).encode()) == set()
    assert list(run.temporary.rglob("*")) == []
    left = {path.name for path in run.out.parent.iterdir()}
    assert {name for name in left if marks_in(name.encode())} == set()
    assert left - {"out", "tmp", ".cache", ".config", ".local"} == set()


def test_the_list_of_series_names_nobody(study: Path, tmp_path: Path) -> None:
    for option in ((), ("--json",)):
        done = Run(tmp_path, "series", study, *option).done
        assert done.returncode == 0
        assert marks_in((done.stdout + done.stderr).encode()) == set()


def test_nothing_is_left_of_an_archive_that_was_segmented(study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in sorted(study.iterdir())[
            ::2
        ]:  # every second slice of the T2: refused, or read, all the same
            archive.write(path, f"Quillfeather/{path.name}")
    run = Run(tmp_path, "series", tmp_path / "study.zip", "--json")
    assert marks_in((run.done.stdout + run.done.stderr).encode()) == set()
    assert list(run.temporary.rglob("*")) == []
