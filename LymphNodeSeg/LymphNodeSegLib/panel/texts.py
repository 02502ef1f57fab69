"""Sentences of the panel that depend on a run; no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .run_state import stage_name

if TYPE_CHECKING:
    from ..scene.run_facts import RunFacts
    from .run_state import RunState


DEVICE_NAMES = {
    "auto": _("Automatic"),
    "cuda": _("NVIDIA GPU"),
    "mps": _("Apple GPU"),
    "cpu": _("Processor"),
}
REGISTRATION_NAMES = {
    "deformable": _("Deformable"),
    "rigid": _("Rigid"),
    "none": _("None"),
}


def card_lines(card: Mapping[str, Any]) -> str:
    """A model's card in a few lines: what it learned from and how well it does."""
    training, scores = card.get("training", {}), card.get("scores", {})
    scores = scores.get("standard", scores)  # figures of several difficulties, or of one
    date = card.get("second_look", training).get("date", "?")
    lines = [_("{name}, by {date}").format(name=card.get("name", ""), date=date)]
    lines.append(_("Trained on: {source}").format(source=training.get("source", "?")))
    sensitivity = scores.get("sensitivity", {}).get(">=10")
    false_finds = scores.get("false_positives_per_case", {}).get("all")
    if sensitivity is not None and false_finds is not None:
        line = _(
            "On {cases} held-out cases of the same kind: {sensitivity:.0f} % of the nodes of 10 mm and more "
            "found, {false_finds:.1f} false finds a case"
        )
        lines.append(
            line.format(
                cases=scores.get("cases", "?"), sensitivity=100.0 * sensitivity, false_finds=false_finds
            )
        )
    return "\n".join(lines)


def progress_line(state: RunState) -> str:
    """The stage and, when it can be told, the time left; for a bar, which takes "%p" for its percentage."""
    stage = stage_name(state.stage) or _("Starting")
    seconds = state.seconds_left
    if seconds is None:
        return f"{stage} ..."
    return _("{stage}, about {seconds:.0f} s left").format(stage=stage, seconds=max(seconds, 1.0))


def no_node() -> str:
    """What is said of a result without a node."""
    return _("No lymph node was found. That does not mean that there is none.")


def summary(facts: RunFacts, empty: bool) -> str:
    """How a run went, in a few lines: registration, warnings, time; and whether it found nothing."""
    return "\n".join(
        [
            *([no_node()] if empty else []),
            _("Registration: {reason}").format(reason=facts.verdict.reason),
            *facts.warnings,
            _("{seconds:.1f} s on {device}, model {model}.").format(
                seconds=sum(facts.seconds.values()), device=facts.device, model=facts.model
            ),
        ]
    )


def why_not(usable: bool, status: str) -> str:
    """The tooltip of the button that starts a run."""
    return _("Find the lymph nodes in these images.") if usable else status


def removed_input() -> str:
    """The message when the T2 went away while the run was on."""
    return _("The T2 was removed from the scene while the run was on: its result was dropped.")
