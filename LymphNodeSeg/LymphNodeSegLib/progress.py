"""How a long computation tells what it is doing, and learns that it should stop."""

from __future__ import annotations

import json
from typing import Any, Callable, Protocol, TextIO

from .errors import Cancelled


class Progress(Protocol):
    """Receives progress of one run; handed down from the command line or the panel's worker."""

    def stage(self, name: str) -> None:
        """A new stage of the run begins ("Reading images", "Registering DWI to T2", ...)."""

    def fraction(self, done: float) -> None:
        """How much of the current stage is done, 0 to 1.

        Raises:
            Cancelled: the user asked to stop.
        """

    def message(self, text: str) -> None:
        """One line that the user should read (a fall-back taken, a warning)."""


class Silent:
    """Progress that nobody watches; the default everywhere."""

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""

    def message(self, text: str) -> None:
        """See `Progress.message`."""


class Part:
    """A share of another progress's stage, so that a step can count its own work from 0 to 1."""

    def __init__(self, whole: Progress, start: float, end: float) -> None:
        self._whole, self._start, self._end = whole, start, end

    def stage(self, name: str) -> None:
        """See `Progress.stage`; a part belongs to its whole's stage, so the name is not passed on."""

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""
        self._whole.fraction(self._start + (self._end - self._start) * min(max(done, 0.0), 1.0))

    def message(self, text: str) -> None:
        """See `Progress.message`."""
        self._whole.message(text)


class JsonLines:
    """Progress for programs: one JSON object a line, flushed at once.

    Lines: ``{"event": "stage", "stage": name}``, ``{"event": "progress", "stage": name, "fraction": 0..1}``,
    ``{"event": "message", "text": line}``. A run's last line is written by its caller with `event`.

    Args:
        stream: Where the lines go.
        cancelled: Asked at every step; True ends the run.
    """

    MIN_STEP = 0.01

    def __init__(self, stream: TextIO, cancelled: Callable[[], bool]) -> None:
        self._stream, self._cancelled = stream, cancelled
        self._stage, self._last = "", 0.0

    def event(self, kind: str, **values: Any) -> None:
        """Write one line."""
        self._stream.write(json.dumps({"event": kind, **values}) + "\n")
        self._stream.flush()

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        raise_if(self._cancelled)
        self._stage, self._last = name, 0.0
        self.event("stage", stage=name)

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""
        raise_if(self._cancelled)
        if done - self._last >= self.MIN_STEP or done >= 1.0 > self._last:
            self._last = done
            self.event("progress", stage=self._stage, fraction=round(done, 3))

    def message(self, text: str) -> None:
        """See `Progress.message`."""
        self.event("message", text=text)


class Quiet(Silent):
    """Shows nothing, but can be cancelled.

    Args:
        cancelled: Asked at every step; True ends the run.
    """

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        raise_if(self._cancelled)

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""
        raise_if(self._cancelled)


def raise_if(cancelled: Callable[[], bool]) -> None:
    """End the run if the user asked for it.

    Raises:
        Cancelled: the user did.
    """
    if cancelled():
        raise Cancelled("Cancelled.")
