"""What the panel says of a run and of its result."""

from __future__ import annotations

import pytest
from LymphNodeSegLib.panel.run_state import RunState
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.scene.run_facts import RunFacts
from LymphNodeSegLib.settings import Settings


@pytest.fixture
def texts(standins):
    import LymphNodeSegLib.panel.texts as texts

    return texts


def facts(*warnings: str) -> RunFacts:
    verdict = Verdict("improved", "DWI moved by up to 3.1 mm.", "deformable", 1.0, 1.1)
    seconds = {"a": 1.25, "b": 2.0}
    return RunFacts("2026-01-01", Settings(), verdict, "demo", "", {}, "cpu", warnings, seconds)


def test_an_empty_result_says_so_and_promises_nothing(texts):
    assert texts.summary(facts(), empty=True).startswith("No lymph node was found. That does not mean")


def test_registration_warnings_time_and_model_are_told(texts):
    lines = texts.summary(facts("The DWI covers only 40 % of the T2."), empty=False).splitlines()
    assert lines == [
        "Registration: DWI moved by up to 3.1 mm.",
        "The DWI covers only 40 % of the T2.",
        "3.2 s on cpu, model demo.",
    ]


def test_progress_line(texts):
    clock = [0.0]
    state = RunState(lambda: clock[0])
    assert texts.progress_line(state) == "Starting ..."
    for event in ({"event": "begun", "stages": {"A": 1, "B": 1}}, {"event": "stage", "stage": "B"}):
        state.take(event)
    clock[0] = 9.0
    assert texts.progress_line(state) == "B, about 9 s left"


FIGURES = {"cases": 40, "sensitivity": {">=10": 0.934}, "false_positives_per_case": {"all": 2.6}}


@pytest.mark.parametrize("scores", [FIGURES, {"hard": {"cases": 8}, "standard": FIGURES}])
def test_a_card_tells_how_well_the_model_does(texts, scores):
    card = {"name": "m", "training": {"date": "2026-01-02", "source": "own cases"}, "scores": scores}
    shown = texts.card_lines(card)
    assert shown.splitlines()[:2] == ["m, by 2026-01-02", "Trained on: own cases"]
    assert "40 held-out cases" in shown
    assert "93 %" in shown
    assert "2.6 false finds" in shown
    later = texts.card_lines({**card, "second_look": {"date": "2026-03-04"}})
    assert later.startswith("m, by 2026-03-04")


def test_a_card_without_figures_claims_none(texts):
    assert "found" not in texts.card_lines({"name": "m", "training": {}, "scores": {}})
