"""The process that writes exported files, as the panel sees it: started, followed, ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, ClassVar, Optional

import qt
from slicer.i18n import tr as _

from ..export_job import OUT, ExportJob, leave_job_steps
from .stepper import Stepper
from .temporary import new_folder
from .worker_process import MODULE_FOLDER, python_executable

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from LymphNodeSegLib.export_job import main; sys.exit(main(sys.argv[2]))"
)


class ExportProcess:
    """One export in a process of its own. Never blocks; calls back on the GUI thread.

    Args:
        on_end: Called once, with what went wrong (empty: nothing) and the folder of the files, which is
            removed after it.
    """

    # Keeps a process until the system has ended it, also when nobody waits for it any more.
    _alive: ClassVar[set[ExportProcess]] = set()

    def __init__(self, on_end: Callable[[str, Path], None]) -> None:
        self._on_end = on_end
        self._ended = False
        self._process = qt.QProcess()
        self._folder = new_folder()
        self._handing_over: Optional[Stepper] = None

    def start(self, job: ExportJob) -> None:
        """Begin to write.

        Raises:
            OSError: there is no Python to run on.
        """
        try:
            executable = python_executable()
        except Exception:
            self._remove_folder()
            raise
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._alive.add(self)

        def go(_value: object, error: Optional[Exception]) -> None:
            if error is None:
                self._process.start(executable, ["-c", PROGRAM, str(MODULE_FOLDER), str(self._folder)])
                return
            self._let_go()
            self._end(_("The images could not be handed over: {error}").format(error=error))

        self._handing_over = Stepper(leave_job_steps(job, self._folder), go)

    def cancel(self) -> None:
        """End it now; nothing has come into the user's folder."""
        if not self._ended:
            if self._handing_over is not None:
                self._handing_over.stop()
            if self._process.state() == qt.QProcess.NotRunning:
                self._let_go()
            # Its folder goes, so that a Python that outlives its launcher has nowhere to write.
            self._process.kill()
            self._end(_("Cancelled: nothing was written."))

    @classmethod
    def cancel_all(cls) -> None:
        """End all that are on: Slicer closes."""
        for process in list(cls._alive):
            process.cancel()

    def _on_error(self, error: object) -> None:
        # A process that crashes also finishes; one that could not be started does not.
        if error == qt.QProcess.FailedToStart:
            self._let_go()
            self._end(_("Slicer's Python could not be started: see Slicer's error log."))

    def _on_finished(self, *_args: object) -> None:
        self._let_go()
        self._end(_problem(self._process))

    def _let_go(self) -> None:
        # Not at once: Qt is still in a function of the process that would be destroyed.
        qt.QTimer.singleShot(0, lambda: self._alive.discard(self))

    def _end(self, problem: str) -> None:
        try:
            if not self._ended:
                self._ended = True
                self._on_end(problem, self._folder / OUT)
        finally:
            self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _problem(process: Any) -> str:
    """What a process that has ended says went wrong; empty if nothing did."""
    output = bytes(process.readAllStandardOutput().data()).decode("utf-8", errors="replace")
    errors = bytes(process.readAllStandardError().data()).decode("utf-8", errors="replace").strip()
    try:
        return str(json.loads(output.strip().rsplit("\n", 1)[-1])["text"])
    except (ValueError, KeyError, TypeError):
        last = errors.rsplit("\n", 1)[-1]
        return _("The export ended unexpectedly. {error}").format(error=last).strip()
