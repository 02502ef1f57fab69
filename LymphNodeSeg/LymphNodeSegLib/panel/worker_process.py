"""The worker process as the panel sees it: started when needed, kept warm, ended at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Callable, ClassVar, Optional

import qt

from ..scene.session import in_slicer
from .run_state import Event, LineReader

MODULE_FOLDER = Path(__file__).resolve().parents[2]
# One line, and the folder as an argument: quoting is a launcher's weak spot.
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from LymphNodeSegLib.worker import main; sys.exit(main())"
)
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL, and its SIGTERM is one


def python_executable() -> str:
    """The Python to run the worker on: PythonSlicer inside Slicer, else this one.

    Raises:
        FileNotFoundError: Slicer's own Python is not where it should be.
    """
    found = shutil.which("PythonSlicer") if in_slicer() else sys.executable
    if not found:
        raise FileNotFoundError("PythonSlicer was not found beside Slicer: install Slicer again.")
    return found


class WorkerProcess:
    """A process that takes job after job. Never blocks; calls back on the GUI thread.

    Args:
        on_event: Called with each event that it tells (see `worker`).
        on_death: Called when it ended without having been asked: with its exit code, and whether it crashed.

    Attributes:
        devices: Where a network can run; empty as long as it is not known.
    """

    # Keeps a process until the system has ended it, also when nobody waits for it any more.
    alive: ClassVar[set[_Process]] = set()

    def __init__(self, on_event: Callable[[Event], None], on_death: Callable[[int, bool], None]) -> None:
        self._on_event, self._on_death = on_event, on_death
        self._process: Optional[_Process] = None
        self.devices: Sequence[str] = ()

    @property
    def pid(self) -> Optional[int]:
        """Of the process that computes, not of its launcher; None as long as it has not told."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin to warm up, unless that is done.

        Raises:
            FileNotFoundError: there is no Python to run on.
        """
        if self._process is None:
            self._process = _Process(python_executable(), self._take, self._died)

    def submit(self, folder: Path) -> None:
        """Have the job in a folder done.

        Raises:
            FileNotFoundError: there is no Python to run on.
        """
        self.start()
        assert self._process is not None
        self._process.write(json.dumps({"job": str(folder)}) + "\n")

    def stop(self) -> None:
        """End it now; nothing is called back. The next job begins in a fresh one."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()

    def _take(self, process: _Process, event: Event) -> None:
        if process is not self._process:
            return
        if event["event"] == "ready":
            self.devices = tuple(event["devices"])
        self._on_event(event)

    def _died(self, process: _Process, exit_code: int, crashed: bool) -> None:
        if process is self._process:
            self._process = None
            self._on_death(exit_code, crashed)


class _Process:
    """One process, from its start to its end."""

    def __init__(
        self,
        executable: str,
        on_event: Callable[[_Process, Event], None],
        on_end: Callable[[_Process, int, bool], None],
    ) -> None:
        self._on_event, self._on_end = on_event, on_end
        self._lines = LineReader()
        self._killed = False
        self.pid: Optional[int] = None
        self._qt = qt.QProcess()
        self._qt.readyReadStandardOutput.connect(self._read_output)
        self._qt.readyReadStandardError.connect(self._read_errors)
        self._qt.finished.connect(self._on_finished)
        self._qt.errorOccurred.connect(self._on_error)
        WorkerProcess.alive.add(self)
        self._qt.start(executable, ["-c", PROGRAM, str(MODULE_FOLDER)])

    def write(self, text: str) -> None:
        self._qt.write(qt.QByteArray(text.encode("utf-8")))

    def kill(self) -> None:
        """End the process and the worker in it; a worker that has not told its pid ends with its input."""
        self._killed = True
        self._qt.closeWriteChannel()
        # PythonSlicer is a launcher: the Python that it launched would survive it.
        if self.pid is not None:
            with suppress(OSError):  # it has ended by itself
                os.kill(self.pid, KILL)
        self._qt.kill()

    def _read_output(self) -> None:
        for event in self._lines.feed(bytes(self._qt.readAllStandardOutput().data())):
            if event["event"] == "started":
                self.pid = event["pid"]
            self._on_event(self, event)
        if self._killed and self.pid is not None:
            with suppress(OSError):  # it told its pid only after it was to end
                os.kill(self.pid, KILL)

    def _read_errors(self) -> None:
        text = bytes(self._qt.readAllStandardError().data()).decode("utf-8", errors="replace")
        for line in text.splitlines():
            if line.strip():
                self._on_event(self, {"event": "message", "text": line.rstrip()})

    def _on_error(self, error: object) -> None:
        # A process that crashes also finishes; one that could not be started does not.
        if error == qt.QProcess.FailedToStart:
            self._let_go()
            self._on_end(self, -1, False)

    def _on_finished(self, *_: object) -> None:
        self._let_go()
        self._read_errors()
        self._read_output()
        self._on_end(self, self._qt.exitCode(), self._qt.exitStatus() == qt.QProcess.CrashExit)

    def _let_go(self) -> None:
        # Not at once: Qt is still in a function of the process that would be destroyed.
        qt.QTimer.singleShot(0, lambda: WorkerProcess.alive.discard(self))
