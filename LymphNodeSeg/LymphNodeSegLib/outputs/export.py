"""A segmentation file as a DICOM object of the series it was drawn on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Callable

from ..errors import InputError
from ..images.files import read_image
from ..nodes.measure import measure_nodes
from .segmentation_files import read_segmentation


def export_segmentation(
    segmentation: Path, reference: Path, output_format: str, out: Path, label_map: bool = False
) -> tuple[str, ...]:
    """Write a segmentation as RTSTRUCT, SEG or SR that refers to the original series.

    Nodes that a run of ours found, and nobody changed since, are AUTOMATIC; all others SEMIAUTOMATIC.

    Args:
        segmentation: Anything that `read_segmentation` takes.
        reference: Folder of the DICOM series.
        output_format: "rtstruct", "seg" or "sr".
        out: The file to write.
        label_map: Write a SEG as a label map; see `write_dicom_seg`.

    Returns:
        Sentences for the user about the segmentation (overlaps, segments left out).

    Raises:
        InputError: one of them cannot be used, or the file cannot be written.
    """
    from .dicom_seg import write_dicom_seg
    from .rtstruct import write_rtstruct
    from .structured_report import write_structured_report

    t2 = read_image(reference, "T2")
    if not t2.is_dicom:
        raise InputError(
            f"{reference.name} is no DICOM series: give the folder of the series that was segmented."
        )
    masks = read_segmentation(segmentation, t2)
    nodes = measure_nodes(masks.labels, t2=t2, ids=masks.ids)
    edited = frozenset(masks.ids.values()) - masks.as_found
    writers: dict[str, Callable[..., None]] = {
        "rtstruct": partial(write_rtstruct, edited_ids=edited),
        "seg": partial(write_dicom_seg, edited_ids=edited, label_map=label_map),
        "sr": write_structured_report,
    }
    try:
        writers[output_format](masks.labels, nodes, t2.acquisition.source_files, out)
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror}): choose another --out.") from None
    return masks.notes
