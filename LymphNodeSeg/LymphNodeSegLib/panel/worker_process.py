"""The worker process as the panel sees it: started, followed, ended."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Callable, ClassVar, Optional

import qt

from ..images.image import Image
from ..scene.session import in_slicer
from ..settings import Settings
from ..worker_files import write_request
from .run_state import Outcome, RunState

MODULE_FOLDER = Path(__file__).resolve().parents[2]
# One line, and the folders as arguments: quoting is a launcher's weak spot.
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from LymphNodeSegLib.worker import main; sys.exit(main(sys.argv[2]))"
)


def python_executable() -> str:
    """The Python to run the worker on: PythonSlicer inside Slicer, else this one.

    Raises:
        FileNotFoundError: Slicer's own Python is not where it should be.
    """
    found = shutil.which("PythonSlicer") if in_slicer() else sys.executable
    if not found:
        raise FileNotFoundError("PythonSlicer was not found beside Slicer.")
    return found


class WorkerProcess:
    """One run in a process of its own. Never blocks; calls back on the GUI thread.

    Args:
        on_change: Called with the run's state and new lines of its log whenever something happened.
        on_end: Called once, with the outcome and the folder of the result, which is removed after it.
    """

    # Keeps a process until the system has ended it, also when nobody waits for it any more.
    _alive: ClassVar[set[WorkerProcess]] = set()

    def __init__(
        self,
        on_change: Callable[[RunState, list[str]], None],
        on_end: Callable[[Outcome, Path], None],
    ) -> None:
        self._on_change, self._on_end = on_change, on_end
        self._ended = False
        self.state = RunState()
        self.process = qt.QProcess()
        self.folder = Path(tempfile.mkdtemp(prefix="lymphnodeseg-"))

    def start(self, t2: Image, dwi: Image, adc: Optional[Image], settings: Settings) -> None:
        """Begin the run.

        Raises:
            OSError, RuntimeError: the images could not be handed over, or there is no Python to run on.
        """
        try:
            write_request(self.folder, t2, dwi, adc, settings)
            executable = python_executable()
        except Exception:
            self._remove_folder()
            raise
        self.process.readyReadStandardOutput.connect(self._read_output)
        self.process.readyReadStandardError.connect(self._read_errors)
        self.process.finished.connect(self._on_finished)
        self.process.errorOccurred.connect(self._on_error)
        self._alive.add(self)
        self.process.start(executable, ["-c", PROGRAM, str(MODULE_FOLDER), str(self.folder)])

    def cancel(self) -> None:
        """End the run now: `on_end` is called before this returns."""
        if not self._ended:
            self._kill()
            self._end(Outcome(False, "cancelled", "Cancelled."))

    def _read_output(self) -> None:
        lines = self.state.feed(bytes(self.process.readAllStandardOutput().data()))
        if not self._ended:
            self._on_change(self.state, lines)

    def _read_errors(self) -> None:
        text = bytes(self.process.readAllStandardError().data()).decode("utf-8", errors="replace")
        if text.strip() and not self._ended:
            self._on_change(self.state, text.rstrip().split("\n"))

    def _on_error(self, error: object) -> None:
        # A process that crashes also finishes; one that could not be started does not.
        if error == qt.QProcess.FailedToStart:
            self._alive.discard(self)
            self._end(Outcome(False, "died", "Slicer's Python could not be started: see Slicer's error log."))

    def _on_finished(self, *_: object) -> None:
        self._alive.discard(self)
        self._read_output()
        self._read_errors()
        crashed = self.process.exitStatus() == qt.QProcess.CrashExit
        self._end(self.state.end(self.process.exitCode(), crashed))

    def _end(self, outcome: Outcome) -> None:
        try:
            if not self._ended:
                self._ended = True
                self._on_end(outcome, self.folder)
        finally:
            self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self) -> None:
        """End the process and the worker in it; a worker that has not told its pid ends with its input."""
        self.process.closeWriteChannel()
        # PythonSlicer is a launcher: the Python that it launched would survive it.
        if self.state.pid is not None:
            with suppress(OSError):  # it has ended by itself
                os.kill(self.state.pid, signal.SIGTERM)
        self.process.kill()
