"""Every slice of a study, from the headers of its files."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..progress import Part, Progress
from .headers import Slice
from .quiet import quietly
from .reader import NotDicomError, read_slices
from .sources import WANTED, files_of

UNPACKING = 0.3


def scan_folder(folder: Path, progress: Progress) -> tuple[Slice, ...]:
    """Read the headers of all files of a folder and its subfolders (or a DICOMDIR, or a .zip), in any order.

    Files that are no DICOM are passed over; broken ones too, which a message says.

    Raises:
        InputError: there is nothing there, or no DICOM image in it.
        Cancelled: the user asked to stop.
    """
    files = files_of(folder, Part(progress, 0.0, UNPACKING if folder.is_file() else 0.0))
    reading = Part(progress, UNPACKING if folder.is_file() else 0.0, 1.0)
    slices: list[Slice] = []
    unreadable = 0
    with quietly():
        for count, path in enumerate(files):
            reading.fraction(count / len(files))
            try:
                slices += read_slices(path)
            except NotDicomError:
                continue
            except Exception:  # pydicom raises nearly anything on a broken file.
                unreadable += 1
    reading.fraction(1.0)
    if unreadable and slices:
        files_are = (
            "1 DICOM file cannot be read and is"
            if unreadable == 1
            else f"{unreadable} DICOM files cannot be read and are"
        )
        progress.message(f"{files_are} left out.")
    if not slices:
        raise InputError(_nothing(folder, len(files), unreadable))
    return tuple(slices)


def _nothing(folder: Path, files: int, unreadable: int) -> str:
    broken = f" ({unreadable} of them DICOM that cannot be read)" if unreadable else ""
    return f"None of the {files} files in '{folder}'{broken} is a DICOM image: {WANTED}."
