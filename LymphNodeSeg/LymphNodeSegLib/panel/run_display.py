"""What the section "Run" shows while a run is on."""

from __future__ import annotations

from typing import Any, Optional

import qt

from . import texts
from .run_state import RunState
from .section import say

UPDATE_MS = 200
"""All of Slicer's window is put together anew for each move of the bar."""


class RunDisplay:
    """Uses the bar, the message and the log of ``LymphNodeSeg.ui``.

    Args:
        ui: The widgets by their object names.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._state: Optional[RunState] = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._update)
        self.tell("")
        ui.progressBar.setVisible(False)

    def begin(self) -> None:
        """A run begins."""
        self._ui.logText.clear()
        self._ui.progressBar.setValue(0)
        self._ui.progressBar.setFormat("")
        self._ui.progressBar.setVisible(True)

    def show(self, state: RunState, line: str) -> None:
        """Show how far a run is, soon, and a line of its log, at once."""
        if line:
            self._ui.logText.appendPlainText(line)
        self._state = state
        if not self._timer.isActive():
            self._timer.start(UPDATE_MS)

    def end(self, text: str) -> None:
        """The run is over.

        Args:
            text: What to say; may be empty.
        """
        self._timer.stop()
        self._ui.progressBar.setVisible(False)
        self.tell(text)

    def tell(self, text: str) -> None:
        """Say something below the button."""
        say(self._ui.messageLabel, text)
        self._ui.messageLabel.setVisible(bool(text))

    def _update(self) -> None:
        assert self._state is not None
        bar = self._ui.progressBar
        bar.setUpdatesEnabled(False)  # it would be painted at once, and the text once more
        bar.setValue(round(100 * self._state.fraction))
        bar.setFormat(texts.progress_line(self._state))  # in a label, it would have the panel laid out anew
        bar.setUpdatesEnabled(True)
