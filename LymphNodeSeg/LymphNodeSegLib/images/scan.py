"""Every slice of a folder, with what was passed over and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..progress import Progress
from .headers import Slice
from .reader import NotDicomError, read_slices


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Attributes:
        slices: The image planes of all DICOM files.
        files: Number of files looked at.
        foreign: Number of files that are no DICOM.
        unreadable: Number of DICOM files that could not be read.
    """

    slices: tuple[Slice, ...]
    files: int
    foreign: int
    unreadable: int


def scan_folder(folder: Path, progress: Progress) -> Scan:
    """Read the headers of all files of a folder and its subfolders, in any order.

    Raises:
        InputError: no such folder, or no DICOM image in it.
        Cancelled: the user asked to stop.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"'{folder}' {what}: give the folder of a DICOM study.")
    files = sorted(_files(folder))
    if not files:
        raise InputError(f"The folder '{folder}' is empty: give the folder of a DICOM study.")
    slices: list[Slice] = []
    foreign = unreadable = 0
    for count, path in enumerate(files):
        progress.fraction(count / len(files))
        try:
            slices += read_slices(path)
        except NotDicomError:
            foreign += 1
        except Exception:  # pydicom raises nearly anything on a broken file.
            unreadable += 1
    progress.fraction(1.0)
    if not slices:
        raise InputError(_nothing(folder, len(files), unreadable))
    return Scan(tuple(slices), len(files), foreign, unreadable)


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(where, name) for name in names if not name.startswith("."))


def _nothing(folder: Path, files: int, unreadable: int) -> str:
    broken = f" ({unreadable} of them DICOM that cannot be read)" if unreadable else ""
    return (
        f"None of the {files} files in '{folder}'{broken} is a DICOM image: give the folder of a DICOM study."
    )
