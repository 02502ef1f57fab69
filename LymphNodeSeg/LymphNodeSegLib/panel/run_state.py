"""What is known of a run from the lines that the worker writes; no Qt."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

MIN_SECONDS_TO_TELL = 2.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        done: The result is there.
        reason: "" when done; else "input", "cancelled", "memory", "missing", "defect" or "died".
        text: What the user should read; empty when done.
    """

    done: bool
    reason: str = ""
    text: str = ""


class RunState:
    """Follows one run; feed it the worker's output.

    Args:
        now: The clock, in seconds.

    Attributes:
        pid: The worker's process; None until it told.
        stage: What it is doing.
        log: What it said, line by line.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._stages: list[str] = []
        self._fraction = 0.0
        self._partial = b""
        self._outcome: Optional[Outcome] = None
        self.pid: Optional[int] = None
        self.stage = ""
        self.log: list[str] = []

    def feed(self, data: bytes) -> list[str]:
        """Take what came from standard output, in pieces of any size.

        Returns:
            New lines of the log.
        """
        *lines, self._partial = (self._partial + data).split(b"\n")
        before = len(self.log)
        for line in lines:
            self._take(line.decode("utf-8", errors="replace").strip())
        return self.log[before:]

    @property
    def fraction(self) -> float:
        """How much of the whole run is done, 0 to 1; each stage counts the same."""
        if self.stage not in self._stages:
            return 0.0
        return (self._stages.index(self.stage) + self._fraction) / len(self._stages)

    @property
    def seconds_left(self) -> Optional[float]:
        """How long the rest may take if it goes on like this; None as long as nothing can be said."""
        elapsed = self._now() - self._began
        if self.fraction <= 0.0 or elapsed < MIN_SECONDS_TO_TELL:
            return None
        return elapsed * (1.0 - self.fraction) / self.fraction

    def end(self, exit_code: int, crashed: bool) -> Outcome:
        """The worker's process is over.

        Args:
            exit_code: Its exit code.
            crashed: It did not end by itself.
        """
        if self._outcome is not None and not (self._outcome.done and (crashed or exit_code != 0)):
            return self._outcome
        how = (
            "was ended from outside or crashed" if crashed else f"ended unexpectedly (exit code {exit_code})"
        )
        where = f" while {self.stage[0].lower()}{self.stage[1:]}" if self.stage else " before it began"
        return Outcome(
            False, "died", f"The worker process {how}{where}. The log says more; Slicer's data is untouched."
        )

    def _take(self, line: str) -> None:
        event = _event(line)
        kind = event.get("event")
        if kind == "started":
            self.pid, self._stages = event["pid"], event["stages"]
        elif kind == "stage":
            self.stage, self._fraction = event["stage"], 0.0
            self.log.append(self.stage)
        elif kind == "progress":
            self._fraction = min(max(event["fraction"], 0.0), 1.0)
        elif kind == "message":
            self.log.append(event["text"])
        elif kind == "done":
            self._outcome = Outcome(True)
        elif kind == "failed":
            self._outcome = Outcome(False, event["reason"], event["text"])
            self.log.append(self._outcome.text)
        elif line:
            self.log.append(line)


_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "started": {"pid": (int,), "stages": (list,)},
    "stage": {"stage": (str,)},
    "progress": {"fraction": (int, float)},
    "message": {"text": (str,)},
    "done": {},
    "failed": {"reason": (str,), "text": (str,)},
}


def _event(line: str) -> dict[str, Any]:
    """A line as an event; anything that is none, such as a library's chatter, as an empty one."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        return {}
    fits = all(isinstance(event.get(name), types) for name, types in _FIELDS[kind].items())
    return event if fits else {}
