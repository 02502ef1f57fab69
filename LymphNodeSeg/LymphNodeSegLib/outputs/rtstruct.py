"""Nodes as a DICOM RT structure set that refers to the original T2 series (PS3.3 A.19)."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import NOTICE
from ..colors import color_of
from ..images.image import Image
from ..nodes.node import Node
from . import codes, dicom_common
from .contours import outlines
from .dicom_reference import Reference, read_reference, reference_to

if TYPE_CHECKING:
    from pydicom import Dataset

_DETACHED_STUDY_UID = "1.2.840.10008.3.1.2.3.1"
"""SOP class of a study; retired, but what RTReferencedStudySequence still wants."""

_RTSTRUCT_UID = "1.2.840.10008.5.1.4.1.1.481.3"


def write_rtstruct(
    labels: Image,
    nodes: Sequence[Node],
    reference_files: Sequence[Path],
    path: Path,
    edited_ids: Collection[str] = frozenset(),
) -> None:
    """Write one ROI a node, its contours along the pixel edges of the slices that the nodes were drawn on.

    Written in implicit VR little endian: explicit VR has no room for contours longer than 64 KB.

    Args:
        labels: One label a node, on the grid of the T2.
        nodes: The nodes; `Node.label` names each one's voxels.
        reference_files: The DICOM files of the original T2 series (`Image.acquisition.source_files`).
        path: Where to write; an old file is replaced only when the new one is complete.
        edited_ids: Ids of nodes that a reader has changed; their ROIs are SEMIAUTOMATIC.

    Raises:
        InputError: there is no node (the standard allows no empty structure set), the reference series does
            not fit, or the file cannot be written.
    """
    dicom_common.require_nodes(labels, nodes, "RT structure set")
    with dicom_common.quiet():
        reference = read_reference(reference_files, labels.geometry)
        dataset = _structure_set(reference)
        frame_of_reference = reference.header.FrameOfReferenceUID
        rois, contours, observations = [], [], []
        blocks = dicom_common.voxels_of(labels, nodes)
        for number, (node, (block, start_ijk)) in enumerate(zip(nodes, blocks), start=1):
            rois.append(_roi(number, node, frame_of_reference, node.id in edited_ids))
            contours.append(_roi_contours(number, node, block, start_ijk, reference))
            observations.append(_observation(number, node))
        dataset.StructureSetROISequence = rois
        dataset.ROIContourSequence = contours
        dataset.RTROIObservationsSequence = observations
        dicom_common.carry_over(dataset, reference.header)
        dicom_common.save(dataset, path)


def _structure_set(reference: Reference) -> Dataset:
    """Everything but the ROIs and the patient."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ImplicitVRLittleEndian, generate_uid

    now = datetime.datetime.now()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.SOPClassUID = _RTSTRUCT_UID
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.InstanceCreationDate = dataset.SeriesDate = dataset.StructureSetDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = dataset.SeriesTime = dataset.StructureSetTime = now.strftime("%H%M%S")
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.SeriesNumber = dicom_common.SERIES_NUMBERS["RTSTRUCT"]
    dataset.SeriesDescription = dicom_common.SERIES_DESCRIPTION
    dataset.OperatorsName = ""
    dataset.InstanceNumber = 1
    dataset.Manufacturer = dicom_common.MANUFACTURER
    dataset.ManufacturerModelName = dicom_common.MANUFACTURER
    dataset.SoftwareVersions = dicom_common.SOFTWARE_VERSION
    dataset.FrameOfReferenceUID = reference.header.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = reference.header.get("PositionReferenceIndicator")
    dataset.StructureSetLabel = "Lymph nodes"
    dataset.StructureSetName = "Lymph nodes"
    dataset.StructureSetDescription = f"{dicom_common.SOFTWARE_VERSION}. {NOTICE}"
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame_of_reference(reference)]
    dataset.ApprovalStatus = "UNAPPROVED"
    return dataset


def _referenced_frame_of_reference(reference: Reference) -> Dataset:
    """Frame of reference -> study -> series -> every instance of the T2."""
    from pydicom import Dataset

    series = Dataset()
    series.SeriesInstanceUID = reference.header.SeriesInstanceUID
    series.ContourImageSequence = [reference_to(header) for header in reference.headers]
    study = Dataset()
    study.ReferencedSOPClassUID = _DETACHED_STUDY_UID
    study.ReferencedSOPInstanceUID = reference.header.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    item = Dataset()
    item.FrameOfReferenceUID = reference.header.FrameOfReferenceUID
    item.RTReferencedStudySequence = [study]
    return item


def _roi(number: int, node: Node, frame_of_reference_uid: str, edited: bool) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = frame_of_reference_uid
    item.ROIName = dicom_common.title(node)
    item.ROIVolume = _decimal(node.volume_mm3 / 1000.0)
    item.ROIGenerationAlgorithm = "SEMIAUTOMATIC" if edited else "AUTOMATIC"
    item.ROIGenerationDescription = (
        f"{dicom_common.SOFTWARE_VERSION}{', edited by a reader' if edited else ''}"
    )
    return item


def _roi_contours(
    number: int, node: Node, block: np.ndarray, start_ijk: tuple[int, int, int], reference: Reference
) -> Dataset:
    from pydicom import Dataset

    first_i, first_j, first_k = start_ijk
    contours: list[Dataset] = []
    for depth, plane in enumerate(block):
        k = first_k + depth
        for polygon in outlines(plane):
            points_ij = polygon + np.array([first_i, first_j])
            points_lps_mm = _opened_across(reference.plane_of_slice[k].lps_from_ij(points_ij))
            contour = Dataset()
            contour.ContourImageSequence = [reference.reference_to_slice(k)]
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points_lps_mm)
            contour.ContourNumber = len(contours) + 1
            contour.ContourData = [_decimal(value) for value in points_lps_mm.ravel()]
            contours.append(contour)
    item = Dataset()
    item.ROIDisplayColor = list(color_of(node.size_class))
    item.ContourSequence = contours
    item.ReferencedROINumber = number
    return item


def _opened_across(points_lps_mm: np.ndarray) -> np.ndarray:
    """The same closed polygon, begun where it moves farthest in x and y.

    plastimatch drops a last point whose x and y are those of the first, whatever its z; in a sagittal or
    coronal slice that would cut a corner off.
    """
    step = np.abs(points_lps_mm - np.roll(points_lps_mm, 1, axis=0))[:, :2].sum(axis=1)
    return np.roll(points_lps_mm, -int(np.argmax(step)), axis=0)


def _observation(number: int, node: Node) -> Dataset:
    """What the ROI is: a lymph node by its code. No interpreted type: we plan no therapy."""
    from pydicom import Dataset

    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.ROIObservationLabel = node.id
    item.RTROIIdentificationCodeSequence = [codes.LYMPH_NODE.dataset()]
    item.RTROIInterpretedType = ""
    item.ROIInterpreter = ""
    return item


def _decimal(value: float) -> str:
    """A number as DS, at most 16 characters, to a millionth (PS3.5 6.2)."""
    from pydicom.valuerep import format_number_as_ds

    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text if len(text) <= 16 else format_number_as_ds(value)
