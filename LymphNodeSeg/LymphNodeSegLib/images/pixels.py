"""The stored values of one DICOM file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .quiet import quietly

LONGEST_REASON = 120


def stored_values(path: Path) -> np.ndarray:
    """The stored values, [j, i] or [frame, j, i], before any rescaling.

    pydicom decodes with the codecs that are installed; where one is missing (JPEG lossless needs one
    that we do not depend on), SimpleITK, which brings its own.

    Raises:
        InputError: they cannot be read.
    """
    import pydicom

    try:
        with quietly():
            dataset = pydicom.dcmread(path, force=True)
            _name_encoding(dataset)
            try:
                return np.asarray(dataset.pixel_array)
            except (RuntimeError, NotImplementedError):
                if not dataset.file_meta.TransferSyntaxUID.is_encapsulated or "NumberOfFrames" in dataset:
                    raise
                return _by_simpleitk(path, dataset)
    except Exception as reason:  # Decoders raise nearly anything on broken pixels.
        raise InputError(
            f"The pixels of '{path.name}' cannot be read ({_short(reason)}): "
            "export the series again, uncompressed."
        ) from reason


def _name_encoding(dataset: Any) -> None:
    """Files without a preamble do not name their encoding; how their header was read tells it."""
    from pydicom import uid

    if "TransferSyntaxUID" in dataset.file_meta:
        return
    implicit, little = dataset.original_encoding
    explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit


def _by_simpleitk(path: Path, dataset: Any) -> np.ndarray:
    """SimpleITK applies the rescaling, which is undone here."""
    import SimpleITK as sitk

    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))[0]
    slope = float(dataset.get("RescaleSlope", 1.0) or 1.0)
    intercept = float(dataset.get("RescaleIntercept", 0.0) or 0.0)
    return values if (slope, intercept) == (1.0, 0.0) else np.round((values - intercept) / slope)


def _short(reason: Exception) -> str:
    """A library's message on one line, not too long."""
    line = " ".join(str(reason).split()) or type(reason).__name__
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."
