"""Work in steps between the events of the window."""

from __future__ import annotations

import pytest


@pytest.fixture
def stepper(application, standins, monkeypatch):
    """The module, with one step at a time."""
    import LymphNodeSegLib.panel.stepper as stepper

    monkeypatch.setattr(stepper, "SECONDS_AT_A_TIME", 0.0)
    return stepper


def test_between_two_steps_the_window_has_a_turn_to_itself(stepper, application):
    """To paint, above all, what a step has changed: together with the next step, that would be felt."""
    taken, ends = [], []

    def steps():
        for number in range(3):
            taken.append(number)
            yield

    stepper_ = stepper.Stepper(steps(), lambda *end: ends.append(end))
    counts = []
    while not ends:
        application.processEvents()
        counts.append(len(taken))
    assert [b - a for a, b in zip(counts, counts[1:]) if b > a] == [1] * (3 - counts[0])
    assert all(b == a or c == b for a, b, c in zip(counts, counts[1:], counts[2:]))
    assert ends == [(None, None)]
    stepper_.stop()


def test_an_error_ends_the_steps(stepper, until):
    def steps():
        yield
        raise ValueError("no")

    ends = []
    stepper_ = stepper.Stepper(steps(), lambda *end: ends.append(end))
    until(lambda: bool(ends), 10.0)
    [(value, error)] = ends
    assert value is None
    assert str(error) == "no"
    stepper_.stop()
