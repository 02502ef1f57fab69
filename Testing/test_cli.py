"""The command line as a script outside the project meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk


def run(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "LymphNodeSegLib.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 2 and one line that holds the words."""
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("lymphnodeseg: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word.lower() in lines[0].lower()


def write_image(path: Path, array: np.ndarray, spacing=(1.0, 1.0, 4.0), origin=(0.0, 0.0, 0.0)) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(300, 60, (10, 64, 64)).clip(0).astype(np.float32)


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys; sys.argv = ['lymphnodeseg', '--help']\n"
        "from LymphNodeSegLib.cli import main\n"
        "try:\n    main()\nexcept SystemExit as leave:\n    assert not leave.code\n"
        "slow = {'torch', 'vtk', 'vtkmodules', 'slicer', 'SimpleITK', 'scipy', 'pydicom', 'numpy'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "not a medical device" in " ".join(result.stdout.split()).lower()


def test_commands_of_the_contract() -> None:
    text = run("--help").stdout
    for command in ("demo", "series", "segment", "measure", "export", "phantom", "evaluate"):
        assert command in text


def test_unknown_option_is_refused() -> None:
    assert run("segment", "--nonsense").returncode == 2


class TestUnusableInput:
    """One clear line, exit 2, nothing left behind."""

    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        return tmp_path / "parent" / "out"

    @pytest.fixture(autouse=True)
    def nothing_left(self, out: Path):
        yield
        assert not out.parent.exists()

    def test_empty_folder(self, tmp_path: Path, out: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert_refused(run("segment", "--study", tmp_path / "empty", "--out", out), "DICOM")

    def test_missing_folder(self, tmp_path: Path, out: Path) -> None:
        assert_refused(run("segment", "--study", tmp_path / "none", "--out", out), "does not exist")

    def test_text_file(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        text = tmp_path / "t2.nrrd"
        text.write_text("This is no image.")
        dwi = write_image(tmp_path / "dwi.nrrd", noise)
        assert_refused(run("segment", "--t2", text, "--dwi", dwi, "--out", out), "t2.nrrd")

    def test_no_overlap(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        t2 = write_image(tmp_path / "t2.nrrd", noise)
        dwi = write_image(tmp_path / "dwi.nrrd", noise[::-1].copy(), origin=(5000.0, 0.0, 0.0))
        assert_refused(run("segment", "--t2", t2, "--dwi", dwi, "--out", out), "overlap")

    def test_single_slice(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        t2 = write_image(tmp_path / "t2.nrrd", noise[:1])
        dwi = write_image(tmp_path / "dwi.nrrd", noise)
        assert_refused(run("segment", "--t2", t2, "--dwi", dwi, "--out", out), "slice")

    def test_not_a_number(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        dwi = write_image(tmp_path / "dwi.nrrd", noise)
        noise[3, 4, 5] = np.nan
        t2 = write_image(tmp_path / "t2.nrrd", noise)
        assert_refused(run("segment", "--t2", t2, "--dwi", dwi, "--out", out), "t2.nrrd")

    def test_truncated_nifti(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        dwi = write_image(tmp_path / "dwi.nii.gz", noise)
        t2 = write_image(tmp_path / "t2.nii.gz", noise)
        t2.write_bytes(t2.read_bytes()[: t2.stat().st_size // 2])
        assert_refused(run("segment", "--t2", t2, "--dwi", dwi, "--out", out), "t2.nii.gz")

    def test_same_image_twice(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        t2 = write_image(tmp_path / "t2.nrrd", noise)
        assert_refused(run("segment", "--t2", t2, "--dwi", t2, "--out", out), "same")

    def test_neither_study_nor_pair(self, out: Path) -> None:
        assert_refused(run("segment", "--out", out), "--study")

    def test_study_without_dwi(self, prostatex: Path, tmp_path: Path, out: Path) -> None:
        (series,) = prostatex.glob("*/4.*")
        (tmp_path / "study").mkdir()
        for path in series.iterdir():
            (tmp_path / "study" / path.name).symlink_to(path)
        assert_refused(run("segment", "--study", tmp_path / "study", "--out", out), "DWI")

    def test_unlisted_model_needs_consent(self, tmp_path: Path, out: Path, noise: np.ndarray) -> None:
        t2 = write_image(tmp_path / "t2.nrrd", noise)
        dwi = write_image(tmp_path / "dwi.nrrd", noise[::-1].copy())
        model = tmp_path / "model.pt"
        model.write_bytes(b"not listed anywhere")
        result = run("segment", "--t2", t2, "--dwi", dwi, "--out", out, "--model", model)
        assert_refused(result, "--trust-model")


def test_output_folder_that_cannot_be_written(prostatex: Path) -> None:
    assert_refused(run("segment", "--study", prostatex, "--out", "/proc/nowhere/out"), "can't be written")


def test_series_of_the_real_patient(prostatex: Path) -> None:
    result = run("series", prostatex, "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    by_uid = {one["uid"]: one for one in answer["series"]}
    chosen = answer["chosen"]
    assert by_uid[chosen["t2"]]["description"] == "t2_tse_tra"
    assert by_uid[chosen["dwi"]]["description"] == "ep2d_diff_tra_DYNDIST"
    assert by_uid[chosen["adc"]]["description"] == "ep2d_diff_tra_DYNDIST_ADC"
    assert chosen["b_value"] == 800
    assert by_uid[chosen["dwi"]]["b_values"] == [50, 400, 800]
    assert set(by_uid[chosen["t2"]]) >= {
        "uid",
        "description",
        "role",
        "plane",
        "b_values",
        "files",
        "problem",
    }
