"""Progress on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Callable, Optional

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .progress import raise_if


class TerminalBar:
    """One line per stage with a bar, on standard error; plain lines where there is no terminal.

    Args:
        cancelled: Asked at every step; True ends the run.
    """

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task: Optional[TaskID] = None

    def __enter__(self) -> TerminalBar:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if kind is None:
            self._finish_stage()
        self._bars.stop()

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        raise_if(self._cancelled)
        self._finish_stage()
        self._task = self._bars.add_task(name, total=1.0)

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""
        raise_if(self._cancelled)
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def message(self, text: str) -> None:
        """See `Progress.message`."""
        self._console.print(text, style="yellow", markup=False, highlight=False)

    def _finish_stage(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1.0)
            self._bars.stop_task(self._task)
