"""A phantom as a DICOM study of Classic MR Image Storage, as a scanner would send it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Image
from ..images.writing import write_dataset
from .pelvis import Phantom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

STUDY_DATE, STUDY_TIME = "20250101", "120000"


def uid(phantom: Phantom, *parts: object) -> str:
    """A UID that is the same for the same phantom and parts (2.25 and 128 bits of a hash)."""
    key = "|".join(
        str(part)
        for part in ("LymphNodeSeg phantom", phantom.seed, phantom.difficulty, phantom.t2.geometry, *parts)
    )
    return "2.25." + str(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big"))


def write_study(phantom: Phantom, folder: Path) -> None:
    """Write all series of a phantom as files of one folder.

    A T2 series; one DWI series whose b-values share the SeriesInstanceUID; an ADC series.

    Args:
        phantom: What to write.
        folder: Made here; its parent must exist.
    """
    folder.mkdir()
    t2 = phantom.t2
    for k in range(t2.geometry.size_ijk[2]):
        _write_slice(phantom, t2, k, k + 1, "T2", folder / f"t2_{k:03d}.dcm")
    number = 0
    for image in phantom.dwi_series:
        b = round(image.acquisition.b_value_s_mm2 or 0)
        for k in range(image.geometry.size_ijk[2]):
            number += 1
            _write_slice(phantom, image, k, number, "DWI", folder / f"dwi_b{b:04d}_{k:03d}.dcm")
    for k in range(phantom.adc.geometry.size_ijk[2]):
        _write_slice(phantom, phantom.adc, k, k + 1, "ADC", folder / f"adc_{k:03d}.dcm")


SERIES = {
    "T2": (1, "Phantom T2 TSE", ["ORIGINAL", "PRIMARY", "M"], "SE", 100.0, 4000.0),
    "DWI": (2, "Phantom DWI", ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"], "EP", 70.0, 5000.0),
    "ADC": (3, "Phantom ADC", ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "EP", 70.0, 5000.0),
}


def _write_slice(phantom: Phantom, image: Image, k: int, number: int, role: str, path: Path) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

    instance = UID(uid(phantom, "instance", role, number))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, instance
    _fill_patient_and_study(data, phantom)
    _fill_series(data, phantom, image, role, number)
    _fill_place(data, phantom, image, k)
    _fill_pixels(data, image.array[k])
    if role != "T2":
        _fill_diffusion(data, image.acquisition.b_value_s_mm2)
    write_dataset(data, path)


def _fill_patient_and_study(data: Dataset, phantom: Phantom) -> None:
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PatientName, data.PatientID = (
        "Phantom^Pelvis",
        f"PHANTOM-{phantom.difficulty.upper()}-{phantom.seed}",
    )
    data.PatientBirthDate, data.PatientSex = "", "F" if phantom.female else "M"
    data.PatientPosition = "HFS"
    data.StudyInstanceUID = uid(phantom, "study")
    data.StudyDate, data.StudyTime, data.StudyID = STUDY_DATE, STUDY_TIME, "1"
    data.StudyDescription = "Synthetic pelvis"
    data.AccessionNumber, data.ReferringPhysicianName = "", ""
    data.ContentDate, data.ContentTime = STUDY_DATE, STUDY_TIME
    data.AcquisitionDate, data.AcquisitionTime = STUDY_DATE, STUDY_TIME
    data.Manufacturer, data.ManufacturerModelName = "LymphNodeSeg", "Synthetic pelvis"
    data.MagneticFieldStrength = "3"


def _fill_series(data: Dataset, phantom: Phantom, image: Image, role: str, number: int) -> None:
    series, description, image_type, sequence, echo_ms, repetition_ms = SERIES[role]
    data.Modality = "MR"
    data.SeriesInstanceUID = uid(phantom, "series", role)
    data.SeriesNumber, data.InstanceNumber = str(series), str(number)
    data.SeriesDate, data.SeriesTime = STUDY_DATE, STUDY_TIME
    data.SeriesDescription = description + " " + image.geometry.plane.replace("oblique ", "")
    data.ProtocolName, data.BodyPartExamined = description, "PELVIS"
    data.ImageType = image_type
    data.ScanningSequence, data.SequenceVariant = sequence, "SK"
    data.ScanOptions, data.MRAcquisitionType = "", "2D"
    data.RepetitionTime, data.EchoTime = f"{repetition_ms:g}", f"{echo_ms:g}"
    data.EchoTrainLength, data.FlipAngle = "25" if role == "T2" else "1", "90"
    data.AcquisitionNumber = "1"


def _fill_place(data: Dataset, phantom: Phantom, image: Image, k: int) -> None:
    from pydicom.valuerep import format_number_as_ds

    geometry = image.geometry
    direction = geometry.direction
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = uid(phantom, "frame of reference"), ""
    data.ImageOrientationPatient = [
        format_number_as_ds(float(v)) for v in (*direction[:, 0], *direction[:, 1])
    ]
    place = geometry.lps_from_ijk(np.array([0, 0, k]))
    data.ImagePositionPatient = [format_number_as_ds(float(v)) for v in place]
    data.PixelSpacing = [format_number_as_ds(geometry.spacing_mm[n]) for n in (1, 0)]
    data.SliceThickness = data.SpacingBetweenSlices = format_number_as_ds(geometry.spacing_mm[2])
    data.SliceLocation = format_number_as_ds(float(place @ geometry.normal_lps))
    if image.acquisition.phase_encoding_lps is not None:
        along = np.abs(direction.T @ np.array(image.acquisition.phase_encoding_lps))
        data.InPlanePhaseEncodingDirection = "ROW" if along[0] > along[1] else "COL"


def _fill_pixels(data: Dataset, array: np.ndarray) -> None:
    pixels = np.clip(np.rint(array), 0, 65535).astype("<u2")
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    top = max(float(np.percentile(pixels, 99.5)), 2.0)
    data.WindowCenter, data.WindowWidth = f"{top / 2:.1f}", f"{top:.1f}"
    data.PixelData = pixels.tobytes()


def _fill_diffusion(data: Dataset, b_value: Optional[float]) -> None:
    if b_value is not None:
        data.DiffusionBValue = float(b_value)
        data.DiffusionDirectionality = "NONE" if b_value == 0 else "ISOTROPIC"
