"""Enhanced multi-frame MR: the frames of one file as slices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Optional

from . import b_values
from .headers import FileHeader, Slice, number, numbers, text, texts, whole

# Philips keeps what classic files have in their root in a private sequence of each frame.
PHILIPS_FRAME = (0x2005, 0x0F)


def slices_of(dataset: Any, file: FileHeader) -> tuple[Slice, ...]:
    """Every frame of an enhanced multi-frame file.

    What a frame's own functional groups do not say is looked up in the shared ones.
    """
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"))
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    count = whole(dataset, "NumberOfFrames", len(frames))
    if not frames or count != len(frames):
        return (Slice(replace(file, defect="The number of frames and their descriptions disagree.")),)
    file = _with_timing(file, frames[0], shared)
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    image_type = texts(dataset, "ImageType")
    return tuple(
        _slice(file, number_, frame, shared, rows, columns, image_type)
        for number_, frame in enumerate(frames)
    )


def _slice(
    file: FileHeader,
    index: int,
    frame: Any,
    shared: Any,
    rows: int,
    columns: int,
    image_type: tuple[str, ...],
) -> Slice:
    def group(keyword: str) -> Any:
        return _first(frame.get(keyword)) or _first(shared.get(keyword) if shared is not None else None)

    position = group("PlanePositionSequence")
    orientation = group("PlaneOrientationSequence")
    measures = group("PixelMeasuresSequence")
    transform = group("PixelValueTransformationSequence")
    diffusion = group("MRDiffusionSequence")
    content = group("FrameContentSequence")
    frame_type = group("MRImageFrameTypeSequence")
    b_value: Optional[float] = None
    directionality = ""
    if diffusion is not None:
        b_value = b_values.clean(number(diffusion, "DiffusionBValue"))
        named = text(diffusion, "DiffusionDirectionality").upper()
        directionality = b_values.DIRECTIONALITIES.get(named, "")
        if named == "NONE" and b_value is None:
            b_value = 0.0
    slope = number(transform, "RescaleSlope") if transform is not None else None
    private = _first(b_values.private_value(frame, PHILIPS_FRAME)) or {}
    return Slice(
        file=file,
        frame=index,
        rows=rows,
        columns=columns,
        position_lps_mm=numbers(position, "ImagePositionPatient", 3) if position is not None else (),
        orientation_lps=numbers(orientation, "ImageOrientationPatient", 6) if orientation is not None else (),
        pixel_spacing_mm=numbers(measures, "PixelSpacing", 2) if measures is not None else (),
        image_type=(texts(frame_type, "FrameType") if frame_type is not None else ()) or image_type,
        b_value=b_value,
        directionality=directionality,
        slope=slope or 1.0,
        intercept=(number(transform, "RescaleIntercept") if transform is not None else None) or 0.0,
        scale_slope=b_values.philips_scale_slope(private, file.manufacturer),
        instance_number=index + 1,
        repeat=_repeat(content),
    )


def _repeat(content: Any) -> tuple[int, ...]:
    if content is None:
        return (0, 0)
    return (whole(content, "TemporalPositionIndex"), whole(content, "FrameAcquisitionNumber"))


def _with_timing(file: FileHeader, frame: Any, shared: Any) -> FileHeader:
    """Echo and repetition time and phase encoding, which enhanced files keep in functional groups."""

    def group(keyword: str) -> Any:
        return _first(frame.get(keyword)) or _first(shared.get(keyword) if shared is not None else None)

    timing, echo = group("MRTimingAndRelatedParametersSequence"), group("MREchoSequence")
    geometry = group("MRFOVGeometrySequence")
    repetition = number(timing, "RepetitionTime") if timing is not None else None
    echo_time = number(echo, "EffectiveEchoTime") if echo is not None else None
    direction = text(geometry, "InPlanePhaseEncodingDirection").upper() if geometry is not None else ""
    return replace(
        file,
        repetition_time_ms=repetition or file.repetition_time_ms,
        echo_time_ms=echo_time if echo_time is not None and math.isfinite(echo_time) else file.echo_time_ms,
        phase_encoding={"ROW": "ROW", "COLUMN": "COL"}.get(direction, file.phase_encoding),
    )


def _first(sequence: Any) -> Any:
    try:
        return sequence[0] if sequence is not None and len(sequence) else None
    except TypeError:
        return None
