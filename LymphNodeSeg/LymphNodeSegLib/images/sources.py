"""The files of a study, wherever they lie: a folder, a DICOMDIR, a .zip."""

from __future__ import annotations

import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..progress import Progress

WANTED = "give the folder, the DICOMDIR or the .zip of a DICOM study"
# Images shrink to a third or, where they are mostly empty, to a twentieth; a trap to a thousandth.
MOST_UNPACKED, MOST_PACKING = 1e9, 200
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
# The unpacked archive that was read last. Its files are needed for as long as results refer to them; it
# goes when another archive is read, and in any case when the process ends.
_unpacked: list[tempfile.TemporaryDirectory[str]] = []


def files_of(source: Path, progress: Progress) -> list[Path]:
    """The files to look at, sorted, hidden ones left out.

    Args:
        source: A folder (searched with its subfolders), a DICOMDIR file, or a .zip.
        progress: Told while an archive is unpacked.

    Raises:
        InputError: there is no such thing, or it is empty or damaged.
        Cancelled: the user asked to stop.
    """
    if source.is_dir():
        found = _in_folder(source)
        if not found:
            raise InputError(f"The folder '{source}' is empty: {WANTED}.")
        return found
    if not source.exists():
        raise InputError(f"'{source}' does not exist: {WANTED}.")
    if source.name.upper().startswith("DICOMDIR"):
        return _in_directory_file(source, progress)
    if zipfile.is_zipfile(source):
        return _in_archive(source, progress)
    raise InputError(f"'{source}' is a file: {WANTED}.")


def _in_folder(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(where, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def _in_directory_file(path: Path, progress: Progress) -> list[Path]:
    """The files that a DICOMDIR refers to; its names are in capitals, those on disk may not be."""
    import pydicom

    try:
        records = pydicom.dcmread(path).DirectoryRecordSequence
        named = [_parts(record) for record in records if "ReferencedFileID" in record]
    except Exception as reason:  # pydicom raises nearly anything on a broken file.
        raise InputError(f"The DICOMDIR '{path}' cannot be read: give its folder instead.") from reason
    on_disk = {_key(file.relative_to(path.parent).parts): file for file in _in_folder(path.parent)}
    keys = {_key(parts) for parts in named}
    found = sorted(on_disk[key] for key in keys if key in on_disk)
    if found and len(found) < len(keys):
        progress.message(f"{len(keys) - len(found)} of the {len(keys)} files of the DICOMDIR are missing.")
    if not found:
        raise InputError(
            f"None of the {len(keys)} files that the DICOMDIR '{path}' names is there: "
            "copy the whole disc, and give its folder."
        )
    return found


def _parts(record: Any) -> tuple[str, ...]:
    value = record.ReferencedFileID
    return (value,) if isinstance(value, str) else tuple(value)


def _key(parts: tuple[str, ...]) -> str:
    return "/".join(parts).lower()


def _in_archive(path: Path, progress: Progress) -> list[Path]:
    """Unpack a .zip into a folder of its own, which is gone when this raises."""
    while _unpacked:
        _unpacked.pop().cleanup()
    folder = tempfile.TemporaryDirectory(prefix="lymphnodeseg-")
    try:
        found = _unpack(path, Path(folder.name), progress)
    except BaseException:
        folder.cleanup()
        raise
    _unpacked.append(folder)
    return found


def _unpack(path: Path, target: Path, progress: Progress) -> list[Path]:
    """The files of an archive under plain numbers: their names may tell the patient's.

    Raises:
        InputError: the archive is empty, damaged, encrypted or larger than the disk.
    """
    found: list[Path] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not _is_passed_over(member)]
            size = sum(member.file_size for member in members)
            packed_size = sum(member.compress_size for member in members)
            if size > MOST_UNPACKED and size > MOST_PACKING * packed_size:
                raise InputError(
                    f"'{path}' claims to hold {size / 1e9:.1f} GB, far more than images can be packed to: "
                    f"this looks like a trap; {WANTED}."
                )
            if size > shutil.disk_usage(target).free:
                raise InputError(f"'{path}' unpacks to {size / 1e9:.1f} GB, more than the disk has room for.")
            for count, member in enumerate(members):
                progress.fraction(count / len(members))
                found.append(target / f"{count:06d}")
                with archive.open(member) as packed, found[-1].open("wb") as file:
                    shutil.copyfileobj(packed, file)
    except (*DAMAGED, RuntimeError, NotImplementedError) as reason:  # encrypted; a method Python lacks
        raise InputError(
            f"The archive '{path}' cannot be unpacked (damaged or encrypted): {WANTED}."
        ) from reason
    if not found:
        raise InputError(f"The archive '{path}' is empty: {WANTED}.")
    return found


def _is_passed_over(member: zipfile.ZipInfo) -> bool:
    parts = Path(member.filename).parts
    return member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in parts)
