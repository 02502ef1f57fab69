"""Nodes of every awkward kind on every awkward grid, and the DICOM series they were drawn on.

What a writer of contours has to get right: oblique and sagittal planes, pixels and matrices that are not
square, holes, islands in holes, pieces that touch at a corner, nodes of one voxel, small ellipsoids.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.images.writing import write_dataset
from LymphNodeSegLib.nodes.node import Node, NodeMask
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

SHORT_AXES_MM = (5.0, 8.0, 12.0)

_SIZE = (128, 96, 14)
_SAGITTAL = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
_CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0)


def _oblique() -> tuple[float, ...]:
    """Axial, turned by 20 degrees about x, then by 12 degrees about y, then by 7 degrees about z."""
    x, y, z = np.radians([20.0, 12.0, 7.0])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return tuple((about_z @ about_y @ about_x).ravel().tolist())


GRIDS = {
    "axial": Geometry(_SIZE, (-41.3, -30.7, 12.1), (0.7, 0.7, 4.0)),
    "axial, pixels 0.6x0.9": Geometry(_SIZE, (-41.3, -30.7, 12.1), (0.6, 0.9, 4.0)),
    "sagittal": Geometry(_SIZE, (22.3, -40.7, 33.1), (0.7, 0.7, 4.0), _SAGITTAL),
    "sagittal, pixels 0.9x0.6": Geometry(_SIZE, (22.3, -40.7, 33.1), (0.9, 0.6, 4.0), _SAGITTAL),
    "coronal": Geometry(_SIZE, (-41.3, 12.9, 33.1), (0.7, 0.7, 4.0), _CORONAL),
    "oblique": Geometry(_SIZE, (-41.3, -30.7, 12.1), (0.7, 0.7, 4.0), _oblique()),
    "oblique, pixels 0.6x0.9": Geometry(_SIZE, (-41.3, -30.7, 12.1), (0.6, 0.9, 4.0), _oblique()),
}


def ellipsoids(geometry: Geometry, short_axis_mm: float, seed: int = 0) -> np.ndarray:
    """Six ellipsoids of axes s x 1.4 s x 1.4 s, centers off the voxels, turned in space: labels [k, j, i]."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(geometry.size_ijk[::-1], dtype=np.uint16)
    extent_mm = np.array(geometry.size_ijk) * geometry.spacing_mm
    for label in range(1, 7):
        column, row = (label - 1) % 3, (label - 1) // 3
        center = extent_mm * ((column + 0.5) / 3, (row + 0.5) / 2, 0.5) + rng.uniform(-2.0, 2.0, 3)
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        first, last = (
            np.rint((center + reach) / geometry.spacing_mm) for reach in (-short_axis_mm, short_axis_mm)
        )
        box = tuple(slice(max(int(a), 0), int(b) + 1) for a, b in zip(first[::-1], last[::-1]))
        k, j, i = np.indices(labels[box].shape)
        start = np.array([part.start for part in box[::-1]])
        points_mm = (np.stack([i, j, k], axis=-1) + start) * geometry.spacing_mm
        scaled = (points_mm - center) @ axes / (short_axis_mm * np.array([0.5, 0.7, 0.7]))
        labels[box][(scaled**2).sum(axis=-1) <= 1.0] = label
    return labels


def awkward_shapes(geometry: Geometry) -> np.ndarray:
    """Labels [k, j, i] of shapes that writers and readers of contours stumble over.

    1 one voxel; 2 two holes side by side; 3 an island in a hole; 4 pieces that touch at a corner, and a hole
    that is closed at corners only; 5 at the rim of the image; 6 one voxel in the last corner.
    """
    labels = np.zeros(geometry.size_ijk[::-1], dtype=np.uint16)
    labels[3, 10, 12] = 1
    labels[5:8, 20:44, 20:50] = 2
    labels[5:8, 28:36, 24:30] = 0
    labels[5:8, 26:34, 36:46] = 0
    labels[6, 50:80, 60:90] = 3
    labels[6, 55:75, 65:85] = 0
    labels[6, 60:70, 70:80] = 3
    labels[9, 10:14, 80:84] = 4
    labels[9, 14:18, 84:88] = 4
    ring = np.ones((5, 5), dtype=bool)
    ring[1:4, 1:4] = False
    ring[0, 0] = ring[4, 4] = False
    labels[9, 30:35, 80:85][ring] = 4
    labels[4:6, 0:6, 0:5] = 5
    labels[-1, -1, -1] = 6
    return labels


def write_t2_series(
    folder: Path, geometry: Geometry, *, multi_frame: bool = False, **attributes: Any
) -> Image:
    """Write an MR series of the given geometry, as a scanner would send it.

    Args:
        folder: Where; it is made.
        geometry: The grid; k may run against the slices' normal.
        multi_frame: One enhanced MR file rather than a file a slice; its frames in another order than k.
        attributes: Header values to set or replace, by keyword; None removes one.

    Returns:
        The image, its files in the order of k.
    """
    folder.mkdir(parents=True)
    array = np.random.default_rng(1).integers(0, 400, geometry.size_ijk[::-1]).astype(np.uint16)
    common = _common(geometry)
    for keyword, value in attributes.items():
        if value is None:
            delattr(common, keyword)
        else:
            setattr(common, keyword, value)
    if multi_frame:
        files = [folder / "enhanced.dcm"]
        _save(_enhanced(common, geometry, array), files[0])
    else:
        # Names against the order of k: nobody may trust them.
        files = [folder / f"image{len(array) - k:03d}.dcm" for k in range(len(array))]
        for k, file in enumerate(files):
            _save(_classic(common, geometry, array, k), file)
    acquisition = Acquisition(
        role="T2",
        series_uid=common.SeriesInstanceUID,
        study_uid=common.StudyInstanceUID,
        frame_of_reference_uid=common.FrameOfReferenceUID,
        source_files=tuple(files),
    )
    return Image(array, geometry, acquisition)


def _common(geometry: Geometry) -> Dataset:
    """What all images of the series share."""
    data = Dataset()
    data.PatientName, data.PatientID = "Case^Awkward", "AWKWARD"
    data.PatientBirthDate, data.PatientSex = "19700101", "F"
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = generate_uid(), ""
    data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20250102", "101112", "7", "A1"
    data.SeriesDate, data.SeriesTime, data.SeriesNumber = "20250102", "101500", 3
    data.ContentDate, data.ContentTime = "20250102", "101500"
    data.AcquisitionDate, data.AcquisitionTime, data.AcquisitionNumber = "20250102", "101500", 1
    data.ReferringPhysicianName, data.Modality = "Doctor^Some", "MR"
    data.Manufacturer, data.PatientPosition, data.BodyPartExamined = "Nobody", "HFS", "PELVIS"
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.ScanningSequence, data.SequenceVariant, data.ScanOptions, data.MRAcquisitionType = (
        "SE",
        "SK",
        "",
        "2D",
    )
    data.RepetitionTime, data.EchoTime, data.EchoTrainLength = "4000", "100", "25"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.Columns, data.Rows = geometry.size_ijk[:2]
    return data


def _place(geometry: Geometry, k: int) -> tuple[list[str], list[str], list[str]]:
    """Position, orientation and pixel spacing of a slice, as DS."""
    position = geometry.lps_from_ijk(np.array([0.0, 0.0, k]))
    orientation = geometry.direction[:, :2].T.ravel()
    spacing = (geometry.spacing_mm[1], geometry.spacing_mm[0])
    return tuple(
        [format_number_as_ds(float(v)) for v in values] for values in (position, orientation, spacing)
    )


def _classic(common: Dataset, geometry: Geometry, array: np.ndarray, k: int) -> Dataset:
    data = Dataset()
    data.update(common)
    data.SOPClassUID, data.SOPInstanceUID, data.InstanceNumber = MRImageStorage, generate_uid(), k + 1
    data.ImagePositionPatient, data.ImageOrientationPatient, data.PixelSpacing = _place(geometry, k)
    data.SliceThickness = data.SpacingBetweenSlices = geometry.spacing_mm[2]
    data.PixelData = array[k].tobytes()
    return data


def _enhanced(common: Dataset, geometry: Geometry, array: np.ndarray) -> Dataset:
    """The least that an enhanced MR image must have to be one; frames from the last slice to the first."""
    data = Dataset()
    data.update(common)
    data.SOPClassUID, data.SOPInstanceUID, data.InstanceNumber = EnhancedMRImageStorage, generate_uid(), 1
    data.NumberOfFrames = len(array)
    data.SharedFunctionalGroupsSequence = [Dataset()]
    shared = data.SharedFunctionalGroupsSequence[0]
    _, orientation, spacing = _place(geometry, 0)
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [Dataset()], [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = orientation
    shared.PixelMeasuresSequence[0].PixelSpacing = spacing
    shared.PixelMeasuresSequence[0].SliceThickness = geometry.spacing_mm[2]
    shared.PixelMeasuresSequence[0].SpacingBetweenSlices = geometry.spacing_mm[2]
    frames = []
    for k in reversed(range(len(array))):
        frame = Dataset()
        frame.PlanePositionSequence, frame.FrameContentSequence = [Dataset()], [Dataset()]
        frame.PlanePositionSequence[0].ImagePositionPatient = _place(geometry, k)[0]
        frame.FrameContentSequence[0].StackID, frame.FrameContentSequence[0].InStackPositionNumber = (
            "1",
            k + 1,
        )
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    data.PixelData = array[::-1].tobytes()
    return data


def _save(data: Dataset, path: Path) -> None:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    write_dataset(data, path)


def reversed_slices(geometry: Geometry) -> Geometry:
    """The same place with k counted from the other end: left-handed if it was right-handed."""
    direction = geometry.direction.copy()
    direction[:, 2] *= -1
    x, y, z = geometry.lps_from_ijk(np.array([0, 0, geometry.size_ijk[2] - 1])).tolist()
    return replace(geometry, origin_lps_mm=(x, y, z), direction_lps=tuple(direction.ravel().tolist()))


def nodes_of(labels: Image) -> list[Node]:
    """The nodes of a label map with what a writer of contours needs of them; not measured."""
    present = [int(label) for label in np.unique(labels.array) if label]
    return [_node(labels, label) for label in present]


def _node(labels: Image, label: int) -> Node:
    voxels = np.argwhere(labels.array == label)
    first, last = voxels.min(axis=0), voxels.max(axis=0) + 1
    box = tuple(slice(start, end) for start, end in zip(first, last))
    x, y, z = labels.geometry.lps_from_ijk(voxels.mean(axis=0)[::-1])
    return Node(
        id=f"LN{label:03d}",
        label=label,
        mask=NodeMask(labels.array[box] == label, tuple(first[::-1].tolist()), labels.geometry),
        volume_mm3=len(voxels) * labels.geometry.voxel_volume_mm3,
        short_axis=None,
        long_axis=None,
        axial_short_axis=None,
        axial_long_axis=None,
        max_diameter_3d_mm=None,
        sphericity=None,
        centroid_ras_mm=(-x, -y, z),
    )
