"""The whole road, on a real patient and on a phantom, as a script outside the project sees it."""

from __future__ import annotations

import csv
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

COMMON_FILES = {
    "segmentation.seg.nrrd",
    "measurements.csv",
    "measurements.json",
    "dwi_registered.nrrd",
    "registration.tfm",
    "probability.nrrd",
    "fused.nrrd",
    "report.html",
    "scene.mrb",
    "run.json",
}
DICOM_FILES = {"rtstruct.dcm", "seg.dcm"}


def lymphnodeseg(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "LymphNodeSegLib.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=900,
    )


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True)
class Run:
    out: Path
    completed: subprocess.CompletedProcess[str]
    wall_seconds: float
    cpu_seconds: float

    def json(self, name: str) -> dict:
        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is not JSON")

        return json.loads((self.out / name).read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def patient(prostatex: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("patient") / "out"
    began, cpu_began = time.perf_counter(), cpu_seconds_of_children()
    completed = lymphnodeseg("segment", "--study", prostatex, "--out", out, "--progress", "json")
    return Run(out, completed, time.perf_counter() - began, cpu_seconds_of_children() - cpu_began)


@pytest.fixture(scope="module")
def t2_by_itk(prostatex: Path) -> sitk.Image:
    (series,) = prostatex.glob("*/4.*")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    return reader.Execute()


class TestRealPatient:
    def test_every_file_is_there(self, patient: Run) -> None:
        assert patient.completed.returncode == 0, patient.completed.stderr
        assert {path.name for path in patient.out.iterdir()} == COMMON_FILES | DICOM_FILES
        assert all(path.stat().st_size > 0 for path in patient.out.iterdir())

    def test_within_a_minute_on_two_cores(self, patient: Run) -> None:
        # Processor time, not wall time: other work on a shared machine must not decide.
        assert patient.cpu_seconds <= 2 * 60

    def test_within_4_gb(self, patient: Run) -> None:
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert peak_kib * 1024 <= 4e9

    def test_chosen_series(self, patient: Run) -> None:
        inputs = patient.json("run.json")["inputs"]
        assert inputs["t2"]["description"] == "t2_tse_tra"
        assert inputs["dwi"]["description"] == "ep2d_diff_tra_DYNDIST"
        assert inputs["dwi"]["b_value_s_mm2"] == 800
        assert inputs["adc"]["description"] == "ep2d_diff_tra_DYNDIST_ADC"

    @pytest.mark.parametrize(
        "name", ["segmentation.seg.nrrd", "dwi_registered.nrrd", "probability.nrrd", "fused.nrrd"]
    )
    def test_on_t2_geometry(self, patient: Run, t2_by_itk: sitk.Image, name: str) -> None:
        image = sitk.ReadImage(str(patient.out / name))
        assert image.GetSize() == t2_by_itk.GetSize()
        for index in ((0, 0, 0), (383, 0, 0), (0, 383, 0), (0, 0, 18), (383, 383, 18)):
            np.testing.assert_allclose(
                image.TransformIndexToPhysicalPoint(index),
                t2_by_itk.TransformIndexToPhysicalPoint(index),
                atol=1e-6,
            )

    def test_finds_nodes_and_says_where(self, patient: Run, t2_by_itk: sitk.Image) -> None:
        nodes = patient.json("measurements.json")["nodes"]
        assert nodes, "the patient's bright inguinal and iliac foci should give at least one node"
        labels = sitk.ReadImage(str(patient.out / "segmentation.seg.nrrd"))
        array = sitk.GetArrayFromImage(labels)
        for node in nodes:
            x, y, z = node["centroid_ras_mm"]
            i, j, k = labels.TransformPhysicalPointToContinuousIndex((-x, -y, z))
            block = array[
                max(0, round(k) - 1) : round(k) + 2, round(j) - 8 : round(j) + 9, round(i) - 8 : round(i) + 9
            ]
            assert block.any(), f"{node['id']} is not where its centroid says"
        voxel_mm3 = float(np.prod(labels.GetSpacing()))
        assert sum(node["volume_mm3"] for node in nodes) == pytest.approx(np.count_nonzero(array) * voxel_mm3)

    def test_segments_are_named_in_order(self, patient: Run) -> None:
        labels = sitk.ReadImage(str(patient.out / "segmentation.seg.nrrd"))
        ids = [node["id"] for node in patient.json("measurements.json")["nodes"]]
        segments = [labels.GetMetaData(f"Segment{n}_ID") for n in range(len(ids))]
        assert segments == ids == [f"LN{n + 1:03d}" for n in range(len(ids))]

    def test_table_equals_json(self, patient: Run) -> None:
        with (patient.out / "measurements.csv").open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == [n["id"] for n in patient.json("measurements.json")["nodes"]]

    def test_rtstruct_refers_to_the_original_series(self, patient: Run, prostatex: Path) -> None:
        (series,) = prostatex.glob("*/4.*")
        originals = {
            str(pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID) for p in series.iterdir()
        }
        rtstruct = pydicom.dcmread(patient.out / "rtstruct.dcm")
        referenced = {
            str(image.ReferencedSOPInstanceUID)
            for contour in rtstruct.ROIContourSequence
            for ring in contour.ContourSequence
            for image in ring.ContourImageSequence
        }
        assert referenced <= originals
        names = [roi.ROIName for roi in rtstruct.StructureSetROISequence]
        ids = [node["id"] for node in patient.json("measurements.json")["nodes"]]
        assert [name.split()[0] for name in names] == ids

    def test_no_identity_in_records(self, patient: Run, prostatex: Path) -> None:
        header = pydicom.dcmread(next(prostatex.rglob("*.dcm")), stop_before_pixels=True)
        for name in ("run.json", "measurements.json", "measurements.csv", "report.html"):
            text = (patient.out / name).read_text(encoding="utf-8")
            assert str(header.PatientID) not in text, name
        assert str(header.PatientID) not in patient.completed.stdout + patient.completed.stderr

    def test_progress_lines(self, patient: Run) -> None:
        lines = [json.loads(line) for line in patient.completed.stdout.splitlines()]
        stages = [line["stage"] for line in lines if line["event"] == "stage"]
        assert stages == [
            "Reading images",
            "Registering DWI to T2",
            "Finding lymph nodes",
            "Separating and measuring",
            "Writing results",
        ]
        fractions = [line["fraction"] for line in lines if line["event"] == "progress"]
        assert all(0 <= f <= 1 for f in fractions)
        assert lines[-1]["event"] == "result"
        assert lines[-1]["nodes"] == len(patient.json("measurements.json")["nodes"])

    def test_plastimatch_reads_the_same_volumes(self, patient: Run, prostatex: Path, tmp_path: Path) -> None:
        """An independent reader: each contour's volume within 1 % of the mask's."""
        if shutil.which("plastimatch") is None:
            pytest.skip("plastimatch is not installed (Debian package plastimatch)")
        (series,) = prostatex.glob("*/4.*")
        command = [
            "plastimatch",
            "convert",
            "--input",
            patient.out / "rtstruct.dcm",
            "--referenced-ct",
            series,
        ]
        command += ["--output-prefix", tmp_path / "masks", "--prefix-format", "nrrd"]
        subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=300)
        nodes = {node["id"]: node["volume_mm3"] for node in patient.json("measurements.json")["nodes"]}
        read = {}
        for path in (tmp_path / "masks").glob("*.nrrd"):
            mask = sitk.ReadImage(str(path))
            voxels = np.count_nonzero(sitk.GetArrayViewFromImage(mask))
            read[path.name[:5]] = voxels * float(np.prod(mask.GetSpacing()))
        assert read == pytest.approx(nodes, rel=0.01)

    @pytest.mark.parametrize("name", ["rtstruct.dcm", "seg.dcm"])
    def test_dciodvfy_finds_no_error(self, patient: Run, name: str) -> None:
        if shutil.which("dciodvfy") is None:
            pytest.skip("dciodvfy is not installed (Debian package dicom3tools)")
        answer = subprocess.run(
            ["dciodvfy", str(patient.out / name)], capture_output=True, text=True, timeout=120
        )
        assert [line for line in answer.stderr.splitlines() if line.startswith("Error")] == []

    def test_measure_repeats_the_measurements(self, patient: Run) -> None:
        again = lymphnodeseg("measure", patient.out / "segmentation.seg.nrrd", "--json")
        assert again.returncode == 0, again.stderr
        for new, old in zip(json.loads(again.stdout)["nodes"], patient.json("measurements.json")["nodes"]):
            for key in ("id", "volume_mm3", "short_axis_mm", "long_axis_mm", "axial_short_axis_mm"):
                assert new[key] == pytest.approx(old[key]), key

    def test_evaluate_against_itself_through_dicom(self, patient: Run) -> None:
        masks = patient.out / "segmentation.seg.nrrd"
        for other in ("rtstruct.dcm", "seg.dcm"):
            result = lymphnodeseg("evaluate", patient.out / other, masks, "--json")
            assert result.returncode == 0, result.stderr
            assert json.loads(result.stdout)["dice"] >= 0.999


@pytest.mark.parametrize("stage", ["Reading images", "Registering DWI to T2", "Writing results"])
def test_cancel_leaves_nothing(prostatex: Path, tmp_path: Path, stage: str) -> None:
    out = tmp_path / "parent" / "out"
    arguments = ["segment", "--study", str(prostatex), "--out", str(out), "--progress", "json"]
    arguments += ["--registration", "rigid"]
    command = [sys.executable, "-m", "LymphNodeSegLib.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if json.loads(line).get("stage") == stage:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        message = process.stderr.read()
    assert process.returncode == 3, message
    assert "cancelled" in message
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("demo") / "demo"
    completed = lymphnodeseg("demo", "--out", out)
    return Run(out, completed, 0.0, 0.0)


class TestDemo:
    """`make demo`: every node of 10 mm found, at most two false ones, short axis within 1.5 mm."""

    @pytest.fixture(scope="class")
    def scores(self, demo: Run) -> dict:
        assert demo.completed.returncode == 0, demo.completed.stderr
        result = lymphnodeseg(
            "evaluate",
            demo.out / "result" / "segmentation.seg.nrrd",
            demo.out / "phantom" / "truth.seg.nrrd",
            "--json",
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def test_table_and_report(self, demo: Run) -> None:
        assert "LN001" in demo.completed.stdout
        assert str(demo.out / "result" / "report.html") in demo.completed.stdout.replace("\n", "")
        assert (demo.out / "result" / "report.html").is_file()

    def test_large_nodes_found(self, scores: dict) -> None:
        assert scores["sensitivity"][">=10"] == 1.0

    def test_few_false_finds(self, scores: dict) -> None:
        assert scores["false_positives_per_case"]["all"] <= 2

    def test_short_axis(self, demo: Run) -> None:
        """Found nodes are matched to the truth by their centers; no code of ours but the files."""
        found = json.loads((demo.out / "result" / "measurements.json").read_text())["nodes"]
        truth = json.loads((demo.out / "phantom" / "truth.json").read_text())["nodes"]
        errors = []
        for node in found:
            offsets = [np.subtract(node["centroid_ras_mm"], one["centroid_ras_mm"]) for one in truth]
            distances = [float(np.linalg.norm(offset)) for offset in offsets]
            nearest = truth[int(np.argmin(distances))]
            if min(distances) < nearest["long_axis_mm"] / 2:
                errors.append(abs(node["short_axis_mm"] - nearest["short_axis_mm"]))
        assert errors
        assert np.mean(errors) <= 1.5


def test_a_t2_that_nothing_can_refer_to_still_gives_its_nodes(demo: Run, tmp_path: Path) -> None:
    """Some de-identifiers remove the frame of reference."""
    (tmp_path / "study").mkdir()
    for path in (demo.out / "phantom" / "study").iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.FrameOfReferenceUID
        dataset.save_as(tmp_path / "study" / path.name)
    out = tmp_path / "out"
    run = lymphnodeseg("segment", "--study", tmp_path / "study", "--out", out, "--registration", "none")
    assert run.returncode == 0, run.stderr
    assert {path.name for path in out.iterdir()} == COMMON_FILES
    (warning,) = [text for text in json.loads((out / "run.json").read_text())["warnings"] if "refer" in text]
    assert "no FrameOfReferenceUID" in warning
    assert warning in (out / "report.html").read_text(encoding="utf-8")
    assert json.loads((out / "measurements.json").read_text())["nodes"]
