"""Synthetic DICOM: small studies as scanners of all makers write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.images.series import Series
from LymphNodeSegLib.images.study import scan_study
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

ROOT = "1.2.826.0.1.3680043.8.498"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
Edit = Callable[[Dataset, int], None]


class Maker:
    """Writes series into one folder; each with its own number, each number its own series UID."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = 0
        self.study = f"{ROOT}.1"
        self.frame_of_reference = f"{ROOT}.2"

    def dataset(self, number: int, description: str, **values: Any) -> Dataset:
        """One MR image without geometry and pixels."""
        self.count += 1
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = MRImageStorage
        dataset.SOPInstanceUID = f"{ROOT}.9.{number}.{self.count}"
        dataset.StudyInstanceUID = self.study
        dataset.SeriesInstanceUID = f"{self.study}.{number}"
        dataset.FrameOfReferenceUID = self.frame_of_reference
        dataset.PatientName, dataset.PatientID = "Test^Phantom", "T1"
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = (
            "20260101",
            "1200",
            "1",
            "",
        )
        dataset.Modality, dataset.SeriesNumber, dataset.SeriesDescription = "MR", number, description
        dataset.Manufacturer, dataset.ImageType = "SIEMENS", ["ORIGINAL", "PRIMARY", "M"]
        dataset.ScanningSequence, dataset.EchoTime, dataset.RepetitionTime = "SE", 100, 4000
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation, dataset.InstanceNumber = 0, self.count
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        return dataset

    def save(self, dataset: Dataset, name: str = "") -> Path:
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = self.folder / (name or f"im{(self.count * 7919) % 9973:05d}_{self.count}")
        dataset.save_as(path, enforce_file_format=True)
        return path

    def series(
        self,
        number: int,
        description: str,
        *,
        slices: int = 6,
        rows: int = 16,
        columns: int = 12,
        orientation: Sequence[float] = AXIAL,
        origin: Sequence[float] = (-20.0, -30.0, 10.0),
        spacing_mm: float = 4.0,
        pixel_spacing: Sequence[float] = (1.5, 2.0),
        depths: Optional[Sequence[float]] = None,
        diffusion: bool = False,
        edit: Optional[Edit] = None,
        values: Optional[np.ndarray] = None,
        **header: Any,
    ) -> np.ndarray:
        """Write a classic series; returns its voxels [k, j, i], k along the normal."""
        if values is None:
            random = np.random.default_rng(number * 100 + self.count)
            values = random.integers(1, 4000, (slices, rows, columns))
        array = np.asarray(values).astype(np.uint16)
        normal = np.cross(orientation[:3], orientation[3:])
        if diffusion:
            header = {"ScanningSequence": "EP", "EchoTime": 60, "RepetitionTime": 5000, **header}
        for k, plane in enumerate(array):
            dataset = self.dataset(number, description, **header)
            depth = depths[k] if depths is not None else k * spacing_mm
            position = np.array(origin) + depth * normal
            dataset.ImagePositionPatient = [f"{value:.10g}" for value in position]
            dataset.ImageOrientationPatient = [f"{value:.10g}" for value in orientation]
            dataset.PixelSpacing = list(pixel_spacing)
            dataset.SliceThickness = 3.0
            dataset.Rows, dataset.Columns = plane.shape
            dataset.PixelData = plane.tobytes()
            if edit is not None:
                edit(dataset, k)
            self.save(dataset)
        return array

    def private(self, dataset: Dataset, group: int, creator: str, **elements: tuple[str, Any]) -> None:
        """Set private elements by their number in the block: ``x0C=("IS", 800)``."""
        block = dataset.private_block(group, creator, create=True)
        for name, (vr, value) in elements.items():
            block.add_new(int(name[1:], 16), vr, value)

    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """A T2 and a DWI at b800 that make a study usable."""
        t2 = self.series(1, "t2_tse_tra")
        dwi = self.series(2, "ep2d_diff", diffusion=True, DiffusionBValue=800.0)
        return t2, dwi


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """Writes DICOM into ``tmp_path / "study"``."""
    return Maker(tmp_path / "study")


@pytest.fixture
def enhanced() -> Callable[..., Dataset]:
    """Builds an enhanced multi-frame MR file from a list of frames."""
    return enhanced_dataset


def enhanced_dataset(
    maker: Maker, number: int, description: str, frames: Sequence[dict[str, Any]], **header: Any
) -> Dataset:
    """Frames are dicts: plane (array), position; perhaps b_value, directionality, frame_type, slope, time."""
    dataset = maker.dataset(number, description)
    for keyword in ("ScanningSequence", "EchoTime", "RepetitionTime", "ImageType"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = pydicom.uid.EnhancedMRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    dataset.EchoPulseSequence, dataset.EchoPlanarPulseSequence = "SPIN", "YES"
    shared = Dataset()
    shared.PlaneOrientationSequence = [item(ImageOrientationPatient=list(AXIAL))]
    shared.PixelMeasuresSequence = [item(PixelSpacing=[1.5, 2.0], SliceThickness=3)]
    shared.MREchoSequence = [item(EffectiveEchoTime=90.0)]
    shared.MRTimingAndRelatedParametersSequence = [item(RepetitionTime=5000)]
    shared.MRFOVGeometrySequence = [item(InPlanePhaseEncodingDirection="COLUMN")]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for frame in frames:
        group = Dataset()
        group.PlanePositionSequence = [item(ImagePositionPatient=list(frame["position"]))]
        group.PixelValueTransformationSequence = [
            item(RescaleSlope=frame.get("slope", 1.0), RescaleIntercept=0.0, RescaleType="US")
        ]
        group.FrameContentSequence = [item(TemporalPositionIndex=frame.get("time", 1))]
        if "frame_type" in frame:
            group.MRImageFrameTypeSequence = [item(FrameType=frame["frame_type"])]
        if "b_value" in frame or "directionality" in frame:
            diffusion = item(DiffusionDirectionality=frame.get("directionality", "NONE"))
            if frame.get("b_value") is not None:
                diffusion.DiffusionBValue = frame["b_value"]
            group.MRDiffusionSequence = [diffusion]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    pixels = np.stack([frame["plane"] for frame in frames]).astype(np.uint16)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes()
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    return dataset


def found(maker: Maker) -> dict[str, Series]:
    """The series that a scan finds, by their description."""
    return {series.description: series for series in scan_study(maker.folder)}


def planes(seed: int, count: int = 4) -> np.ndarray:
    """Random voxels [k, j, i]."""
    return np.random.default_rng(seed).integers(1, 4000, (count, 16, 12))


def item(**values: Any) -> Dataset:
    """One sequence item."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset
