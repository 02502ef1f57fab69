"""The process that computes for the panel, so that Slicer stays usable and outlives it.

Started as ``main(folder)`` on PythonSlicer. Reads the job that `worker_files.write_request` left in the
folder, runs the same pipeline as the command line, and leaves the result there. Tells its progress on
standard output in the lines of `progress.JsonLines`, begun by
``{"event": "started", "pid": .., "stages": [..]}`` and ended by ``{"event": "done", "nodes": ..}`` or
``{"event": "failed", "reason": "input"|"cancelled"|"memory"|"missing"|"defect", "text": ..}``.
When its standard input ends (the user cancelled, or Slicer is gone), so does it, and the folder with the
images goes too.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .errors import Cancelled, InputError
from .exit_codes import CANCELLED, DEFECT, DONE, UNUSABLE
from .progress import JsonLines

if TYPE_CHECKING:
    from .job import Job, Reading

SECONDS_TO_STOP = 2.0


def main(folder: str) -> int:
    """Run the job in a folder.

    Returns:
        The exit code, as the command line's.
    """
    lines = sys.stdout
    # A library's chatter must not end up between the lines of progress.
    sys.stdout = sys.stderr
    cancelled = threading.Event()
    end_with_input = threading.Thread(
        target=_end_with_input, args=(sys.stdin.fileno(), cancelled, Path(folder)), daemon=True
    )
    end_with_input.start()
    code = run(Path(folder), lines, cancelled)
    if cancelled.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


def run(folder: Path, stream: TextIO, cancelled: threading.Event) -> int:
    """Run the job in a folder and tell about it on a stream; see the module."""
    lines = JsonLines(stream, cancelled.is_set)
    try:
        from .pipeline import STAGES, WRITE
        from .worker_files import read_request, write_result

        lines.event("started", pid=os.getpid(), stages=STAGES)
        reading = _compute(read_request(folder), lines)
        lines.stage(WRITE)
        write_result(folder, reading)
    except InputError as error:
        return _failed(lines, "input", str(error), UNUSABLE)
    except Cancelled:
        return _failed(lines, "cancelled", "Cancelled.", CANCELLED)
    except MemoryError:
        text = "Not enough memory for these images: close other programs, or crop the images."
        return _failed(lines, "memory", text, UNUSABLE)
    except ModuleNotFoundError as error:
        traceback.print_exc()
        text = f"The Python package '{error.name}' is not installed."
        return _failed(lines, "missing", text, UNUSABLE)
    except Exception as error:
        traceback.print_exc()
        return _failed(lines, "defect", f"{type(error).__name__}: {error}", DEFECT)
    lines.event("done", nodes=len(reading.nodes))
    return DONE


def _compute(job: Job, lines: JsonLines) -> Reading:
    from .pipeline import READ, Stopwatch, read, read_study

    watch = Stopwatch(lines)
    watch.stage(READ)
    return read(read_study(job, watch), job.settings, watch)


def _failed(lines: JsonLines, reason: str, text: str, code: int) -> int:
    lines.event("failed", reason=reason, text=" ".join(text.split()))
    return code


def _end_with_input(descriptor: int, cancelled: threading.Event, folder: Path) -> None:
    """Wait until standard input ends, ask the run to stop, and end the process if it does not."""
    # Not through sys.stdin: its lock, held by a daemon thread, would abort the interpreter's shutdown.
    while os.read(descriptor, 1):
        pass
    cancelled.set()
    threading.Event().wait(SECONDS_TO_STOP)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(CANCELLED)
