"""A study in a folder, behind a DICOMDIR, in an archive; names in any script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.errors import Cancelled, InputError
from LymphNodeSegLib.images.study import load_study, scan_study
from LymphNodeSegLib.progress import Silent
from pydicom.fileset import FileSet

NAMES = {
    "ISO_IR 100": "Müller^Jörg",
    "ISO_IR 144": "Иванова^Анна",
    "ISO_IR 192": "山田^太郎",
    "GB18030": "王^小东",
}


class Watcher(Silent):
    def __init__(self, stop_at: float = 2.0) -> None:
        self.seen: list[float] = []
        self.messages: list[str] = []
        self.stop_at = stop_at

    def fraction(self, done: float) -> None:
        self.seen.append(done)
        if done >= self.stop_at:
            raise Cancelled("Cancelled.")

    def message(self, text: str) -> None:
        self.messages.append(text)


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"Müller Jörg/{path.name}")
        archive.writestr("__MACOSX/._x", b"junk")
        archive.writestr("../../escape.dcm", b"junk")
    return target


@pytest.mark.parametrize("charset", list(NAMES))
def test_names_in_any_script(maker: Any, charset: str) -> None:
    folder = maker.folder / NAMES[charset]
    folder.mkdir()
    maker.folder = folder
    header = {"SpecificCharacterSet": charset, "PatientName": NAMES[charset]}
    maker.series(1, "t2_tse", **header)
    maker.series(2, "dwi", diffusion=True, DiffusionBValue=800.0, **header)
    assert load_study(folder).dwi.acquisition.b_value_s_mm2 == 800.0


def test_archive_gives_the_same_study(maker: Any, tmp_path: Path) -> None:
    t2, dwi = maker.pair()
    study = load_study(zipped(maker.folder, tmp_path / "study.zip"))
    assert np.array_equal(study.t2.array, t2)
    assert np.array_equal(study.dwi.array, dwi)
    assert all(path.is_file() for path in study.t2.acquisition.source_files)  # outputs refer to them
    assert not any("Müller" in str(path) for path in study.t2.acquisition.source_files)
    assert not (tmp_path / "escape.dcm").exists()


def test_nothing_is_left_of_an_archive(maker: Any, tmp_path: Path) -> None:
    maker.pair()
    archive = zipped(maker.folder, tmp_path / "study.zip")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    program = """
import sys
from pathlib import Path
from LymphNodeSegLib.images.study import scan_study
for _ in range(2):
    scan_study(Path(sys.argv[1]))
    print(len(list(Path(sys.argv[2]).iterdir())))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(archive), str(temporary)],
        env={"TMPDIR": str(temporary), "PATH": "/usr/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["1", "1"]  # the first went when the second was read
    assert list(temporary.iterdir()) == []


def test_folders_in_an_archive_may_hold_files_of_the_same_name(maker: Any, tmp_path: Path) -> None:
    t2, dwi = maker.pair()
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for count, path in enumerate(sorted(maker.folder.iterdir())):
            archive.write(path, f"a/b/{count}/IM0")
    study = load_study(tmp_path / "study.zip")
    assert np.array_equal(study.t2.array, t2)
    assert np.array_equal(study.dwi.array, dwi)


def claims(path: Path, name: str, flags: int = 0, size: int = 0) -> None:
    """Write an archive whose directory says something else than what it holds."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"\0" * 1_000_000)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\1\2")
    content[8] |= flags
    content[directory + 10] |= flags
    if size:
        content[directory + 24 : directory + 28] = size.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize(("flags", "size", "reason"), [(1, 0, "encrypted"), (0, 4_000_000_000, "a trap")])
def test_traps_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, size: int, reason: str
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    claims(tmp_path / "study.zip", "study/IM0", flags, size)
    with pytest.raises(InputError, match=reason) as caught:
        scan_study(tmp_path / "study.zip")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["study.zip", "tmp"]


@pytest.mark.parametrize("kind", ["damaged", "empty", "text"])
def test_bad_archives(maker: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "study.zip"
    if kind == "damaged":
        maker.pair()
        content = bytearray(zipped(maker.folder, path).read_bytes())
        content[200:2000] = b"x" * 1800
        path.write_bytes(content)
    elif kind == "empty":
        zipfile.ZipFile(path, "w").close()
    else:
        path.write_text("no archive")
    with pytest.raises(InputError) as caught:
        scan_study(path)
    assert "\n" not in str(caught.value)


def test_files_that_a_dicomdir_misses_are_said(maker: Any, tmp_path: Path) -> None:
    maker.pair()
    files = FileSet()
    for path in maker.folder.iterdir():
        files.add(path)
    files.write(tmp_path / "disc")
    next(
        path for path in (tmp_path / "disc").rglob("*") if path.is_file() and path.name != "DICOMDIR"
    ).unlink()
    watcher = Watcher()
    series = scan_study(tmp_path / "disc" / "DICOMDIR", watcher)
    assert watcher.messages == ["1 of the 12 files of the DICOMDIR are missing."]
    assert sum(one.files for one in series) == 11


@pytest.mark.parametrize("lower_case", [False, True])
def test_dicomdir_reads_only_what_it_names(maker: Any, tmp_path: Path, lower_case: bool) -> None:
    t2, _ = maker.pair()
    files = FileSet()
    for path in maker.folder.iterdir():
        files.add(path)
    disc = tmp_path / "disc"
    files.write(disc)
    maker.series(7, "t2_tse elsewhere")
    for path in sorted(maker.folder.iterdir())[-3:]:
        (disc / path.name).write_bytes(path.read_bytes())
    if lower_case:
        for path in sorted(disc.rglob("*"), reverse=True):
            if path.name != "DICOMDIR":
                path.rename(path.with_name(path.name.lower()))
    assert np.array_equal(load_study(disc / "DICOMDIR").t2.array, t2)
    assert {series.description for series in scan_study(disc / "DICOMDIR")} == {"t2_tse_tra", "ep2d_diff"}


def test_dicomdir_alone(maker: Any, tmp_path: Path) -> None:
    maker.pair()
    files = FileSet()
    for path in maker.folder.iterdir():
        files.add(path)
    files.write(tmp_path / "disc")
    (tmp_path / "DICOMDIR").write_bytes((tmp_path / "disc" / "DICOMDIR").read_bytes())
    with pytest.raises(InputError, match="None of the 12 files"):
        scan_study(tmp_path / "DICOMDIR")
    (tmp_path / "DICOMDIR").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        scan_study(tmp_path / "DICOMDIR")


def test_progress_grows_and_cancel_stops(maker: Any) -> None:
    maker.pair()
    watcher = Watcher()
    load_study(maker.folder, watcher)
    assert watcher.seen == sorted(watcher.seen)
    assert watcher.seen[-1] == 1.0
    assert len(watcher.seen) > 20
    for stop_at in (0.2, 0.6, 0.95):
        with pytest.raises(Cancelled):
            load_study(maker.folder, Watcher(stop_at))


def test_unreadable_files_are_counted_aloud(maker: Any) -> None:
    maker.pair()
    (maker.folder / "broken").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\0\0ULxx")
    (maker.folder / "DICOMDIR").write_bytes(b"\0" * 500)
    watcher = Watcher()
    assert len(scan_study(maker.folder, watcher)) == 2
    assert watcher.messages == ["1 DICOM file cannot be read and is left out."]


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_names_on_a_console_that_lacks_their_script(maker: Any, option: tuple[str, ...]) -> None:
    header = {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "轴位T2 Übersicht"}
    maker.series(1, "", **header)
    run = subprocess.run(
        [sys.executable, "-m", "LymphNodeSegLib.cli", "series", str(maker.folder), *option],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert run.returncode == 0, run.stderr
    assert b"Traceback" not in run.stderr
    if option:
        (series,) = json.loads(run.stdout)["series"]
        assert series["description"] == header["SeriesDescription"]
