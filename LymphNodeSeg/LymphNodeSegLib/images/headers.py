"""The DICOM header of one file, as the few values by which series are told apart and sorted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from . import b_values
from .elements import Vector, number, numbers, text, texts, whole

# Everything that a scan reads of a file; the rest, pixels above all, is passed over.
KEYWORDS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "Manufacturer",
    "SeriesDescription",
    "ScanningSequence",
    "ScanOptions",
    "MRAcquisitionType",
    "PatientID",
    "SequenceName",
    "PulseSequenceName",
    "EchoPulseSequence",
    "EchoPlanarPulseSequence",
    "AcquisitionContrast",
    "SpacingBetweenSlices",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "ProtocolName",
    "InPlanePhaseEncodingDirection",
    "ImageComments",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "TemporalPositionIdentifier",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "RescaleIntercept",
    "RescaleSlope",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *b_values.KEYWORDS,
)


@dataclass(frozen=True)
class FileHeader:
    """What one DICOM file says of itself and of its series. Holds no patient identity.

    Attributes:
        path: The file.
        defect: One sentence if the file cannot be used as an image, else empty.
        no_image: What a file holds that is no image, in the standard's words; empty for images.
        patient: A number that tells patients apart in this process; 0 if the header names none.
        phase_encoding: "ROW", "COL" or empty.
    """

    path: Path
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    series_number: int
    description: str
    protocol: str
    modality: str
    manufacturer: str
    scanning_sequence: tuple[str, ...]
    sequence_name: str
    scan_options: tuple[str, ...]
    acquisition_type: str
    contrast: str
    echo_time_ms: Optional[float]
    repetition_time_ms: Optional[float]
    inversion_time_ms: Optional[float]
    phase_encoding: str
    defect: str = ""
    no_image: str = ""
    patient: int = 0


@dataclass(frozen=True)
class Slice:
    """One image plane: a file, a frame of a multi-frame file, or a tile of a mosaic.

    Attributes:
        file: The file it lies in.
        frame: Number of the frame in the file, from 0.
        tile_origin: Row and column of the tile's first pixel in a mosaic.
        rows, columns: Size of this plane.
        position_lps_mm: Center of the first pixel; empty if the header has none.
        orientation_lps: Unit vectors along a row and along a column; empty if the header has none.
        pixel_spacing_mm: Distance between rows and between columns; empty if the header has none.
        image_type: ImageType, or the frame's own type.
        b_value: Diffusion weighting in s/mm2, if the header has one.
        directionality: "isotropic" for a trace, "directional", or empty if not known.
        slope, intercept: Stored value to real value.
        scale_slope: Philips's private scale slope; 0 if there is none.
        instance_number: InstanceNumber, or the frame's number from 1.
        repeat: Tells repeats of the same place apart (temporal position, acquisition number).
    """

    file: FileHeader
    frame: int = 0
    tile_origin: Optional[tuple[int, int]] = None
    rows: int = 0
    columns: int = 0
    position_lps_mm: Vector = ()
    orientation_lps: Vector = ()
    pixel_spacing_mm: Vector = ()
    image_type: tuple[str, ...] = ()
    b_value: Optional[float] = None
    directionality: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    scale_slope: float = 0.0
    instance_number: int = 0
    repeat: tuple[int, ...] = field(default=())


def file_header(dataset: Any, path: Path, defect: str = "") -> FileHeader:
    """The values that all slices of a file share."""
    sequence = texts(dataset, "ScanningSequence")
    if not sequence:  # Enhanced MR says it in other words.
        planar = "EP" if "YES" in texts(dataset, "EchoPlanarPulseSequence") else ""
        echo = {"SPIN": "SE", "GRADIENT": "GR", "BOTH": "SE"}.get(text(dataset, "EchoPulseSequence"), "")
        sequence = tuple(part for part in (planar, echo) if part)
    return FileHeader(
        path=path,
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        series_number=whole(dataset, "SeriesNumber"),
        description=text(dataset, "SeriesDescription"),
        protocol=text(dataset, "ProtocolName"),
        modality=text(dataset, "Modality").upper(),
        manufacturer=b_values.maker_of(dataset),
        scanning_sequence=sequence,
        sequence_name=text(dataset, "SequenceName") or text(dataset, "PulseSequenceName"),
        scan_options=texts(dataset, "ScanOptions"),
        acquisition_type=text(dataset, "MRAcquisitionType").upper(),
        contrast=text(dataset, "AcquisitionContrast").upper(),
        echo_time_ms=number(dataset, "EchoTime"),
        repetition_time_ms=number(dataset, "RepetitionTime"),
        inversion_time_ms=number(dataset, "InversionTime"),
        phase_encoding=phase_encoding(dataset),
        defect=defect,
        no_image=no_image(dataset),
        patient=_patient(dataset),
    )


def _patient(dataset: Any) -> int:
    """Python salts the hashes of texts anew in every process, so that nobody is known by it."""
    patient_id = text(dataset, "PatientID")
    return hash(patient_id) if patient_id else 0


def no_image(dataset: Any) -> str:
    """What a file holds that is no image ("MR Spectroscopy Storage"); empty for images.

    Raw data and the like lie in the series of the images, with their modality and some of their geometry.
    """
    from pydicom.uid import UID

    uid = UID(text(dataset, "SOPClassUID"))
    if not uid or any(word in uid.name for word in ("Image Storage", "Parametric Map", "Segmentation")):
        return ""
    placed = "ImagePositionPatient" in dataset or "PerFrameFunctionalGroupsSequence" in dataset
    if uid.name == uid:  # unknown, as a maker's own
        return "" if placed else "a maker's own object"
    return uid.name


def phase_encoding(dataset: Any) -> str:
    """What classic MR names ROW or COL and enhanced MR names ROW or COLUMN: "ROW", "COL" or empty."""
    value = text(dataset, "InPlanePhaseEncodingDirection").upper()
    return {"ROW": "ROW", "COL": "COL", "COLUMN": "COL"}.get(value, "")


def plain_slice(dataset: Any, file: FileHeader) -> Slice:
    """The one slice of a classic file."""
    slope = number(dataset, "RescaleSlope")
    b_value, directionality = b_values.of_dataset(dataset, file.manufacturer)
    return Slice(
        file=file,
        rows=whole(dataset, "Rows"),
        columns=whole(dataset, "Columns"),
        position_lps_mm=numbers(dataset, "ImagePositionPatient", 3),
        orientation_lps=numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing_mm=numbers(dataset, "PixelSpacing", 2),
        image_type=texts(dataset, "ImageType"),
        b_value=b_value,
        directionality=directionality,
        slope=slope or 1.0,
        intercept=number(dataset, "RescaleIntercept") or 0.0,
        scale_slope=b_values.philips_scale_slope(dataset, file.manufacturer),
        instance_number=whole(dataset, "InstanceNumber"),
        repeat=(whole(dataset, "TemporalPositionIdentifier"), whole(dataset, "AcquisitionNumber")),
    )
