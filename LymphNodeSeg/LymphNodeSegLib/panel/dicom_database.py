"""Slicer's DICOM database, which may be closed, or missing where Slicer was built without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..errors import InputError


def file_of_instance(uid: str) -> str:
    """The file of a SOP instance UID; "" if there is none."""
    database = _database()
    return str(database.fileForInstance(uid)) if database is not None else ""


def require_database() -> None:
    """Make sure that it is open.

    Raises:
        InputError: it is not.
    """
    if _database() is None:
        raise InputError(
            _("Slicer's DICOM database is not open: open the module DICOM once, then try again.")
        )


def copy_into_database(folder: Path) -> None:
    """Copy the DICOM files of a folder into the database.

    Raises:
        InputError: it is not open, or does not take them.
    """
    from DICOMLib import DICOMUtils

    require_database()
    if not DICOMUtils.importDicom(str(folder), _database(), copyFiles=True):
        raise InputError(_("The DICOM files could not be put into Slicer's DICOM database."))


def _database() -> Any:
    database = getattr(slicer, "dicomDatabase", None)
    return database if database is not None and database.isOpen else None
