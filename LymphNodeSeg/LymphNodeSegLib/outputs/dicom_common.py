"""What every DICOM file that we write has in common: whose it is, what it refers to, who made it."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..errors import InputError
from ..images.image import Image
from ..images.writing import write_dataset
from ..nodes.node import Node
from ..nodes.stations import UNKNOWN

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER = "LymphNodeSeg"
SOFTWARE_VERSION = f"LymphNodeSeg {__version__}"
DEVICE_SERIAL_NUMBER = "1"
"""Software has none; SEG and SR require one."""

SERIES_DESCRIPTION = "Lymph nodes (research use)"

SERIES_NUMBERS = {"RTSTRUCT": 9001, "SEG": 9002, "SR": 9003}
"""Well behind a scanner's own series."""

# Patient, Patient Study, General Study and Clinical Trial modules (PS3.3 C.7.1, C.7.2): what a derived object
# must repeat so that an archive files it with its images.
REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_OPTIONAL = (
    "IssuerOfPatientID",
    "OtherPatientIDsSequence",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "IssuerOfAccessionNumberSequence",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "ClinicalTrialTimePointID",
)
_NAMESPACE = uuid.UUID("6f1f8a0e-6f43-4c59-9d0b-3c6ad2f5a1b7")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings to ourselves: they quote the header values they complain of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def require_nodes(labels: Image, nodes: Sequence[Node], what: str) -> None:
    """Refuse to write a file without nodes.

    RTSTRUCT, SEG and SR want at least one ROI, segment or measurement group (type 1 sequences in PS3.3), so a
    valid file without nodes does not exist.

    Raises:
        InputError: there is no node.
        ValueError: a node has no voxels in the label map.
    """
    if not nodes:
        raise InputError(f"No lymph node to write: DICOM does not allow an empty {what}.")
    present = set(np.unique(labels.array).tolist())
    absent = [node.id for node in nodes if node.label not in present]
    if absent:
        raise ValueError(f"Nodes without voxels in the label map: {', '.join(absent)}")


def voxels_of(labels: Image, nodes: Sequence[Node]) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    """The voxels of each node: a boolean block [k, j, i], and the index (i, j, k) where it begins."""
    from scipy import ndimage

    boxes = ndimage.find_objects(labels.array)
    blocks = []
    for node in nodes:
        box = boxes[node.label - 1]
        k, j, i = (part.start for part in box)
        blocks.append((labels.array[box] == node.label, (i, j, k)))
    return blocks


def title(node: Node) -> str:
    """What a node is called in other programs: its id, and its side and station where known."""
    return " ".join(part for part in (node.id, node.side, node.station) if part not in ("", UNKNOWN))[:64]


def tracking_uids(labels: Image, nodes: Sequence[Node], series_uid: str) -> dict[str, str]:
    """A UID for each node id: the same in all files of one result, another in every other result.

    Made of the reference series, the label map and the id, by a name-based UUID (PS3.5 B.2).
    """
    import hashlib

    digest = hashlib.sha256(labels.array.tobytes()).hexdigest()
    base = f"{series_uid}/{digest}"
    return {node.id: f"2.25.{uuid.uuid5(_NAMESPACE, f'{base}/{node.id}').int}" for node in nodes}


def carry_over(dataset: Dataset, header: Dataset) -> None:
    """Repeat the patient and study of the reference series, and choose a character set that holds all text.

    Call it when the dataset is complete.
    """
    for keyword in REQUIRED:
        setattr(dataset, keyword, header.get(keyword))
    for keyword in _OPTIONAL:
        if keyword in header:
            dataset[keyword] = header[keyword]
    if "ReferencedStudySequence" in dataset:
        del dataset.ReferencedStudySequence  # A retired SOP class, which highdicom repeats in SR and SEG.
    dataset.SpecificCharacterSet = _character_set(dataset, header.get("SpecificCharacterSet"))
    if not dataset.SpecificCharacterSet:
        del dataset.SpecificCharacterSet


def _character_set(dataset: Dataset, original: Any) -> Any:
    """The original character set where all text fits in it, else UTF-8."""
    from pydicom.charset import convert_encodings

    texts = [
        str(element.value)
        for element in dataset.iterall()
        if element.VR in ("LO", "LT", "PN", "SH", "ST", "UT")
    ]
    if all(text.isascii() for text in texts):
        return original or ""
    encodings = convert_encodings(original) if original else []
    for text in texts:
        if not text.isascii() and not any(_fits(text, encoding) for encoding in encodings):
            return "ISO_IR 192"
    return original


def _fits(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode(encoding) == text
    except UnicodeError:
        return False


def save(dataset: Dataset, path: Path) -> None:
    """Write a dataset with its file meta information, at once or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write_dataset(dataset, part)
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or 'check the folder'}.") from error
    finally:
        part.unlink(missing_ok=True)
