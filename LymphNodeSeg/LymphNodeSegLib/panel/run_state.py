"""What is known of a run from the events that the worker tells; no Qt."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ..scene.translation import tr as _

MIN_SECONDS_TO_TELL = 2.0
LONGEST_LINE = 1_000_000

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        reason: "done", or "input", "cancelled", "memory", "missing", "defect", "died", "removed".
        text: What the user should read; empty when done.
    """

    reason: str
    text: str = ""

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return self.reason == "done"


class LineReader:
    """Cuts the worker's output, which comes in pieces of any size, into events."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete now.

        Whatever is no event, such as a library's chatter, comes as a message.
        """
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-LONGEST_LINE:]
        texts = (line.decode("utf-8", errors="replace").strip() for line in lines)
        return [_event(text) or {"event": "message", "text": text} for text in texts if text]


def stage_name(stage: str) -> str:
    """A stage of the pipeline in the user's language."""
    names = {
        "Reading images": _("Reading images"),
        "Registering DWI to T2": _("Registering DWI to T2"),
        "Finding lymph nodes": _("Finding lymph nodes"),
        "Separating and measuring": _("Separating and measuring"),
        "Writing results": _("Writing results"),
    }
    return names.get(stage, stage)


class RunState:
    """Follows one run.

    Args:
        now: The clock, in seconds.

    Attributes:
        stage: What it is doing.
        outcome: How it ended; None as long as it goes on.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._shares: dict[str, float] = {}
        self._fraction = 0.0
        self.stage = ""
        self.outcome: Optional[Outcome] = None

    def take(self, event: Event) -> str:
        """Take an event of the worker.

        Returns:
            What it adds to the log; may be empty.
        """
        kind = event["event"]
        if kind == "begun":
            self._shares, self._began = dict(event["stages"]), self._now()
        elif kind == "stage":
            self.stage, self._fraction = event["stage"], 0.0
            return self.stage
        elif kind == "progress":
            self._fraction = min(max(event["fraction"], 0.0), 1.0)
        elif kind == "message":
            return str(event["text"])
        elif kind == "done":
            self.outcome = Outcome("done")
        elif kind == "failed":
            self.outcome = Outcome(event["reason"], event["text"])
            return self.outcome.text
        return ""

    @property
    def fraction(self) -> float:
        """How much of the whole run is done, 0 to 1."""
        before = 0.0
        for name, share in self._shares.items():
            if name == self.stage:
                return (before + self._fraction * share) / sum(self._shares.values())
            before += share
        return 0.0

    @property
    def seconds_left(self) -> Optional[float]:
        """How long the rest may take if it goes on like this; None as long as nothing can be said."""
        elapsed = self._now() - self._began
        if self.fraction <= 0.0 or elapsed < MIN_SECONDS_TO_TELL:
            return None
        return elapsed * (1.0 - self.fraction) / self.fraction

    def died(self, exit_code: int, crashed: bool) -> Outcome:
        """How the run ended when the worker's process is over and had not told an end.

        Args:
            exit_code: The process's exit code.
            crashed: It did not end by itself.
        """
        how = (
            _("The worker process was ended from outside or crashed (perhaps the memory ran out)")
            if crashed
            else _("The worker process ended unexpectedly (exit code {code})").format(code=exit_code)
        )
        stage = stage_name(self.stage)
        where = _("at the stage '{stage}'").format(stage=stage) if stage else _("before it began")
        rest = _("The log says more; your data in Slicer is untouched.")
        return Outcome("died", f"{how} {where}. {rest}")


def _is_shares(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(share, (int, float)) and share >= 0 for share in value.values())
        and sum(value.values()) > 0
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == value  # not a number: not a number


_FIELDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "started": {"pid": lambda value: isinstance(value, int)},
    "ready": {"devices": lambda value: isinstance(value, list) and all(map(_is_text, value))},
    "begun": {"stages": _is_shares},
    "stage": {"stage": lambda value: _is_text(value) and value != ""},
    "progress": {"fraction": _is_number},
    "message": {"text": _is_text},
    "done": {},
    "failed": {"reason": _is_text, "text": _is_text},
}


def _event(line: str) -> Optional[Event]:
    """A line as an event; None if it is none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        return None
    fits = all(is_valid(event.get(name)) for name, is_valid in _FIELDS[kind].items())
    return event if fits else None
