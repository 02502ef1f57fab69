"""Long work on the GUI thread, a few milliseconds at a time."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Callable, Optional

import qt

SECONDS_AT_A_TIME = 0.01


class Stepper:
    """Takes the steps of a generator between the events of the window.

    Args:
        steps: The work, cut into steps of some milliseconds.
        on_end: Called once with what the steps returned and None, or with None and the exception they
            raised; not at all after `stop`.
    """

    def __init__(
        self,
        steps: Generator[None, None, Any],
        on_end: Callable[[Any, Optional[Exception]], None],
    ) -> None:
        self._steps, self._on_end = steps, on_end
        self._over = self._in_step = self._resting = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(0)

    def stop(self) -> None:
        """Take no further step; the steps may clean up."""
        if not self._over:
            self._finish()
            if not self._in_step:
                self._steps.close()

    def _go_on(self) -> None:
        # What the last steps set going (layout, painting) has a turn of the event loop to itself.
        self._resting = not self._resting
        if self._resting:
            self._timer.start(0)
            return
        until = time.monotonic() + SECONDS_AT_A_TIME
        try:
            while not self._over:
                self._in_step = True
                next(self._steps)
                self._in_step = False
                if time.monotonic() >= until:
                    break
        except StopIteration as end:
            self._finish()
            self._on_end(end.value, None)
        except Exception as error:
            self._finish()
            self._on_end(None, error)
        else:
            if self._over:  # stopped by what the step itself set going
                self._steps.close()
            else:
                self._timer.start(0)

    def _finish(self) -> None:
        self._over = True
        self._timer.stop()
