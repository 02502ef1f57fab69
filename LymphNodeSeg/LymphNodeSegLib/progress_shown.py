"""Progress of a command as the user wants to see it, and how a command is cancelled."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from .progress import JsonLines, Progress, Quiet


class ProgressKind(str, Enum):
    """How progress is shown."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


@contextmanager
def shown(kind: ProgressKind) -> Iterator[Progress]:
    """Progress as the user wants it; Ctrl-C or SIGTERM ends the run at its next step, a second at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if kind is ProgressKind.BAR:
            from .console import TerminalBar

            with TerminalBar(lambda: asked) as bar:
                yield bar
        else:
            yield JsonLines(sys.stdout, lambda: asked) if kind is ProgressKind.JSON else Quiet(lambda: asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
