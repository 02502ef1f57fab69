"""What the panel knows of a run from the worker's lines."""

from __future__ import annotations

import json

import pytest
from LymphNodeSegLib.panel.run_state import RunState


def line(event: str, **values: object) -> bytes:
    return (json.dumps({"event": event, **values}) + "\n").encode()


STARTED = line("started", pid=42, stages=["Reading", "Registering", "Finding", "Writing"])


def test_lines_may_come_in_pieces_of_any_size():
    text = STARTED + line("stage", stage="Registering") + line("progress", stage="Registering", fraction=0.5)
    for size in (1, 3, 7, len(text)):
        state = RunState()
        for start in range(0, len(text), size):
            state.feed(text[start : start + size])
        assert (state.pid, state.stage, state.fraction) == (42, "Registering", pytest.approx(1.5 / 4))


@pytest.mark.parametrize(
    "garbage",
    [
        b"Downloading: 40%\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b'{"event": "progress"}\n',
        b'{"event": ["stage"]}\n',
        b'{"event": "other"}\n',
        b'{"event": "progress", "fraction": "much"}\n',
        b'{"event": "started", "pid": null, "stages": 3}\n',
        b"{" * 5000 + b"\n",
    ],
)
def test_chatter_between_the_lines_does_no_harm_and_is_kept(garbage: bytes):
    state = RunState()
    state.feed(STARTED)
    assert len(state.feed(garbage)) == 1
    state.feed(line("done", nodes=0))
    assert state.end(0, crashed=False).done


def test_messages_are_told_and_kept():
    state = RunState()
    assert state.feed(line("message", text="No GPU: using the CPU.")) == ["No GPU: using the CPU."]


def test_failure_is_told_in_the_workers_words():
    state = RunState()
    state.feed(STARTED + line("failed", reason="input", text="The DWI is a single slice."))
    outcome = state.end(2, crashed=False)
    assert (outcome.done, outcome.reason, outcome.text) == (False, "input", "The DWI is a single slice.")


def test_death_is_told_with_the_stage_it_came_in():
    state = RunState()
    state.feed(STARTED + line("stage", stage="Finding lymph nodes"))
    outcome = state.end(9, crashed=True)
    assert outcome.reason == "died"
    assert "finding lymph nodes" in outcome.text


def test_a_worker_that_says_done_and_crashes_did_not_finish():
    state = RunState()
    state.feed(STARTED + line("done", nodes=3))
    assert not state.end(0, crashed=True).done
    assert not state.end(1, crashed=False).done


def test_an_end_without_a_word_is_no_success():
    assert RunState().end(0, crashed=False).reason == "died"


def test_time_left_follows_the_clock():
    clock = [100.0]
    state = RunState(lambda: clock[0])
    state.feed(STARTED + line("stage", stage="Registering"))
    assert state.seconds_left is None  # too early to say
    clock[0] = 105.0
    state.feed(line("progress", stage="Registering", fraction=0.0))
    assert state.seconds_left == pytest.approx(15.0)
