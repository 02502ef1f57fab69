"""Enhanced multi-frame MR: the frames of one file as slices. DICOM PS3.3 A.36, C.7.6.16."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, Optional

from . import b_values
from .elements import number, numbers, text, texts, whole
from .headers import FileHeader, Slice, phase_encoding

# Philips keeps what classic files have in their root in a private sequence of each frame.
PHILIPS_FRAME = (0x2005, 0x0F)


def slices_of(dataset: Any, file: FileHeader) -> tuple[Slice, ...]:
    """Every frame of an enhanced multi-frame file.

    What a frame's own functional groups do not say is looked up in the shared ones.
    """
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"))
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if not frames or whole(dataset, "NumberOfFrames", len(frames)) != len(frames):
        return (Slice(replace(file, defect="The number of frames and their descriptions disagree.")),)
    common = Slice(
        file=_with_timing(file, frames[0], shared),
        rows=whole(dataset, "Rows"),
        columns=whole(dataset, "Columns"),
        image_type=texts(dataset, "ImageType"),
    )
    return tuple(_slice(common, index, frame, shared) for index, frame in enumerate(frames))


def _slice(common: Slice, index: int, frame: Any, shared: Any) -> Slice:
    transform = _group(frame, shared, "PixelValueTransformationSequence")
    diffusion = _group(frame, shared, "MRDiffusionSequence")
    content = _group(frame, shared, "FrameContentSequence")
    frame_type = texts(_group(frame, shared, "MRImageFrameTypeSequence"), "FrameType")
    private = _first(b_values.private_value(frame, PHILIPS_FRAME))
    direction = text(diffusion, "DiffusionDirectionality").upper()
    b_value = number(diffusion, "DiffusionBValue")
    if b_value is None and direction == "NONE":
        b_value = 0.0
    if b_value is None:
        b_value, isotropic = _classic_b_value(frame, shared, common.file.manufacturer)
        direction = direction or isotropic.upper()
    return replace(
        common,
        frame=index,
        position_lps_mm=numbers(_group(frame, shared, "PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation_lps=numbers(
            _group(frame, shared, "PlaneOrientationSequence"), "ImageOrientationPatient", 6
        ),
        pixel_spacing_mm=numbers(_group(frame, shared, "PixelMeasuresSequence"), "PixelSpacing", 2),
        image_type=frame_type or common.image_type,
        b_value=b_values.clean(b_value),
        directionality=b_values.DIRECTIONALITIES.get(direction, ""),
        slope=number(transform, "RescaleSlope") or 1.0,
        intercept=number(transform, "RescaleIntercept") or 0.0,
        scale_slope=b_values.philips_scale_slope(private, common.file.manufacturer),
        instance_number=index + 1,
        repeat=(whole(content, "TemporalPositionIndex"), whole(content, "FrameAcquisitionNumber")),
    )


def _classic_b_value(frame: Any, shared: Any, maker: str) -> tuple[Optional[float], str]:
    """The b-value of a frame that was made of a classic file, as `b_values.of_dataset` gives it.

    Converters keep in two sequences what has no other place (Legacy Converted Enhanced MR).
    """
    for sequence in (
        frame.get("UnassignedPerFrameConvertedAttributesSequence"),
        shared.get("UnassignedSharedConvertedAttributesSequence"),
    ):
        kept = _first(sequence)
        b_value, directionality = b_values.of_dataset(kept, maker) if kept else (None, "")
        if b_value is not None:
            return b_value, directionality
    return None, ""


def _with_timing(file: FileHeader, frame: Any, shared: Any) -> FileHeader:
    """Echo and repetition time and phase encoding, which enhanced files keep in functional groups."""
    timing = _group(frame, shared, "MRTimingAndRelatedParametersSequence")
    echo = _group(frame, shared, "MREchoSequence")
    geometry = _group(frame, shared, "MRFOVGeometrySequence")
    converted = _group(frame, shared, "UnassignedSharedConvertedAttributesSequence")
    return replace(
        file,
        scanning_sequence=texts(converted, "ScanningSequence") or file.scanning_sequence,
        sequence_name=file.sequence_name or text(converted, "SequenceName"),
        repetition_time_ms=(
            number(timing, "RepetitionTime") or number(converted, "RepetitionTime") or file.repetition_time_ms
        ),
        echo_time_ms=(
            number(echo, "EffectiveEchoTime") or number(converted, "EchoTime") or file.echo_time_ms
        ),
        phase_encoding=phase_encoding(geometry) or file.phase_encoding,
    )


def _group(frame: Any, shared: Any, keyword: str) -> Any:
    """The one item of a functional group; empty if neither the frame nor the shared groups have it."""
    return _first(frame.get(keyword)) or _first(shared.get(keyword))


def _first(sequence: Any) -> Any:
    """The first item; an empty one if there is none."""
    try:
        return sequence[0] if sequence is not None and len(sequence) else _nothing()
    except TypeError:
        return _nothing()


@cache
def _nothing() -> Any:
    from pydicom import Dataset

    return Dataset()
