"""What the panel exports: each file as its referees read it, all of them or none."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib import export_job
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.export_job import (
    DICOM_KINDS,
    FILES,
    ExportJob,
    deliver,
    file_names,
    leave_job_steps,
    write_files,
)
from LymphNodeSegLib.images.image import Acquisition, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.scene.run_facts import RunFacts
from LymphNodeSegLib.settings import Settings

from Benchmarks.dicom_cases import GRIDS, ellipsoids, write_t2_series

EVERYTHING = tuple(FILES)
FACTS = RunFacts(
    created="2026-11-26T09:30:00+00:00",
    settings=Settings(),
    verdict=Verdict("improved", "The match of edges rose.", "deformable", 1.05, 1.12),
    model="eru-net-demo",
    model_sha256="0" * 64,
    model_card={"name": "eru-net-demo", "notice": "Demonstration weights."},
    device="cpu",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ExportJob:
    """Six nodes on an oblique DICOM series; the reader has edited two and named the place of one."""
    geometry = GRIDS["oblique, pixels 0.6x0.9"]
    t2 = write_t2_series(tmp_path_factory.mktemp("series") / "t2", geometry)
    labels = t2.with_array(ellipsoids(geometry, 8.0))
    dwi = Image(np.where(labels.array > 0, 500.0, 100.0).astype(np.float32), geometry)
    nodes = list(measure_nodes(labels, dwi=dwi))
    nodes[1] = replace(nodes[1], side="left", station="obturator")
    return ExportJob(
        EVERYTHING, t2, labels, tuple(nodes), frozenset({"LN002", "LN005"}), dwi, dwi_before=dwi, facts=FACTS
    )


@pytest.fixture(scope="module")
def written(job: ExportJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_files(job, folder)
    return folder


def test_exactly_the_chosen_files_are_written(job: ExportJob, written: Path, tmp_path: Path):
    assert {path.name for path in written.iterdir()} == set(file_names(EVERYTHING))
    write_files(replace(job, kinds=("table",)), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"measurements.csv", "measurements.json"}


def test_the_structure_set_refers_to_the_original_series(job: ExportJob, written: Path):
    dataset = pydicom.dcmread(written / "rtstruct.dcm")
    originals = [pydicom.dcmread(file) for file in job.t2.acquisition.source_files]
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == originals[0].SeriesInstanceUID
    named = {item.ReferencedSOPInstanceUID for item in series.ContourImageSequence}
    assert named == {original.SOPInstanceUID for original in originals}


def test_edited_nodes_are_semiautomatic_and_carry_what_the_reader_entered(written: Path):
    rois = pydicom.dcmread(written / "rtstruct.dcm").StructureSetROISequence
    algorithms = {roi.ROIName: roi.ROIGenerationAlgorithm for roi in rois}
    assert algorithms == {
        "LN001": "AUTOMATIC",
        "LN002 left obturator": "SEMIAUTOMATIC",
        "LN003": "AUTOMATIC",
        "LN004": "AUTOMATIC",
        "LN005": "SEMIAUTOMATIC",
        "LN006": "AUTOMATIC",
    }
    segments = pydicom.dcmread(written / "seg.dcm").SegmentSequence
    kinds = {segment.TrackingID: segment.SegmentAlgorithmType for segment in segments}
    assert [name for name, kind in kinds.items() if kind == "SEMIAUTOMATIC"] == ["LN002", "LN005"]
    region = segments[1].AnatomicRegionSequence[0]
    assert region.CodeValue == "36086000"  # obturator lymph node
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "7771000"  # left


def test_the_report_of_measurements_refers_to_the_segments(written: Path):
    segmentation = pydicom.dcmread(written / "seg.dcm")
    report = pydicom.dcmread(written / "sr.dcm")
    assert report.SOPClassUID.name == "Comprehensive SR Storage"
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    referred = {item.ReferencedSOPInstanceUID for series in evidence for item in series.ReferencedSOPSequence}
    assert segmentation.SOPInstanceUID in referred


def test_the_table_holds_the_nodes_as_they_are(job: ExportJob, written: Path):
    with (written / "measurements.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [node.id for node in job.nodes]
    assert rows[1]["station"] == "obturator"
    assert float(rows[0]["short_axis_mm"]) == pytest.approx(job.nodes[0].short_axis_mm, abs=1e-4)
    record = json.loads((written / "measurements.json").read_text(encoding="utf-8"))
    assert record["edited"] == ["LN002", "LN005"]
    assert record["model"] == "eru-net-demo"


def test_the_report_shows_every_node_and_says_what_was_edited(job: ExportJob, written: Path):
    page = (written / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{node.id}"' in page for node in job.nodes)
    assert "Edited by a reader: LN002, LN005." in page
    assert "Research use only" in page


def test_without_a_run_there_is_no_report_but_everything_else(job: ExportJob, tmp_path: Path):
    bare = replace(job, facts=None, dwi=None, dwi_before=None)
    with pytest.raises(InputError, match="press Apply first"):
        write_files(replace(bare, kinds=("report",)), tmp_path)
    write_files(replace(bare, kinds=(*DICOM_KINDS, "table")), tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_a_moved_original_series_is_told(job: ExportJob, tmp_path: Path):
    gone = replace(job.t2, acquisition=Acquisition(source_files=(tmp_path / "gone.dcm",)))
    with pytest.raises(InputError, match=r"gone\.dcm cannot be read as DICOM"):
        write_files(replace(job, t2=gone, kinds=("rtstruct",)), tmp_path)


def run_process(job: ExportJob, folder: Path) -> tuple[int, str]:
    for _ in leave_job_steps(job, folder):
        pass
    library = Path(export_job.__file__).resolve().parents[1]
    program = "import sys; sys.path.insert(0, sys.argv[1]); from LymphNodeSegLib.export_job import main; "
    done = subprocess.run(
        [sys.executable, "-c", program + "sys.exit(main(sys.argv[2]))", str(library), str(folder)],
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)["text"]


def test_the_process_writes_the_same_files(job: ExportJob, written: Path, tmp_path: Path):
    assert run_process(replace(job, kinds=("rtstruct", "table", "report")), tmp_path) == (0, "")
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == set(file_names(("rtstruct", "table", "report")))
    assert (out / "measurements.csv").read_bytes() == (written / "measurements.csv").read_bytes()


def test_the_process_says_in_one_line_what_is_wrong(job: ExportJob, tmp_path: Path):
    code, text = run_process(replace(job, nodes=(), kinds=("rtstruct",)), tmp_path)
    assert code == 2
    assert text == "No lymph node to write: DICOM does not allow an empty RT structure set."


def test_delivery_makes_the_folder_and_leaves_what_else_is_there(tmp_path: Path):
    out, target = tmp_path / "out", tmp_path / "case" / "results"
    out.mkdir()
    (out / "rtstruct.dcm").write_text("new")
    assert deliver(out, target) == (target / "rtstruct.dcm",)
    (target / "scene.mrb").write_text("mine")
    (out / "rtstruct.dcm").write_text("newer")
    deliver(out, target)
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "rtstruct.dcm": "newer",
        "scene.mrb": "mine",
    }


def test_delivery_fails_whole(tmp_path: Path):
    out, target = tmp_path / "out", tmp_path / "file"
    out.mkdir()
    (out / "rtstruct.dcm").write_text("new")
    target.write_text("a file, not a folder")
    with pytest.raises(InputError, match="is a file"):
        deliver(out, target)
    assert target.read_text() == "a file, not a folder"
