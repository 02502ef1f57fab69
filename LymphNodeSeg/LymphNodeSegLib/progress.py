"""How a long computation tells what it is doing, and learns that it should stop."""

from __future__ import annotations

from typing import Callable, Protocol


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


ProgressFunction = Callable[[float], None]
