"""Measurements of the nodes as a DICOM structured report, by highdicom (PS3.16 TID 1500)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from .. import __version__
from ..errors import InputError
from ..images.image import Image
from ..nodes.node import Diameter, Node
from . import codes, dicom_common
from .dicom_reference import Reference, read_reference
from .dicom_seg import refused_by_highdicom, require_highdicom

if TYPE_CHECKING:
    from pydicom import Dataset

_ON_SLICE = 0.01
"""How far the end points of a diameter may lie from a slice, in slices, to be drawn on it."""


def write_structured_report(
    labels: Image,
    nodes: Sequence[Node],
    reference_files: Sequence[Path],
    path: Path,
    seg_path: Optional[Path] = None,
) -> None:
    """Write a Comprehensive SR with one measurement group a node.

    Each group has the tracking identifier and UID that the SEG of the same result has, the finding and its
    site, volume, long and short axis in the acquisition plane, and the mean ADC. Values that could not be had
    are left out.

    Args:
        labels: One label a node, on the grid of the T2.
        nodes: The nodes; `Node.label` names each one's voxels.
        reference_files: The DICOM files of the original T2 series (`Image.acquisition.source_files`).
        path: Where to write; an old file is replaced only when the new one is complete.
        seg_path: The binary SEG of the same nodes in the same order; the groups then refer to its segments
            (TID 1411). Without it, to the images that show the node and the lines measured on them
            (TID 1501).

    Raises:
        InputError: there is no node, the reference series or the SEG does not fit, highdicom is not
            installed, or the file cannot be written.
    """
    require_highdicom()
    dicom_common.require_nodes(labels, nodes, "measurement report")
    reference = read_reference(reference_files, labels.geometry)
    with dicom_common.quiet():
        segmentation = _read_seg(seg_path, nodes) if seg_path is not None else None
        with refused_by_highdicom("SR"):
            groups = _groups(labels, nodes, reference, segmentation)
            dataset = _report(groups, reference, segmentation)
        dicom_common.carry_over(dataset, reference.header)
        dicom_common.save(dataset, path)


def _read_seg(path: Path, nodes: Sequence[Node]) -> Any:
    import highdicom as hd

    try:
        segmentation = hd.seg.segread(path)
        ids = [str(item.get("TrackingID")) for item in segmentation.SegmentSequence]
    except Exception as error:
        raise InputError(f"{path.name} cannot be read as a DICOM SEG: write it anew.") from error
    if segmentation.segmentation_type != hd.seg.SegmentationTypeValues.BINARY:
        raise InputError(
            f"{path.name} is no binary SEG, which readers of reports do not know yet: write it anew."
        )
    if ids != [node.id for node in nodes]:
        raise InputError(f"{path.name} holds other nodes than those measured: write it anew.")
    return segmentation


def _report(groups: Sequence[Any], reference: Reference, segmentation: Optional[Any]) -> Dataset:
    import highdicom as hd
    from pydicom.sr.codedict import codes as dicom_codes
    from pydicom.uid import generate_uid

    observer = hd.sr.ObserverContext(
        observer_type=dicom_codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, dicom_common.SOFTWARE_VERSION).int}",
            name=dicom_common.MANUFACTURER,
            manufacturer_name=dicom_common.MANUFACTURER,
            model_name=dicom_common.SOFTWARE_VERSION,
        ),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=dicom_codes.cid100.MRIUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=dicom_codes.DCM.ImagingMeasurementReport,
    )
    return hd.sr.ComprehensiveSR(
        evidence=[*reference.headers, *([segmentation] if segmentation is not None else [])],
        content=content[0],
        series_instance_uid=generate_uid(prefix=None),
        series_number=dicom_common.SERIES_NUMBERS["SR"],
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=dicom_common.MANUFACTURER,
        manufacturer_model_name=dicom_common.MANUFACTURER,
        software_versions=dicom_common.SOFTWARE_VERSION,
        series_description=dicom_common.SERIES_DESCRIPTION,
        is_complete=True,
    )


def _groups(
    labels: Image, nodes: Sequence[Node], reference: Reference, segmentation: Optional[Any]
) -> list[Any]:
    import highdicom as hd

    uids = dicom_common.tracking_uids(labels, nodes, reference.header.SeriesInstanceUID)
    blocks = dicom_common.voxels_of(labels, nodes)
    groups: list[Any] = []
    for number, (node, (block, start_ijk)) in enumerate(zip(nodes, blocks), start=1):
        common = {
            "tracking_identifier": hd.sr.TrackingIdentifier(uid=uids[node.id], identifier=node.id),
            "finding_type": codes.LYMPH_NODE.concept(),
            "finding_sites": [_site(node)],
            "algorithm_id": hd.sr.AlgorithmIdentification(
                name=dicom_common.MANUFACTURER, version=__version__
            ),
            # TID 1411 allows no coordinates: there the segment says where the node is.
            "measurements": _measurements(node, reference if segmentation is None else None),
        }
        slices = range(start_ijk[2], start_ijk[2] + len(block))
        if segmentation is not None:
            segment = hd.sr.ReferencedSegment(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                number,
                source_images=[_source_image(hd.sr.SourceImageForSegmentation, reference, k) for k in slices],
            )
            groups.append(
                hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **common)
            )
        else:
            images = [_source_image(hd.sr.SourceImageForMeasurementGroup, reference, k) for k in slices]
            groups.append(hd.sr.MeasurementsAndQualitativeEvaluations(source_images=images, **common))
    return groups


def _site(node: Node) -> Any:
    import highdicom as hd

    laterality = codes.laterality(node.side)
    return hd.sr.FindingSite(
        codes.station(node.station).concept(), laterality=laterality.concept() if laterality else None
    )


def _source_image(kind: Any, reference: Reference, k: int) -> Any:
    """A reference to the image of slice k, as the content item that highdicom wants at this place."""
    item = reference.reference_to_slice(k)
    frame = item.get("ReferencedFrameNumber")
    return kind(
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID, [int(frame)] if frame is not None else None
    )


def _measurements(node: Node, drawn_on: Optional[Reference]) -> list[Any]:
    import highdicom as hd

    found = [hd.sr.Measurement(codes.VOLUME.concept(), round(node.volume_mm3, 3), codes.MM3.concept())]
    for code, diameter in ((codes.LONG_AXIS, node.long_axis), (codes.SHORT_AXIS, node.short_axis)):
        if diameter is not None:
            found.append(
                hd.sr.Measurement(
                    code.concept(),
                    round(diameter.length_mm, 3),
                    codes.MM.concept(),
                    **(_line(diameter, drawn_on) if drawn_on else {}),
                )
            )
    if node.mean_adc_um2_s is not None and np.isfinite(node.mean_adc_um2_s):
        found.append(
            hd.sr.Measurement(
                codes.ADC.concept(),
                round(node.mean_adc_um2_s, 3),
                codes.UM2_PER_S.concept(),
                derivation=codes.MEAN.concept(),
            )
        )
    return found


def _line(diameter: Diameter, reference: Reference) -> dict[str, Any]:
    """The line that was measured, on the image that shows it; nothing if it lies on no single image.

    Nothing either in highdicom 0.22, the last for Slicer 5.8's pydicom 2, which knows no such lines.
    """
    import highdicom as hd

    if not hasattr(hd.sr, "CoordinatesForMeasurement"):
        return {}

    ends_lps = np.array([diameter.start_ras_mm, diameter.end_ras_mm]) * (-1.0, -1.0, 1.0)
    ends_ijk = reference.geometry.ijk_from_lps(ends_lps)
    k = int(np.rint(ends_ijk[0, 2]))
    if np.abs(ends_ijk[:, 2] - k).max() > _ON_SLICE or not 0 <= k < len(reference.plane_of_slice):
        return {}
    line = hd.sr.CoordinatesForMeasurement(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=ends_ijk[:, :2] + 0.5,  # SCOORD counts from the corner of the first pixel.
        source_image=_source_image(hd.sr.SourceImageForRegion, reference, k),
    )
    return {"referenced_coordinates": [line]}
