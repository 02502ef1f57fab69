"""The process that computes for the panel, so that Slicer stays usable and outlives it.

Started as ``main()`` on PythonSlicer, it stays for run after run, with its imports done and its network
loaded. Reads jobs from standard input, one JSON line each: ``{"job": folder}``, a folder in which
`worker_files.write_request_steps` left a request; runs the same pipeline as the command line, and leaves the
result there. Tells on standard output, in the lines of `progress.JsonLines`:
``{"event": "started", "pid": ..}`` at once; ``{"event": "ready", "devices": [..]}`` when it is warm; for each
job ``{"event": "begun", "stages": {name: share of the time}}``, its progress, and in the end
``{"event": "done", "nodes": ..}`` or
``{"event": "failed", "reason": "input"|"memory"|"missing"|"defect", "text": ..}``.

When its standard input ends (Slicer is gone, or wants it gone), so does it, and the folder of the job that
was on goes too. After a defect or without memory it ends as well: the next run begins in a fresh one.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, TextIO

from .errors import InputError
from .exit_codes import CANCELLED, DEFECT, DONE, UNUSABLE
from .progress import JsonLines

if TYPE_CHECKING:
    from .job import Reading
    from .worker_files import Request

# Share of each stage in the time of a run, as measured on one patient; after a run, its own.
SHARES = {
    "Reading images": 0.02,
    "Registering DWI to T2": 0.55,
    "Finding lymph nodes": 0.2,
    "Separating and measuring": 0.2,
    "Writing results": 0.03,
}
NO_MEMORY = "Not enough memory for these images: close other programs, or crop the images."


def main() -> int:
    """Run jobs until standard input ends.

    Returns:
        The exit code, as the command line's.
    """
    # Before NumPy is imported. Its library's threads gain nothing on our small matrices; where other programs
    # want the processors too, waiting for them made measuring take four times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    lines = JsonLines(_own_output(), lambda: False)
    lines.event("started", pid=os.getpid())
    jobs = Jobs(sys.stdin.fileno())
    jobs.start()
    lines.event("ready", devices=_warm_up())
    while True:
        code = run(jobs.next(), lines)
        jobs.current = None
        if code in (DEFECT, CANCELLED):
            return code


class Jobs(threading.Thread):
    """Listens to standard input, and ends the process when it ends, whatever the process is doing.

    Attributes:
        current: The folder of the job that is on.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._waiting: queue.Queue[Path] = queue.Queue()
        self.current: Optional[Path] = None

    def next(self) -> Path:
        """Wait for a job."""
        self.current = self._waiting.get()
        return self.current

    def run(self) -> None:
        """See the class."""
        # Not through sys.stdin: its lock, held by a daemon thread, would abort the interpreter's shutdown.
        partial = b""
        while True:
            data = os.read(self._descriptor, 65536)
            if not data:
                break
            *lines, partial = (partial + data).split(b"\n")
            for line in lines:
                self._waiting.put(Path(json.loads(line)["job"]))
        while not self._waiting.empty():
            shutil.rmtree(self._waiting.get(), ignore_errors=True)
        if self.current is not None:
            shutil.rmtree(self.current, ignore_errors=True)
        os._exit(CANCELLED)


def run(folder: Path, lines: JsonLines) -> int:
    """Run the job in a folder and tell about it; see the module.

    Returns:
        What the exit code would be if this was all; `DEFECT` and `CANCELLED` ask for a fresh process.
    """
    try:
        from .pipeline import WRITE
        from .worker_files import read_request, write_result

        lines.event("begun", stages=SHARES)
        reading = _compute(read_request(folder), lines)
        lines.stage(WRITE)
        write_result(folder, reading)
    except InputError as error:
        return _failed(lines, "input", str(error), UNUSABLE)
    except MemoryError:
        return _failed(lines, "memory", NO_MEMORY, DEFECT)
    except ModuleNotFoundError as error:
        traceback.print_exc()
        text = f"The Python package '{error.name}' is not installed."
        return _failed(lines, "missing", text, DEFECT)
    except Exception as error:
        traceback.print_exc()
        if _is_out_of_memory(error):
            return _failed(lines, "memory", NO_MEMORY, DEFECT)
        return _failed(lines, "defect", f"{type(error).__name__}: {error}", DEFECT)
    SHARES.update(reading.seconds)
    lines.event("done", nodes=len(reading.nodes))
    return DONE


def _compute(request: Request, lines: JsonLines) -> Reading:
    from .images.study import study_of
    from .pipeline import READ, Stopwatch, read

    watch = Stopwatch(lines)
    watch.stage(READ)
    study = study_of(request.t2, request.dwi_series, request.chosen, request.adc)
    return read(study, request.settings, watch)


def _warm_up() -> list[str]:
    """Import what a run needs, so that the first one is quicker too.

    Returns:
        The devices that a network can run on; empty without PyTorch.
    """
    try:
        import SimpleITK  # noqa: F401

        from . import pipeline  # noqa: F401
        from .network.inference import devices

        return devices()
    except ImportError:
        return []  # told when a job comes


def _is_out_of_memory(error: Exception) -> bool:
    """PyTorch and ITK have words of their own for a MemoryError."""
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "allocate memory", "bad_alloc", "bad allocation"))


def _failed(lines: JsonLines, reason: str, text: str, code: int) -> int:
    lines.event("failed", reason=reason, text=" ".join(text.split()))
    return code


def _own_output() -> TextIO:
    """Standard output for our lines alone: what libraries print, in C too, goes to standard error."""
    ours: Any = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return ours  # type: ignore[no-any-return]
