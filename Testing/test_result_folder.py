"""A result folder appears whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.result_folder import RESULT_FILES, ResultFolder


def files_below(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_result(target: Path, **contents: str) -> None:
    with ResultFolder(target, RESULT_FILES) as folder:
        for name, text in contents.items():
            (folder.staging / name.replace("__", ".")).write_text(text)
        folder.publish()


def fail_while_writing(target: Path, name: str) -> None:
    with ResultFolder(target, RESULT_FILES) as folder:
        (folder.staging / name).write_text("half a result")
        raise RuntimeError


def test_appears_with_its_parents(tmp_path: Path) -> None:
    write_result(tmp_path / "a" / "b" / "out", run__json="{}")
    assert files_below(tmp_path) == {"a/b/out/run.json": "{}"}


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fail_while_writing(tmp_path / "a" / "b" / "out", "run.json")
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_earlier_result(tmp_path: Path) -> None:
    write_result(tmp_path / "out", run__json="{}", report__html="first")
    with pytest.raises(RuntimeError):
        fail_while_writing(tmp_path / "out", "report.html")
    assert files_below(tmp_path) == {"out/run.json": "{}", "out/report.html": "first"}


def test_second_run_replaces_results_and_keeps_other_files(tmp_path: Path) -> None:
    write_result(tmp_path / "out", run__json="{}", report__html="first", rtstruct__dcm="old")
    (tmp_path / "out" / "my notes.txt").write_text("mine")
    write_result(tmp_path / "out", run__json="{}", report__html="second")
    assert files_below(tmp_path) == {
        "out/run.json": "{}",
        "out/report.html": "second",
        "out/my notes.txt": "mine",
    }


def test_corrected_segmentation_is_not_overwritten(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"masks").hexdigest()
    record = json.dumps({"outputs": {"segmentation.seg.nrrd": digest}})
    write_result(tmp_path / "out", run__json=record, segmentation__seg__nrrd="masks")
    write_result(tmp_path / "out", run__json=record, segmentation__seg__nrrd="masks")
    (tmp_path / "out" / "segmentation.seg.nrrd").write_text("corrected")
    with pytest.raises(InputError, match="edited"), ResultFolder(tmp_path / "out", RESULT_FILES):
        pass
    assert files_below(tmp_path)["out/segmentation.seg.nrrd"] == "corrected"


def test_target_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="is a file"), ResultFolder(tmp_path / "out"):
        pass


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc, where nobody can write")
def test_parent_that_cannot_be_written() -> None:
    with pytest.raises(InputError, match="can't be written"), ResultFolder(Path("/proc/nowhere/out")):
        pass


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(InputError, match="can't be written"), ResultFolder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_comparison_leaves_the_result_it_lies_beside(tmp_path: Path) -> None:
    write_result(tmp_path / "out", run__json="{}", rtstruct__dcm="contours")
    with ResultFolder(tmp_path / "out") as folder:
        (folder.staging / "comparison.json").write_text("{}")
        folder.publish()
    assert set(files_below(tmp_path)) == {"out/run.json", "out/rtstruct.dcm", "out/comparison.json"}


def test_a_folder_may_lie_on_another_disk_than_what_it_is_in(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system to try it on")
    with tempfile.TemporaryDirectory(dir=shared_memory) as elsewhere:
        (tmp_path / "out").symlink_to(elsewhere, target_is_directory=True)
        write_result(tmp_path / "out", run__json="{}")
        assert files_below(Path(elsewhere)) == {"run.json": "{}"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with ResultFolder(tmp_path / "out") as folder:
            (folder.staging / "study").mkdir()
            (folder.staging / "study" / name).write_text(name)
            folder.publish()
    assert files_below(tmp_path) == {"out/study/second": "second"}


def test_what_cannot_be_moved_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_result(tmp_path / "out", run__json="{}", report__html="first")
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name == "run.json" and target.parent == tmp_path / "out" and path.parent.name != ".old":
            raise OSError(5, "Input/output error")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(InputError, match="could not be moved"):
        write_result(tmp_path / "out", run__json="[]", report__html="second")
    assert files_below(tmp_path) == {"out/run.json": "{}", "out/report.html": "first"}


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="full"), ResultFolder(tmp_path / "a" / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
