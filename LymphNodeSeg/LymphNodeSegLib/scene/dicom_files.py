"""The DICOM files that a volume of the scene was loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable

from ..errors import InputError

if TYPE_CHECKING:
    import slicer

INSTANCES_ATTRIBUTE = "DICOM.instanceUIDs"
"""Where Slicer keeps which DICOM instances a volume was loaded from, in the order of its slices."""

_known: dict[tuple[str, ...], tuple[str, ...]] = {}


def dicom_files(node: slicer.vtkMRMLVolumeNode, file_of_instance: Callable[[str], str]) -> tuple[Path, ...]:
    """The original files of a volume.

    Args:
        node: The volume.
        file_of_instance: Gives the file of a SOP instance UID in Slicer's DICOM database, "" if it has none.

    Raises:
        InputError: the volume was not loaded from DICOM, or its files are gone.
    """
    uids = tuple((node.GetAttribute(INSTANCES_ATTRIBUTE) or "").split())
    for names in (_in_database(uids, file_of_instance), _loaded_from(node)):
        files = tuple(Path(name) for name in names if name)
        if files and len(files) == len(names) and all(map(_is_dicom, files)):
            return files
    name = node.GetName()
    if uids:
        raise InputError(
            f"The DICOM files of '{name}' are not in Slicer's DICOM database: import the study there."
        )
    raise InputError(f"'{name}' was not loaded from DICOM: only table and report can be exported.")


def _in_database(uids: tuple[str, ...], file_of_instance: Callable[[str], str]) -> tuple[str, ...]:
    """The files of a series, in the order of its instances.

    Where all were found once, the first of them is asked for only: each question takes a tenth of a
    millisecond, and the panel asks whenever something was chosen.
    """
    known = _known.get(uids)
    if known is not None and known[0] == file_of_instance(uids[0]):
        return known
    names = tuple(file_of_instance(uid) for uid in uids)
    if names and all(names):
        _known[uids] = names
    return names


def _loaded_from(node: slicer.vtkMRMLVolumeNode) -> tuple[str, ...]:
    """The files of a series that was loaded as files, without the database."""
    storage = node.GetStorageNode()
    if storage is None or not storage.GetFileName():
        return ()
    count = storage.GetNumberOfFileNames()
    return tuple(dict.fromkeys([storage.GetFileName(), *map(storage.GetNthFileName, range(count))]))


def _is_dicom(path: Path) -> bool:
    """PS3.10 7.1: 128 bytes, then DICM."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
