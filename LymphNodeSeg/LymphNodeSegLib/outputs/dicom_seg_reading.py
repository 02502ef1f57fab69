"""DICOM segmentations, ours and others', as label maps (PS3.3 A.51; by highdicom)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Acquisition, Geometry
from .dicom_seg import require_highdicom
from .segmentation import Painter, Segmentation, leading_id

if TYPE_CHECKING:
    from pydicom import Dataset

_INSIDE = 0.5
"""Fraction or probability from which a voxel of a FRACTIONAL segmentation belongs to its segment."""


def segmentation_of_seg(dataset: Dataset) -> Segmentation:
    """Each segment of a BINARY, FRACTIONAL or LABELMAP segmentation, on the grid that its frames span.

    Raises:
        InputError: highdicom is not installed, the file is damaged, or its frames span no regular grid.
    """
    require_highdicom()
    import highdicom as hd

    painter: Optional[Painter] = None
    try:
        source = hd.seg.Segmentation.from_dataset(dataset, copy=False)
        for number in source.segment_numbers:
            description = source.get_segment_description(number)
            volume = source.get_volume(segment_numbers=[number], combine_segments=False)
            painter = painter or Painter(_geometry(volume))
            tracking_id = str(description.get("TrackingID") or "")
            mask = volume.array[..., 0] >= _INSIDE
            painter.paint(mask, str(description.segment_label), leading_id(tracking_id))
    except InputError:
        raise
    except Exception as error:  # highdicom raises nearly anything over a damaged file.
        encoding = _unusual_encoding(dataset)
        if encoding:
            raise InputError(
                f"The DICOM SEG is stored as {encoding}, which cannot be read: "
                "convert it to Explicit VR Little Endian."
            ) from error
        raise InputError(
            "The DICOM SEG cannot be read: it is damaged, or its frames form no regular stack of slices."
        ) from error
    if painter is None:
        raise InputError("The DICOM SEG has no segment: there is nothing to read.")
    acquisition = Acquisition(
        description=str(dataset.get("SeriesDescription") or ""),
        study_uid=str(dataset.get("StudyInstanceUID") or ""),
        frame_of_reference_uid=str(dataset.get("FrameOfReferenceUID") or ""),
    )
    return painter.finish(acquisition)


def _unusual_encoding(dataset: Dataset) -> str:
    """The name of a transfer syntax other than the plain ones, which are read whatever is installed."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    plain = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
    return "" if syntax is None or syntax in plain else str(syntax.name)


def _geometry(volume: Any) -> Geometry:
    """A highdicom volume's geometry; its axes are slice, row, column, its affine is in LPS."""
    slices_mm, rows_mm, columns_mm = (float(value) for value in volume.spacing)
    direction = np.array(volume.direction, dtype=float)[:, ::-1]
    slices, rows, columns = volume.spatial_shape
    x, y, z = (float(value) for value in volume.affine[:3, 3])
    return Geometry(
        (columns, rows, slices),
        (x, y, z),
        (columns_mm, rows_mm, slices_mm),
        tuple(direction.ravel().tolist()),
    )
