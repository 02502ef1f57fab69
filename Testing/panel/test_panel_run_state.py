"""What the panel knows of a run from the worker's lines."""

from __future__ import annotations

import json

import pytest
from LymphNodeSegLib.panel.run_state import LONGEST_LINE, LineReader, RunState

BEGUN = {"event": "begun", "stages": {"Reading": 1.0, "Registering": 5.0, "Finding": 3.0, "Writing": 1.0}}


def line(event: str, **values: object) -> bytes:
    return (json.dumps({"event": event, **values}) + "\n").encode()


def state_after(*events: dict, now=None) -> RunState:
    state = RunState(now) if now else RunState()
    for event in events:
        state.take(event)
    return state


def test_lines_may_come_in_pieces_of_any_size():
    text = line("started", pid=42) + line("stage", stage="Registering") + line("progress", fraction=0.5)
    for size in (1, 3, 7, len(text)):
        reader = LineReader()
        events = [
            event for start in range(0, len(text), size) for event in reader.feed(text[start : start + size])
        ]
        assert [event["event"] for event in events] == ["started", "stage", "progress"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"Downloading: 40%\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b'{"event": "progress"}\n',
        b'{"event": ["stage"]}\n',
        b'{"event": "stage", "stage": ""}\n',
        b'{"event": "other"}\n',
        b'{"event": "progress", "fraction": "much"}\n',
        b'{"event": "progress", "fraction": NaN}\n',
        b'{"event": "started", "pid": null}\n',
        b'{"event": "begun", "stages": {}}\n',
        b'{"event": "begun", "stages": {"a": -1}}\n',
        b'{"event": "begun", "stages": {"a": 0}}\n',
        b'{"event": "ready", "devices": [1]}\n',
        b"{" * 5000 + b"\n",
    ],
)
def test_chatter_between_the_lines_does_no_harm_and_is_kept(garbage: bytes):
    reader = LineReader()
    (event,) = reader.feed(garbage)
    assert event["event"] == "message"
    state = state_after(BEGUN, event)
    assert state.outcome is None
    (event,) = reader.feed(line("done", nodes=0))
    state.take(event)
    assert state.outcome.done


def test_output_without_an_end_of_line_does_not_fill_the_memory():
    reader = LineReader()
    for _ in range(40):
        assert reader.feed(b"x" * 100_000) == []
    assert len(reader._partial) <= LONGEST_LINE


def test_each_stage_counts_by_its_share_of_the_time():
    state = state_after(BEGUN, {"event": "stage", "stage": "Registering"})
    assert state.fraction == pytest.approx(0.1)
    state.take({"event": "progress", "fraction": 0.5})
    assert state.fraction == pytest.approx(0.35)
    state.take({"event": "stage", "stage": "unheard of"})
    assert state.fraction == 0.0


def test_messages_go_to_the_log():
    assert RunState().take({"event": "message", "text": "No GPU: using the CPU."}) == "No GPU: using the CPU."


def test_failure_is_told_in_the_workers_words():
    state = state_after(BEGUN, {"event": "failed", "reason": "input", "text": "The DWI is a single slice."})
    outcome = state.outcome
    assert (outcome.done, outcome.reason, outcome.text) == (False, "input", "The DWI is a single slice.")


def test_death_is_told_with_the_stage_it_came_in():
    state = state_after(BEGUN, {"event": "stage", "stage": "Finding lymph nodes"})
    outcome = state.died(9, crashed=True)
    assert outcome.reason == "died"
    assert "Finding lymph nodes" in outcome.text
    assert "before it began" in RunState().died(0, crashed=False).text


def test_time_left_follows_the_clock():
    clock = [100.0]
    state = state_after(BEGUN, {"event": "stage", "stage": "Registering"}, now=lambda: clock[0])
    assert state.seconds_left is None  # too early to say
    clock[0] = 105.0
    assert state.seconds_left == pytest.approx(45.0)
