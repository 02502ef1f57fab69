"""The worker's program: what it says and what it leaves, as a process of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from LymphNodeSegLib import worker
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.progress import JsonLines
from LymphNodeSegLib.settings import Settings
from LymphNodeSegLib.worker_files import Request, read_request, write_request_steps

START = "import sys; from LymphNodeSegLib.worker import main; sys.exit(main())"


def images(seed: int = 11, dtype: type = np.int16) -> tuple[Image, ...]:
    rng = np.random.default_rng(seed)
    geometry = Geometry((20, 18, 6), spacing_mm=(1.0, 1.5, 4.0))
    return tuple(
        Image(rng.integers(1, 900, (6, 18, 20)).astype(dtype), geometry, Acquisition(b_value_s_mm2=b))
        for b in (0.0, 50.0, 800.0)
    )


def leave(folder: Path, t2: Image, *series: Image, adc: Image | None = None, **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    request = Request(t2, series, len(series) - 1, adc, Settings(**settings))
    for _ in write_request_steps(folder, request):
        pass
    return folder


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def told(folder: Path) -> tuple[int, list[dict]]:
    stream = io.StringIO()
    code = worker.run(folder, JsonLines(stream, lambda: False))
    return code, events(stream.getvalue())


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.dtype(">i2")])
def test_request_arrives_as_it_was_sent(tmp_path: Path, dtype):
    t2, low, high = images(dtype=dtype)
    leave(tmp_path, t2, low, high, adc=low, device="cpu", suspicious_mm=8.0)
    there = read_request(tmp_path)
    assert there.settings == Settings(device="cpu", suspicious_mm=8.0)
    assert there.chosen == 1
    for sent, arrived in zip((t2, low, high, low), (there.t2, *there.dwi_series, there.adc)):
        np.testing.assert_array_equal(arrived.array, sent.array)
        assert (arrived.geometry, arrived.acquisition) == (sent.geometry, sent.acquisition)


def test_a_large_image_is_handed_over_in_short_steps(tmp_path: Path):
    image = Image(np.zeros((40, 640, 640), np.int16), Geometry((640, 640, 40)))
    steps = write_request_steps(tmp_path, Request(image, (image,), 0, None, Settings()))
    longest = 0.0
    while True:
        began = time.perf_counter()
        if next(steps, "end") == "end":
            break
        longest = max(longest, time.perf_counter() - began)
    assert longest < 0.1


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen]]:
    started = []

    def start(program: str = START) -> subprocess.Popen:
        made = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(made)
        return made

    yield start
    for one in started:
        one.kill()
        one.wait()
        for pipe in (one.stdin, one.stdout, one.stderr):
            pipe.close()


def until(process: subprocess.Popen, *kinds: str) -> dict:
    while True:
        event = json.loads(process.stdout.readline())
        if event["event"] in kinds:
            return event


def order(process: subprocess.Popen, folder: Path) -> None:
    process.stdin.write(json.dumps({"job": str(folder)}) + "\n")
    process.stdin.flush()


def test_one_process_takes_job_after_job_and_ends_with_its_input(tmp_path: Path, process):
    t2, _, dwi = images()
    one = process()
    assert until(one, "started")["pid"] == one.pid
    assert "cpu" in until(one, "ready")["devices"]
    for name in ("first", "second"):
        order(one, leave(tmp_path / name, t2, t2))
        assert sum(until(one, "begun")["stages"].values()) > 0
        end = until(one, "done", "failed")
        assert (end["event"], end["reason"]) == ("failed", "input")
        assert "same image" in end["text"]
        assert one.poll() is None
    order(one, leave(tmp_path / "third", t2, dwi, registration="none", device="cpu"))
    assert until(one, "done", "failed")["event"] == "done"
    assert (tmp_path / "third" / "result.pickle").exists()
    one.stdin.close()
    assert one.wait(timeout=30) == 3
    assert one.stderr.read() == ""


def test_what_libraries_print_does_not_come_between_the_lines(tmp_path: Path, process):
    program = (
        "import os, sys; from LymphNodeSegLib import worker\n"
        "def compute(request, lines):\n"
        "    print('python'); os.write(1, b'C library')\n"
        "    raise ZeroDivisionError\n"
        "worker._compute = compute; sys.exit(worker.main())"
    )
    one = process(program)
    order(one, leave(tmp_path / "job", *images()[:2]))
    assert until(one, "done", "failed")["reason"] == "defect"
    complaints = one.stderr.read()
    assert "python" in complaints
    assert "C library" in complaints


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (MemoryError(), "memory", 1),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
            "memory",
            1,
        ),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "missing", 1),
        (ZeroDivisionError("a\nb"), "defect", 1),
    ],
)
def test_what_goes_wrong_is_said_in_one_line_and_asks_for_a_fresh_process(
    tmp_path: Path, monkeypatch, capsys, error, reason, code
):
    def fail(*_: object) -> None:
        raise error

    leave(tmp_path, *images())
    monkeypatch.setattr(worker, "_compute", fail)
    ended, said = told(tmp_path)
    assert ended == code
    assert said[-1]["reason"] == reason
    assert "\n" not in said[-1]["text"]
    if reason == "missing":
        assert "torch" in said[-1]["text"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda array: array.fill(7), "empty"),
        (lambda array: np.mod(array, 3, out=array), "segmentation"),
    ],
)
def test_images_that_cant_be_used_are_refused_in_words(tmp_path: Path, spoil, words):
    t2, _, dwi = images()
    spoil(dwi.array)
    code, said = told(leave(tmp_path, t2, dwi))
    assert (code, said[-1]["reason"]) == (2, "input")
    assert words in said[-1]["text"]


def test_every_b_value_comes_into_the_registration(tmp_path: Path, monkeypatch):
    """As on the command line: the lowest one is aligned, the chosen one is looked at."""
    seen = []
    monkeypatch.setattr("LymphNodeSegLib.pipeline.read", lambda study, *_: seen.append(study))
    t2, low, high = images()
    request = read_request(leave(tmp_path, t2, low, high))
    worker._compute(request, JsonLines(io.StringIO(), lambda: False))
    (study,) = seen
    assert [one.acquisition.b_value_s_mm2 for one in study.dwi_series] == [50.0, 800.0]
    assert study.dwi is study.dwi_series[1]


def test_worker_ends_when_its_parent_is_gone_and_keeps_no_images(tmp_path: Path, process):
    """The parent's end closes the pipe, also in the midst of work that does not listen."""
    program = (
        "import sys, time; from LymphNodeSegLib import worker\n"
        "worker._compute = lambda request, lines: time.sleep(600)\n"
        "sys.exit(worker.main())"
    )
    one = process(program)
    order(one, leave(tmp_path / "on", *images()))
    order(one, leave(tmp_path / "waiting", *images()))
    until(one, "begun")
    began = time.monotonic()
    one.stdin.close()
    assert one.wait(timeout=30) == 3
    assert time.monotonic() - began < 1.0
    assert list(tmp_path.iterdir()) == []
