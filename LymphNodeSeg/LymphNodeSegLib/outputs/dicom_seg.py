"""Nodes as a DICOM segmentation, by highdicom (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import NOTICE, __version__
from ..colors import color_of
from ..errors import InputError
from ..images.image import Image
from ..nodes.node import Node
from . import codes, dicom_common
from .dicom_reference import Reference, read_reference

if TYPE_CHECKING:
    from pydicom import Dataset


def write_dicom_seg(
    labels: Image,
    nodes: Sequence[Node],
    reference_files: Sequence[Path],
    path: Path,
    edited_ids: Collection[str] = frozenset(),
    label_map: bool = False,
) -> None:
    """Write a segmentation, one segment a node, that refers to the original T2 series.

    Args:
        labels: One label a node, on the grid of the T2.
        nodes: The nodes; `Node.label` names each one's voxels.
        reference_files: The DICOM files of the original T2 series (`Image.acquisition.source_files`).
        path: Where to write; an old file is replaced only when the new one is complete.
        edited_ids: Ids of nodes that a reader has changed; their segments are SEMIAUTOMATIC.
        label_map: Write a Label Map Segmentation (of 2024: smaller, but few programs read it) rather than
            a binary one.

    Raises:
        InputError: there is no node (the standard allows no empty segmentation), the reference series does
            not fit, highdicom is not installed, or the file cannot be written.
    """
    require_highdicom()
    dicom_common.require_nodes(labels, nodes, "segmentation")
    reference = read_reference(reference_files, labels.geometry)
    with dicom_common.quiet():
        with refused_by_highdicom("SEG"):
            dataset = _segmentation(labels, nodes, reference, edited_ids, label_map)
        dicom_common.carry_over(dataset, reference.header)
        dicom_common.save(dataset, path)


def require_highdicom() -> None:
    """Say how to get highdicom where it is missing; Slicer does not bundle it.

    Raises:
        InputError: highdicom cannot be imported.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise InputError(
            "DICOM SEG and SR need the package highdicom: run 'pip install highdicom'."
        ) from error


@contextmanager
def refused_by_highdicom(what: str) -> Iterator[None]:
    """Turn what highdicom raises over a reference series with broken headers into one line for the user.

    Raises:
        InputError: highdicom raised.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The headers of the reference series lack what a DICOM {what} must repeat: export an RTSTRUCT."
        ) from error


def _segmentation(
    labels: Image,
    nodes: Sequence[Node],
    reference: Reference,
    edited_ids: Collection[str],
    label_map: bool,
) -> Dataset:
    import highdicom as hd
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    kinds = hd.seg.SegmentationTypeValues
    uids = dicom_common.tracking_uids(labels, nodes, reference.header.SeriesInstanceUID)
    descriptions = [
        _description(number, node, uids[node.id], node.id in edited_ids)
        for number, node in enumerate(nodes, start=1)
    ]
    return hd.seg.Segmentation(
        source_images=_sources(reference),
        pixel_array=_frames(labels, nodes, reference),
        segmentation_type=kinds.LABELMAP if label_map else kinds.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(prefix=None),
        series_number=dicom_common.SERIES_NUMBERS["SEG"],
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=dicom_common.MANUFACTURER,
        manufacturer_model_name=dicom_common.MANUFACTURER,
        software_versions=dicom_common.SOFTWARE_VERSION,
        device_serial_number=dicom_common.DEVICE_SERIAL_NUMBER,
        content_label="LYMPH_NODES",
        content_description=NOTICE,
        series_description=dicom_common.SERIES_DESCRIPTION,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )


def _sources(reference: Reference) -> list[Dataset]:
    """The headers of the series, with what highdicom cannot do without."""
    headers = list(reference.headers)
    if len(headers) > 1 and any("PerFrameFunctionalGroupsSequence" in header for header in headers):
        raise InputError(
            "The reference series has several multi-frame files, which a DICOM SEG cannot refer to: "
            "export an RTSTRUCT."
        )
    for header in headers:
        if "PerFrameFunctionalGroupsSequence" not in header and not header.get("SliceThickness"):
            header.SliceThickness = reference.geometry.spacing_mm[2]
    return headers


def _frames(labels: Image, nodes: Sequence[Node], reference: Reference) -> np.ndarray:
    """Segment numbers [plane, j, i], a plane for each file or frame of the reference in its order."""
    numbers = np.zeros(int(labels.array.max()) + 1, dtype=np.uint16)
    for number, node in enumerate(nodes, start=1):
        numbers[node.label] = number
    slices = numbers[labels.array]
    count = len(reference.headers)
    if "PerFrameFunctionalGroupsSequence" in reference.header:
        count = len(reference.header.PerFrameFunctionalGroupsSequence)
    frames = np.zeros((count, *slices.shape[1:]), dtype=np.uint16)
    for k, plane in enumerate(reference.plane_of_slice):
        frames[plane.file if plane.frame is None else plane.frame - 1] = slices[k]
    return frames


def _description(number: int, node: Node, tracking_uid: str, edited: bool) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes as dicom_codes

    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=dicom_common.title(node),
        segmented_property_category=codes.TISSUE.concept(),
        segmented_property_type=codes.LYMPH_NODE.concept(),
        algorithm_type="SEMIAUTOMATIC" if edited else "AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=dicom_common.MANUFACTURER,
            family=dicom_codes.DCM.ArtificialIntelligence,
            version=__version__,
        ),
        tracking_uid=tracking_uid,
        tracking_id=node.id,
        anatomic_regions=[codes.station(node.station).concept()],
        **_display_color(node),
    )
    side = codes.laterality(node.side)
    if side is not None:
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [side.dataset()]
    return description


def _display_color(node: Node) -> dict[str, Any]:
    """The color of the node's size class; nothing in highdicom 0.22, the last for Slicer 5.8's pydicom 2."""
    import highdicom as hd

    if not hasattr(hd.color.CIELabColor, "from_rgb"):
        return {}
    return {"display_color": hd.color.CIELabColor.from_rgb(*color_of(node.size_class))}
