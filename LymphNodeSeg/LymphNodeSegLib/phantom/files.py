"""Writes a phantom as NRRD files, or as a DICOM study, with the truth beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.image import Image
from ..result_folder import ResultFolder
from .pelvis import Phantom
from .truth import TrueNode

if TYPE_CHECKING:
    import SimpleITK

STATEMENT = "Synthetic images made by LymphNodeSeg. No patient was involved. Not for diagnosis."
NODE_COLOR = (68 / 255, 172 / 255, 100 / 255)
LYMPH_NODE_TERMINOLOGY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^85756007^Tissue~SCT^59441001^Lymph node~^^~Anatomic codes - DICOM master list~^^~^^|"
)


def write_nrrd(phantom: Phantom, folder: Path) -> None:
    """Write ``t2.nrrd``, ``dwi_b0000.nrrd`` and so on, ``adc.nrrd`` and the truth into a folder.

    The truth is ``truth.seg.nrrd`` (a segment per node), ``truth.json`` (exact measurements) and
    ``displacement.nrrd`` (T2 point -> DWI point, LPS mm). All files appear at once or none does.

    Args:
        phantom: What to write.
        folder: Made if it does not exist; files of these names are replaced.

    Raises:
        InputError: the folder can't be written to.
    """
    import SimpleITK as sitk

    with ResultFolder(folder) as target:
        staging = target.staging
        sitk.WriteImage(integers(phantom.t2), str(staging / "t2.nrrd"), True)
        for image in phantom.dwi_series:
            name = f"dwi_b{round(image.acquisition.b_value_s_mm2 or 0):04d}.nrrd"
            sitk.WriteImage(integers(image), str(staging / name), True)
        sitk.WriteImage(integers(phantom.adc), str(staging / "adc.nrrd"), True)
        write_truth(phantom, staging)
        target.publish()


def write_dicom(phantom: Phantom, folder: Path) -> None:
    """Write a DICOM study into ``folder/study`` and the truth (see `write_nrrd`) beside it.

    Raises:
        InputError: the folder can't be written to.
    """
    from .dicom import write_study

    with ResultFolder(folder) as target:
        write_study(phantom, target.staging / "study")
        write_truth(phantom, target.staging)
        target.publish()


def write_truth(phantom: Phantom, folder: Path) -> None:
    """Write ``truth.seg.nrrd``, ``truth.json`` and ``displacement.nrrd`` into an existing folder."""
    import SimpleITK as sitk

    sitk.WriteImage(segmentation(phantom), str(folder / "truth.seg.nrrd"), True)
    (folder / "truth.json").write_text(json.dumps(truth_record(phantom), indent=2) + "\n", encoding="utf-8")
    field = sitk.GetImageFromArray(phantom.displacement_lps_mm, isVector=True)
    field.CopyInformation(phantom.t2.to_sitk())
    sitk.WriteImage(field, str(folder / "displacement.nrrd"), True)


def integers(image: Image) -> SimpleITK.Image:
    """The image as scanners store it: unsigned 16 bit."""
    return image.with_array(np.clip(np.rint(image.array), 0, 65535).astype(np.uint16)).to_sitk()


def truth_record(phantom: Phantom) -> dict[str, Any]:
    """The content of ``truth.json``."""
    return {
        "statement": STATEMENT,
        "synthetic": True,
        "seed": phantom.seed,
        "difficulty": phantom.difficulty,
        "sex": "female" if phantom.female else "male",
        "plane": phantom.t2.geometry.plane,
        "phase_encoding_lps": list(phantom.phase_encoding_lps),
        "displacement": "displacement.nrrd, LPS mm: what lies at the T2's point p is in the DWI at p + d(p)",
        "axes": "RECIST 1.1 in the acquisition plane, on the continuous shape",
        "nodes": [node_record(node) for node in phantom.nodes],
    }


def node_record(node: TrueNode) -> dict[str, Any]:
    """One node of ``truth.json``."""
    x, y, z = node.center_lps_mm
    return {
        "id": segment_id(node),
        "label": node.label,
        "volume_mm3": round(node.volume_mm3, 3),
        "short_axis_mm": round(node.short_axis_mm, 3),
        "long_axis_mm": round(node.long_axis_mm, 3),
        "centroid_ras_mm": [round(-x, 3), round(-y, 3), round(z, 3)],
        "station": node.station,
        "side": node.side,
        "kind": node.kind,
        "complete": node.complete,
    }


def segment_id(node: TrueNode) -> str:
    """The id of a node's segment."""
    return f"T{node.label:03d}"


def segmentation(phantom: Phantom) -> SimpleITK.Image:
    """The label map with the header by which Slicer knows the segments of a ``.seg.nrrd``."""
    image = phantom.t2.with_array(phantom.labels).to_sitk()
    header = {
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
        "Segmentation_ConversionParameters": "",
    }
    for number, node in enumerate(phantom.nodes):
        where = np.argwhere(phantom.labels == node.label)
        low, high = where.min(axis=0)[::-1], where.max(axis=0)[::-1]
        name = f"Segment{number}_"
        header |= {
            name + "ID": segment_id(node),
            name + "Name": f"{segment_id(node)} {node.side} {node.station.replace('_', ' ')}",
            name + "NameAutoGenerated": "0",
            name + "LabelValue": str(node.label),
            name + "Layer": "0",
            name + "Color": " ".join(f"{c:.6f}" for c in NODE_COLOR),
            name + "ColorAutoGenerated": "0",
            name + "Extent": " ".join(f"{a} {b}" for a, b in zip(low, high)),
            name + "Tags": f"TerminologyEntry:{LYMPH_NODE_TERMINOLOGY}",
        }
    for key, value in header.items():
        image.SetMetaData(key, value)
    return image
