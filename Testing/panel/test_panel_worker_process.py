"""The worker process, driven for real by Qt: ends well, badly, by the user, by the system."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.settings import Settings

# Worker programs of the tests: the process, its pipes and its signals are real.
HEAD = """
import json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[2])
def say(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)
say("started", pid=os.getpid(), stages=["Reading images", "Finding lymph nodes"])
say("stage", stage="Reading images")
"""
PROGRAMS = {
    "done": 'print("chatter"); (folder / "out").write_text("x"); say("done", nodes=2)',
    "input": 'say("failed", reason="input", text="The DWI is a single slice."); sys.exit(2)',
    "exit": "sys.exit(7)",
    "crash": "os.abort()",
    "endless": "time.sleep(600)",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "noise": 'sys.stdout.buffer.write(bytes(range(256)) * 4000); print(); say("done", nodes=0)',
}


@pytest.fixture
def image() -> Image:
    return Image(np.arange(8 * 9 * 10, dtype=np.int16).reshape(8, 9, 10), Geometry((10, 9, 8)))


@pytest.fixture
def run(application, standins, monkeypatch, image):
    import LymphNodeSegLib.panel.worker_process as worker_process

    def start(program: str):
        monkeypatch.setattr(worker_process, "PROGRAM", HEAD + PROGRAMS[program])
        changes, ends = [], []

        def on_end(outcome, folder: Path) -> None:
            ends.append((outcome, sorted(path.name for path in folder.iterdir())))

        worker = worker_process.WorkerProcess(lambda state, lines: changes.extend(lines), on_end)
        worker.start(image, image, None, Settings())
        return worker, changes, ends

    return start


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_hands_over_its_files_and_cleans_up(run, until):
    worker, changes, ends = run("done")
    until(lambda: bool(ends))
    outcome, files = ends[0]
    assert outcome.done
    assert {"t2.nrrd", "dwi.nrrd", "settings.pickle", "out"} <= set(files)
    assert "chatter" in changes
    assert not worker.folder.exists()


def test_a_failure_comes_in_the_workers_words(run, until):
    _, _, ends = run("input")
    until(lambda: bool(ends))
    assert (ends[0][0].reason, ends[0][0].text) == ("input", "The DWI is a single slice.")


@pytest.mark.parametrize("program", ["exit", "crash"])
def test_a_worker_that_dies_is_a_message(run, until, program):
    worker, _, ends = run(program)
    until(lambda: bool(ends))
    assert ends[0][0].reason == "died"
    assert "reading images" in ends[0][0].text
    assert not worker.folder.exists()


def test_a_killed_worker_is_a_message(run, until):
    worker, _, ends = run("endless")
    until(lambda: worker.state.pid is not None)
    os.kill(worker.state.pid, signal.SIGKILL)
    until(lambda: bool(ends))
    assert ends[0][0].reason == "died"


@pytest.mark.parametrize("program", ["endless", "stubborn"])
def test_cancel_is_done_at_once_and_leaves_nothing(run, until, program):
    worker, _changes, ends = run(program)
    until(lambda: worker.state.stage != "")
    began = time.monotonic()
    worker.cancel()
    assert time.monotonic() - began < 1.0
    assert [outcome.reason for outcome, _ in ends] == ["cancelled"]
    until(lambda: not is_alive(worker.state.pid), 5.0)
    until(lambda: worker not in worker._alive, 5.0)
    assert not worker.folder.exists()
    assert len(ends) == 1


def test_cancel_before_the_worker_spoke(run, until):
    worker, _, ends = run("endless")
    worker.cancel()
    worker.cancel()
    assert [outcome.reason for outcome, _ in ends] == ["cancelled"]
    until(lambda: worker not in worker._alive, 5.0)


def test_noise_on_standard_output_does_no_harm(run, until):
    _, _, ends = run("noise")
    until(lambda: bool(ends))
    assert ends[0][0].done


def test_no_python_to_run_on_is_a_message_and_leaves_nothing(
    application, standins, monkeypatch, image, until, tmp_path
):
    import LymphNodeSegLib.panel.worker_process as worker_process

    monkeypatch.setattr(worker_process, "python_executable", lambda: str(tmp_path / "no python"))
    ends = []
    worker = worker_process.WorkerProcess(lambda *_: None, lambda outcome, folder: ends.append(outcome))
    worker.start(image, image, None, Settings())
    until(lambda: bool(ends))
    assert "could not be started" in ends[0].text
    assert not worker.folder.exists()
