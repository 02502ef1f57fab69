"""The worker process, driven for real by Qt: stays, ends badly, ended by the user, by the system."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

# Worker programs of the tests: the process, its pipes and its signals are real.
HEAD = """
import json, os, sys, time
def say(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)
say("started", pid=os.getpid())
say("ready", devices=["cuda", "cpu"])
for line in sys.stdin:
    folder = json.loads(line)["job"]
    say("begun", stages={"Reading images": 1, "Finding lymph nodes": 3})
    say("stage", stage="Reading images")
"""
PROGRAMS = {
    "done": 'print("chatter", flush=True); open(folder + "/out", "w").close(); say("done", nodes=2)',
    "input": 'say("failed", reason="input", text="The DWI is a single slice.")',
    "exit": "sys.exit(7)",
    "crash": "os.abort()",
    "endless": "time.sleep(600)",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "noise": 'sys.stdout.buffer.write(bytes(range(256)) * 4000 + b"\\n"); say("done", nodes=0)',
    "flood": 'sys.stdout.buffer.write(b"x" * 5_000_000 + b"\\n"); say("done", nodes=0)',
}


class Heard:
    """A worker and what it told."""

    def __init__(self, worker_process) -> None:
        self.events, self.deaths = [], []
        self.worker = worker_process.WorkerProcess(
            self.events.append, lambda code, crashed: self.deaths.append((code, crashed))
        )

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@pytest.fixture
def start(application, standins, monkeypatch, tmp_path, until):
    import LymphNodeSegLib.panel.worker_process as worker_process

    heard = []

    def begin(program: str) -> Heard:
        monkeypatch.setattr(worker_process, "PROGRAM", HEAD + "    " + PROGRAMS[program])
        one = Heard(worker_process)
        heard.append(one)
        one.worker.submit(tmp_path)
        return one

    yield begin
    for one in heard:
        one.worker.stop()
        until(lambda one=one: not one.worker.alive, 10.0)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_one_process_does_job_after_job(start, until, tmp_path):
    one = start("done")
    until(lambda: "done" in one.kinds())
    pid = one.worker.pid
    assert {"event": "message", "text": "chatter"} in one.events
    assert one.worker.devices == ("cuda", "cpu")
    one.worker.submit(tmp_path)
    until(lambda: one.kinds().count("done") == 2)
    assert one.worker.pid == pid
    assert one.kinds().count("started") == 1
    one.worker.stop()
    until(lambda: not is_alive(pid), 5.0)
    assert one.deaths == []


@pytest.mark.parametrize(("program", "death"), [("exit", (7, False)), ("crash", (6, True))])
def test_a_worker_that_dies_is_told_and_the_next_job_gets_a_fresh_one(start, until, tmp_path, program, death):
    one = start(program)
    until(lambda: bool(one.deaths))
    assert one.deaths == [death]
    assert one.worker.pid is None
    one.worker.submit(tmp_path)
    until(lambda: len(one.deaths) == 2)


def test_a_killed_worker_is_told(start, until):
    one = start("endless")
    until(lambda: "stage" in one.kinds())
    os.kill(one.worker.pid, signal.SIGKILL)
    until(lambda: bool(one.deaths))
    assert one.deaths[0][1]


@pytest.mark.parametrize("program", ["endless", "stubborn"])
def test_stop_is_done_at_once_and_leaves_no_process(start, until, program):
    one = start(program)
    until(lambda: "stage" in one.kinds())
    pid = one.worker.pid
    began = time.monotonic()
    one.worker.stop()
    assert time.monotonic() - began < 0.1
    until(lambda: not is_alive(pid), 1.0)
    until(lambda: not one.worker.alive, 5.0)
    assert one.deaths == []


def test_stop_before_the_worker_spoke(start, until):
    one = start("endless")
    one.worker.stop()
    one.worker.stop()
    until(lambda: not one.worker.alive, 5.0)
    assert one.events == []


@pytest.mark.parametrize("program", ["noise", "flood"])
def test_noise_on_standard_output_does_no_harm(start, until, program):
    one = start(program)
    until(lambda: "done" in one.kinds())


def test_no_python_to_run_on_is_told(application, standins, monkeypatch, until, tmp_path):
    import LymphNodeSegLib.panel.worker_process as worker_process

    monkeypatch.setattr(worker_process, "python_executable", lambda: str(tmp_path / "no python"))
    one = Heard(worker_process)
    one.worker.submit(tmp_path)
    until(lambda: bool(one.deaths))
    assert one.deaths == [(-1, False)]
    until(lambda: not one.worker.alive)
