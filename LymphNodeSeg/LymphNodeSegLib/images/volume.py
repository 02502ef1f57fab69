"""The voxels of a series as an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ..errors import InputError
from ..progress import Progress, Silent
from .adc_units import in_um2_s
from .checks import check_image
from .headers import Slice
from .image import Acquisition, Image
from .pixels import stored_values
from .ranking import best_volume
from .roles import ADC, DWI
from .series import Series, Volume
from .stack import axes_of


def load_series(
    series: Series, b_value: Optional[float] = None, progress: Optional[Progress] = None
) -> Image:
    """Read one volume of a series.

    Args:
        series: As a scan found it.
        b_value: Which one of a DWI, in s/mm2 (the nearest is taken); by default the best one.
        progress: Told after each file.

    Returns:
        The image; integers where the file has no rescaling, else float32. An ADC map is in um2/s.
        Repeats at one place (directions, averages) are averaged geometrically: the trace-weighted image.

    Raises:
        InputError: the series has a problem, or its pixels cannot be read.
        Cancelled: the user asked to stop.
    """
    volume = _wanted(series, b_value)
    geometry = volume.stack.geometry
    if volume.problem is not None or geometry is None:
        raise InputError(f"The series '{series.description}' cannot be used: {volume.problem}")
    array = _voxels(volume.stack.slices, progress or Silent())
    if series.role == ADC:
        array = in_um2_s(array)
    image = Image(array, geometry, acquisition_of(series, volume))
    check_image(image, f"The series '{series.description}'")
    return image


def _wanted(series: Series, b_value: Optional[float]) -> Volume:
    if series.role != DWI:
        return series.volumes[0]
    if not series.usable:
        return series.volumes[0]
    if b_value is None:
        return best_volume(series)
    return min(series.volumes, key=lambda volume: abs((volume.b_value or 0.0) - b_value))


def _voxels(places: Sequence[tuple[Slice, ...]], progress: Progress) -> np.ndarray:
    """Planes in the order of k; each file is opened once, and only one at a time is in memory."""
    rescale = _rescaling([piece for place in places for piece in place])
    wanted: dict[Path, list[tuple[int, Slice]]] = {}
    for k, place in enumerate(places):
        for piece in place:
            wanted.setdefault(piece.file.path, []).append((k, piece))
    repeats = [len(place) for place in places]
    averaged = max(repeats) > 1
    planes: list[Any] = [None] * len(places)
    for count, (path, members) in enumerate(wanted.items()):
        progress.fraction(count / len(wanted))
        pixels = stored_values(path)
        for k, piece in members:
            plane = _plane(pixels, piece)
            slope, intercept = rescale(piece)
            if (slope, intercept) != (1.0, 0.0):
                plane = (plane * slope + intercept).astype(np.float32)
            if averaged:
                with np.errstate(divide="ignore"):
                    logarithm = np.log(np.maximum(plane, 0).astype(np.float64)) / repeats[k]
                planes[k] = logarithm if planes[k] is None else planes[k] + logarithm
            else:
                planes[k] = plane
    progress.fraction(1.0)
    array = np.stack(planes)
    return np.exp(array).astype(np.float32) if averaged else array


def _plane(pixels: np.ndarray, piece: Slice) -> np.ndarray:
    plane = pixels[piece.frame] if pixels.ndim == 3 else pixels
    if piece.tile_origin is not None:
        row, column = piece.tile_origin
        plane = plane[row : row + piece.rows, column : column + piece.columns]
    if plane.shape != (piece.rows, piece.columns):
        raise InputError(
            f"The pixels of '{piece.file.path.name}' do not have the size that its header names."
        )
    return plane


def _rescaling(slices: Sequence[Slice]) -> Any:
    """How stored values become comparable ones: the header's slope and intercept.

    Philips scales every image to the full range of its stored values. Where its private scale slope
    shows that the scales differ within the volume, stored / scale slope is what can be compared
    (Chenevert 2014, doi 10.1593/tlo.13811).
    """
    scales = {round(piece.slope * piece.scale_slope, 12) for piece in slices}
    if len(scales) > 1 and all(piece.scale_slope > 0 for piece in slices):
        common = float(np.mean([piece.slope * piece.scale_slope for piece in slices]))
        return lambda piece: (
            common / piece.scale_slope,
            common * piece.intercept / (piece.slope * piece.scale_slope),
        )
    return lambda piece: (piece.slope, piece.intercept)


def acquisition_of(series: Series, volume: Volume) -> Acquisition:
    """What is known of how a volume of a series was acquired."""
    first = volume.stack.slices[0][0]
    files = tuple(place[0].file.path for place in volume.stack.slices)
    return Acquisition(
        role=series.role,
        b_value_s_mm2=volume.b_value,
        computed=series.computed,
        description=series.description,
        series_uid=series.uid,
        study_uid=first.file.study_uid,
        frame_of_reference_uid=first.file.frame_of_reference_uid,
        phase_encoding_lps=_phase_encoding(first),
        source_files=files[:1] if len(set(files)) == 1 else files,
    )


def _phase_encoding(piece: Slice) -> Optional[tuple[float, float, float]]:
    """ROW: phase is encoded along the rows (i); COL: along the columns (j). DICOM PS3.3 C.8.3.1."""
    if not piece.file.phase_encoding:
        return None
    row, column, _ = axes_of(piece)
    axis = row if piece.file.phase_encoding == "ROW" else column
    return float(axis[0]), float(axis[1]), float(axis[2])
