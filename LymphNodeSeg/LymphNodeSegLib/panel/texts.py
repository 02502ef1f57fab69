"""Sentences of the panel that depend on a run; no Qt."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from .. import NOTICE
from ..colors import SIZE_CLASS_COLORS
from ..errors import InputError
from ..network.model_file import listed_models

if TYPE_CHECKING:
    from ..scene.run_facts import RunFacts
    from .run_state import RunState


def notice() -> str:
    """What is always visible: research use, and what the network's weights are worth."""
    try:
        models = listed_models()
    except InputError as error:
        return f"{NOTICE}\n{error}"
    return "\n".join([NOTICE, *(model.notice for model in models[:1])])


def progress_line(state: RunState) -> str:
    """The stage and, when it can be told, the time left."""
    stage = state.stage or _("Starting")
    seconds = state.seconds_left
    if seconds is None:
        return f"{stage} ..."
    return _("{stage}, about {seconds:.0f} s left").format(stage=stage, seconds=max(seconds, 1.0))


def summary(facts: RunFacts, size_classes: list[str]) -> str:
    """What a run found, in a few lines: nodes by size class, registration, warnings, time."""
    return "\n".join(
        [
            _counts(size_classes),
            _("Registration: {reason}").format(reason=facts.verdict.reason),
            *facts.warnings,
            _("{seconds:.1f} s on {device}, model {model}.").format(
                seconds=sum(facts.seconds.values()), device=facts.device, model=facts.model
            ),
        ]
    )


def _counts(classes: list[str]) -> str:
    if not classes:
        return _("No lymph node was found. That does not mean that there is none.")
    counts = Counter(classes)
    parts = [f"{counts[name]} {name}" for name in SIZE_CLASS_COLORS if counts[name]]
    nodes = _("1 node") if len(classes) == 1 else _("{count} nodes").format(count=len(classes))
    return _("{nodes}: {parts} (suggested by size alone)").format(nodes=nodes, parts=", ".join(parts) or "-")


def why_not(usable: bool, status: str) -> str:
    """The tooltip of the button that starts a run."""
    return _("Find the lymph nodes in these images.") if usable else status


def removed_input() -> str:
    """The message when the T2 went away while the run was on."""
    return _("The T2 was removed from the scene while the run was on: its result was dropped.")
