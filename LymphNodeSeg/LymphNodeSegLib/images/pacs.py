"""Studies from a PACS and results back to it, by DICOMweb (DICOM PS3.18: QIDO-RS, WADO-RS, STOW-RS)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..errors import Cancelled, InputError
from ..progress import Progress, Silent
from ..result_folder import ResultFolder
from .dicomweb import MALFORMED, connect, errors_told
from .quiet import quietly

AS_STORED = (("application/dicom", "*"),)
"""Whatever transfer syntax the server has, so that nothing is compressed or decompressed on the way."""

STUDY_UID, DATE, DESCRIPTION, MODALITIES = "0020000D", "00080020", "00081030", "00080061"
STUDY_SERIES, STUDY_INSTANCES = "00201206", "00201208"
SERIES_UID, SERIES_INSTANCES = "0020000E", "00201209"

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class FoundStudy:
    """A study on the server, without its patient.

    Attributes:
        study_uid: StudyInstanceUID.
        date: YYYYMMDD, or empty.
        description: StudyDescription.
        modalities: Of its series ("MR", "RTSTRUCT", ...).
        series, instances: How many it has; None if the server does not tell.
    """

    study_uid: str
    date: str
    description: str
    modalities: tuple[str, ...]
    series: Optional[int]
    instances: Optional[int]


def find_studies(
    url: str, *, patient_id: str = "", study_date: str = "", modality: str = "MR", limit: int = 100
) -> list[FoundStudy]:
    """Ask a server for studies, latest first.

    Args:
        url: Root of its DICOMweb service, such as http://localhost:8042/dicom-web.
        patient_id: PatientID; empty for any.
        study_date: YYYYMMDD, or a range YYYYMMDD-YYYYMMDD; empty for any.
        modality: That at least one series must have; empty for any.
        limit: The most studies to ask for.

    Raises:
        InputError: the server cannot be asked.
    """
    if study_date and not re.fullmatch(r"\d{8}|\d{8}-(\d{8})?|-\d{8}", study_date):
        raise InputError(f"{study_date} is no date: give YYYYMMDD, or a range YYYYMMDD-YYYYMMDD.")
    asked = {"PatientID": patient_id, "StudyDate": study_date, "ModalitiesInStudy": modality}
    with errors_told(url):
        answers = connect(url).search_for_studies(
            search_filters={name: value for name, value in asked.items() if value},
            fields=[DESCRIPTION, MODALITIES, STUDY_SERIES, STUDY_INSTANCES],
            limit=limit,
        )
        found = [
            FoundStudy(
                study_uid=str(answer[STUDY_UID]["Value"][0]),
                date=str(_first(answer, DATE) or ""),
                description=str(_first(answer, DESCRIPTION) or ""),
                modalities=tuple(map(str, answer.get(MODALITIES, {}).get("Value", ()))),
                series=_count(answer, STUDY_SERIES),
                instances=_count(answer, STUDY_INSTANCES),
            )
            for answer in answers
        ]
    return sorted(found, key=lambda study: study.date, reverse=True)


def retrieve_study(url: str, study_uid: str, folder: Path, progress: Optional[Progress] = None) -> int:
    """Copy all instances of a study into a folder, which appears complete or not at all.

    One instance is held in memory at a time. The files are numbered, as UIDs from a server are no safe names.

    Args:
        url: Root of the DICOMweb service.
        study_uid: StudyInstanceUID.
        folder: To make; it may exist if it is empty.
        progress: Told after each instance.

    Returns:
        The number of instances.

    Raises:
        InputError: the study cannot be had, or the folder cannot be written.
        Cancelled: the user asked to stop.
    """
    progress = progress or Silent()
    if not re.fullmatch(r"[0-9.]{1,64}", study_uid):
        raise InputError("This is no StudyInstanceUID: give one that `lymphnodeseg pacs find` lists.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"--out {folder} is not empty: name a new folder.")
    with ResultFolder(folder) as target, errors_told(url):
        client = connect(url)
        series = client.search_for_series(study_uid, fields=[SERIES_INSTANCES])
        if not series:
            raise InputError(f"The server at {url} has no such study: see `lymphnodeseg pacs find`.")
        count = 0
        for number, one in enumerate(series):
            expected, received = _count(one, SERIES_INSTANCES), 0
            series_uid = str(one[SERIES_UID]["Value"][0])
            progress.fraction(number / len(series))
            for dataset in client.iter_series(study_uid, series_uid, media_types=AS_STORED):
                count, received = count + 1, received + 1
                _save(dataset, target.staging / f"{count:06d}.dcm")
                progress.fraction((number + min(received / (expected or received), 1.0)) / len(series))
            if expected and received < expected:
                raise InputError(f"The server sent {received} of {expected} files of a series: try again.")
        target.publish()
    return count


def store(url: str, files: Sequence[Path], progress: Optional[Progress] = None) -> int:
    """Send DICOM files to a server, one a request. All are looked at before the first is sent.

    Args:
        url: Root of the DICOMweb service.
        files: DICOM files, or folders of nothing but such.
        progress: Told after each file.

    Returns:
        The number of files.

    Raises:
        InputError: a file is not DICOM, or the server did not take it; says how many it has taken.
        Cancelled: the user asked to stop; says the same.
    """
    progress = progress or Silent()
    paths = _dicom_files(files)
    with errors_told(url):
        client = connect(url)
    for done, path in enumerate(paths):
        so_far = f"{done} of {len(paths)} files were stored."
        try:
            progress.fraction(done / len(paths))
            dataset = _read(path)
            with errors_told(url):
                _check_stored(client.store_instances([dataset]), url)
        except Cancelled:
            raise Cancelled(f"cancelled; {so_far}") from None
        except KeyboardInterrupt:
            raise Cancelled(f"cancelled while '{path.name}' was on its way; before it, {so_far}") from None
        except InputError as error:
            raise InputError(f"'{path.name}' was not stored: {error} {so_far}") from None
    progress.fraction(1.0)
    return len(paths)


def _first(answer: Mapping[str, Any], tag: str) -> Any:
    """The first value of an attribute in DICOM JSON (PS3.18 annex F); None if it has none."""
    return next(iter(answer.get(tag, {}).get("Value", ())), None)


def _count(answer: Mapping[str, Any], tag: str) -> Optional[int]:
    value = _first(answer, tag)
    return None if value is None else int(value)


def _save(dataset: Any, path: Path) -> None:
    try:
        dataset.save_as(path)
    except OSError as error:
        raise InputError(
            f"The study can't be written ({error.strerror}): free some space, or choose another --out."
        ) from None


def _dicom_files(files: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders, once each.

    Raises:
        InputError: one is missing or is not DICOM, or there is none.
    """
    from pydicom.misc import is_dicom

    paths: list[Path] = []
    for one in files:
        paths += sorted(path for path in one.rglob("*") if path.is_file()) if one.is_dir() else [one]
    for path in paths:
        try:
            usable = is_dicom(path)
        except OSError as error:
            raise InputError(f"{path} can't be read ({error.strerror}): check the path.") from None
        if not usable:
            raise InputError(f"{path} is no DICOM file: nothing was sent.")
    if not paths:
        raise InputError("There is no file to send: name DICOM files.")
    return list(dict.fromkeys(paths))


def _read(path: Path) -> Any:
    """The whole of a file.

    Raises:
        InputError: it is damaged or cut off.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        with quietly():
            dataset = dcmread(path)
            whole = _is_whole(dataset)
    except (OSError, InvalidDicomError, *MALFORMED):
        raise InputError("The file is damaged.") from None
    if not whole:
        raise InputError("The file is cut off.")
    return dataset


def _is_whole(dataset: Any) -> bool:
    """Whether the file ends where it says; pydicom passes over in silence that one is cut off."""
    if not dataset:  # what it makes of a compressed file that was cut off
        return False
    last = dataset.get_item(max(dataset.keys()))
    promised = getattr(last, "length", None)  # known of an element that nobody has converted yet
    if promised not in (None, UNDEFINED_LENGTH) and len(last.value or b"") < promised:
        return False
    is_image = "Image Storage" in getattr(dataset.get("SOPClassUID"), "name", "")
    return not is_image or any(keyword in dataset for keyword in PIXELS)


def _check_stored(answer: Any, url: str) -> None:
    """See that the server confirms what it was sent (PS3.18 table 10.5.3-1).

    Raises:
        InputError: it rejected it, or says nothing.
    """
    failed = answer.get("FailedSOPSequence")
    if failed:
        reason = int(failed[0].get("FailureReason", 0))
        raise InputError(f"The server at {url} rejects it (failure reason {reason:04X}).")
    if not answer.get("ReferencedSOPSequence"):
        raise InputError(f"The server at {url} does not confirm it: is this the root of a DICOMweb service?")
