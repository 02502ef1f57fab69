"""The worker's program: what it says and what it leaves, as a process of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib import worker
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.settings import Settings
from LymphNodeSegLib.worker_files import read_request, write_request

START = "import sys; from LymphNodeSegLib.worker import main; sys.exit(main(sys.argv[1]))"


@pytest.fixture
def images() -> tuple[Image, Image]:
    rng = np.random.default_rng(11)
    geometry = Geometry((20, 18, 6), spacing_mm=(1.0, 1.5, 4.0))
    t2, dwi = (Image(rng.integers(1, 900, (6, 18, 20)).astype(np.int16), geometry) for _ in range(2))
    return t2, dwi


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_request_arrives_as_it_was_sent(tmp_path: Path, images):
    import SimpleITK as sitk

    t2, dwi = images
    write_request(tmp_path, t2, dwi, None, Settings(device="cpu", suspicious_mm=8.0))
    job = read_request(tmp_path)
    assert job.settings == Settings(device="cpu", suspicious_mm=8.0)
    assert job.adc is None
    sent = sitk.ReadImage(str(job.t2))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sent), t2.array)
    assert sent.GetSpacing() == t2.geometry.spacing_mm


def test_unusable_input_is_one_line_and_no_traceback(tmp_path: Path, images):
    t2, _ = images
    write_request(tmp_path, t2, t2, None, Settings())
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path)],
        stdin=subprocess.PIPE,  # stays open while the run is on, as the panel's does
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        said = events(process.stdout.read())
        complaints = process.stderr.read()
    assert process.returncode == 2
    assert said[0]["event"] == "started"
    assert said[0]["pid"] == process.pid
    assert said[1] == {"event": "stage", "stage": said[0]["stages"][0]}
    assert (said[-1]["event"], said[-1]["reason"]) == ("failed", "input")
    assert complaints == ""


def test_same_image_twice_is_refused_in_words(tmp_path: Path, images):
    t2, _ = images
    write_request(tmp_path, t2, t2, None, Settings())
    stream = io.StringIO()
    assert worker.run(tmp_path, stream, threading.Event()) == 2
    last = events(stream.getvalue())[-1]
    assert (last["event"], last["reason"]) == ("failed", "input")
    assert "same image" in last["text"]


def test_a_request_to_stop_is_heeded(tmp_path: Path, images):
    write_request(tmp_path, *images, None, Settings())
    cancelled = threading.Event()
    cancelled.set()
    stream = io.StringIO()
    assert worker.run(tmp_path, stream, cancelled) == 3
    assert events(stream.getvalue())[-1]["reason"] == "cancelled"


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (MemoryError(), "memory", 2),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "missing", 2),
        (ZeroDivisionError("a\nb"), "defect", 1),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    tmp_path: Path, images, monkeypatch, capsys, error, reason, code
):
    def fail(*_: object) -> None:
        raise error

    write_request(tmp_path, *images, None, Settings())
    monkeypatch.setattr(worker, "_compute", fail)
    stream = io.StringIO()
    assert worker.run(tmp_path, stream, threading.Event()) == code
    last = events(stream.getvalue())[-1]
    assert last["reason"] == reason
    assert "\n" not in last["text"]
    if reason == "missing":
        assert "torch" in last["text"]


@pytest.mark.parametrize(
    "work", ["time.sleep(600)", "[lines.fraction(0.5) or time.sleep(0.05) for _ in range(9999)]"]
)
def test_worker_ends_when_its_parent_is_gone_and_keeps_no_images(tmp_path: Path, images, work: str):
    """The parent's end closes the pipe; a run that does not listen is ended after a grace time."""
    folder = tmp_path / "job"
    folder.mkdir()
    write_request(folder, *images, None, Settings())
    program = (
        "import sys, time; from LymphNodeSegLib import worker\n"
        f"worker._compute = lambda job, lines: {work}\n"
        "sys.exit(worker.main(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert b"started" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=30) == 3
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert list(tmp_path.iterdir()) == []
