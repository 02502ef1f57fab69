"""What every DICOM file that we write has in common: whose it is, what it refers to, who made it."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from .. import __version__
from ..errors import InputError
from ..images.image import Geometry, Image
from ..nodes.node import Node

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER = "LymphNodeSeg"
SOFTWARE_VERSION = f"LymphNodeSeg {__version__}"
DEVICE_SERIAL_NUMBER = "1"
"""Software has none; SEG and SR require one."""

RESEARCH_USE = "Research use only; not a medical device."

SERIES_NUMBERS = {"RTSTRUCT": 9001, "SEG": 9002, "SR": 9003}
"""Well behind a scanner's own series."""

# Patient, Patient Study, General Study and Clinical Trial modules (PS3.3 C.7.1, C.7.2): what a derived object
# must repeat so that an archive files it with its images.
_REQUIRED = (
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
    "TimezoneOffsetFromUTC",
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
_POSITION_TOLERANCE_MM = 0.05
_NAMESPACE = uuid.UUID("6f1f8a0e-6f43-4c59-9d0b-3c6ad2f5a1b7")


@dataclass(frozen=True)
class Plane:
    """One plane of the reference series: an instance, or a frame of a multi-frame instance.

    Attributes:
        file: Index of its file.
        frame: Number of the frame from 1; None in a single-frame file.
        position_lps_mm: Center of the first pixel.
        orientation: Six direction cosines: along a row, along a column.
        spacing_mm: Distance between rows, between columns.
    """

    file: int
    frame: Optional[int]
    position_lps_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]


@dataclass(frozen=True)
class Reference:
    """The DICOM series that a segmentation was drawn on.

    Attributes:
        headers: The header of each file, without pixels.
        geometry: The grid of the segmentation.
        plane_of_slice: For each slice k of the segmentation the plane it was drawn on.
    """

    headers: Sequence[Dataset] = field(repr=False)
    geometry: Geometry
    plane_of_slice: Sequence[Plane]

    @property
    def header(self) -> Dataset:
        """The first file's header: patient, study, series, frame of reference."""
        return self.headers[0]

    def reference_to_slice(self, k: int) -> Dataset:
        """A reference to the instance, and to the frame in a multi-frame one, of slice k (PS3.3 10.3)."""
        plane = self.plane_of_slice[k]
        item = reference_to(self.headers[plane.file])
        if plane.frame is not None:
            item.ReferencedFrameNumber = plane.frame
        return item


def reference_to(header: Dataset) -> Dataset:
    """A reference to one SOP instance (PS3.3 10.8)."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def read_reference(files: Sequence[Path], geometry: Geometry) -> Reference:
    """Read the headers of the series that a segmentation refers to, and find the plane of each slice.

    Planes are found by their position, so that the order of the files does not matter.

    Args:
        files: The DICOM files of one series; one for each slice, or one enhanced multi-frame file.
        geometry: The grid of the segmentation.

    Raises:
        InputError: a file is missing or no DICOM image, the files are not one series, or the series does not
            have the grid of the segmentation.
    """
    with quiet():
        headers = [_read_header(Path(path)) for path in files]
    if not headers:
        raise InputError(
            "The T2 was not read from DICOM: give the DICOM series that the nodes were drawn on."
        )
    if len({(header.get("SeriesInstanceUID"), header.get("FrameOfReferenceUID")) for header in headers}) > 1:
        raise InputError("The reference files belong to several DICOM series: give the files of one.")
    planes = [plane for index, header in enumerate(headers) for plane in _planes(index, header)]
    return Reference(headers, geometry, [_plane_of(k, geometry, planes) for k in range(geometry.size_ijk[2])])


def _read_header(path: Path) -> Dataset:
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        for keyword in (
            "SOPClassUID",
            "SOPInstanceUID",
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "FrameOfReferenceUID",
        ):
            if not header.get(keyword):
                raise InputError(f"{path.name} has no {keyword}: give the original DICOM series.")
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path.name} cannot be read as DICOM: give the original DICOM series.") from error
    return header


def _planes(index: int, header: Dataset) -> list[Plane]:
    """The planes of one file."""
    try:
        if "PerFrameFunctionalGroupsSequence" not in header:
            return [_plane(index, None, header, header, header)]
        shared = header.get("SharedFunctionalGroupsSequence") or [{}]
        groups = []
        for number, frame in enumerate(header.PerFrameFunctionalGroupsSequence, start=1):
            items = [
                (frame.get(keyword) or shared[0].get(keyword))[0]
                for keyword in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
            ]
            groups.append(_plane(index, number, *items))
        return groups
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            "The reference series has no position in space: give the original DICOM series."
        ) from error


def _plane(index: int, frame: Optional[int], position: Any, orientation: Any, measures: Any) -> Plane:
    return Plane(
        index,
        frame,
        tuple(float(value) for value in position.ImagePositionPatient),
        tuple(float(value) for value in orientation.ImageOrientationPatient),
        tuple(float(value) for value in measures.PixelSpacing),
    )


def _plane_of(k: int, geometry: Geometry, planes: Sequence[Plane]) -> Plane:
    """The plane that lies where slice k lies; of several (echoes, b-values) the first."""
    columns, rows = geometry.size_ijk[:2]
    corners_ij = np.array([(0, 0), (columns - 1, 0), (0, rows - 1)], dtype=float)
    wanted = geometry.lps_from_ijk(np.column_stack([corners_ij, np.full(3, float(k))]))
    for plane in planes:
        along_row, along_column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
        steps = np.array([along_row * plane.spacing_mm[1], along_column * plane.spacing_mm[0]])
        corners = np.array(plane.position_lps_mm) + corners_ij @ steps
        if np.abs(corners - wanted).max() <= _POSITION_TOLERANCE_MM:
            return plane
    raise InputError(
        f"Slice {k + 1} of the segmentation lies on no image of the reference series: "
        "give the series that the nodes were drawn on."
    )


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
    return " ".join(part for part in (node.id, node.side, node.station) if part)[:64]


def tracking_uids(labels: Image, nodes: Sequence[Node], reference: Reference) -> dict[str, str]:
    """A UID for each node id: the same in all files of one result, another in every other result.

    Made of the reference series, the label map and the id, by a name-based UUID (PS3.5 B.2).
    """
    import hashlib

    digest = hashlib.sha256(labels.array.tobytes()).hexdigest()
    base = f"{reference.header.SeriesInstanceUID}/{digest}"
    return {node.id: f"2.25.{uuid.uuid5(_NAMESPACE, f'{base}/{node.id}').int}" for node in nodes}


def carry_over(dataset: Dataset, header: Dataset) -> None:
    """Repeat the patient and study of the reference series, and choose a character set that holds all text.

    Call it when the dataset is complete.
    """
    for keyword in _REQUIRED:
        setattr(dataset, keyword, header.get(keyword))
    for keyword in _OPTIONAL:
        if keyword in header:
            dataset[keyword] = header[keyword]
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
        dataset.save_as(part, enforce_file_format=True)
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or 'check the folder'}.") from error
    finally:
        part.unlink(missing_ok=True)
