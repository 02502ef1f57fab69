"""How well series suit, alone and together, by what they cover, how they were acquired and how finely."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Optional

from .checks import overlap
from .headers import FileHeader
from .roles import DWI
from .series import Series, Volume

# Nodes are bright at b-values from here on; above the upper one noise takes over.
LOWEST_SUITABLE_B = 500.0
HIGHEST_SUITABLE_B = 1500.0
SMALLEST_OVERLAP = 0.1
SAME_GRID_MM = 0.1
PLANES = ("axial", "sagittal", "coronal")


def best_volume(dwi: Series) -> Volume:
    """The volume at the highest b-value up to 1500 s/mm2; above that only if there is no other."""
    usable = [
        volume for volume in dwi.usable if volume.b_value is None or volume.b_value <= HIGHEST_SUITABLE_B
    ]
    diffusing = [volume for volume in usable if volume.b_value]
    return max(diffusing or dwi.usable, key=lambda volume: volume.b_value or 0.0)


def fits(one: Series, other: Series) -> bool:
    """Same study and patient, and lying in the same place."""
    return _same_study(one.first.file, other.first.file) and _overlap(one, other) >= SMALLEST_OVERLAP


def _same_study(one: FileHeader, other: FileHeader) -> bool:
    """Some de-identifiers give all patients one study UID."""
    known = one.patient and other.patient
    return one.study_uid == other.study_uid and (one.patient == other.patient or not known)


def _overlap(one: Series, other: Series) -> float:
    a, b = one.geometry, other.geometry
    return overlap(a, b) if a is not None and b is not None else 0.0


def _same_frame(one: Series, other: Series) -> bool:
    return one.first.file.frame_of_reference_uid == other.first.file.frame_of_reference_uid


def dwi_rank(dwi: Series) -> tuple[Any, ...]:
    """What makes a DWI better than another, most important first."""
    b_value = best_volume(dwi).b_value or 0.0
    suitable = LOWEST_SUITABLE_B <= b_value <= HIGHEST_SUITABLE_B
    return (
        b_value >= LOWEST_SUITABLE_B,
        not dwi.computed,
        not _is_reformatted(dwi),
        suitable,
        "axial" in dwi.plane,
        _extent_mm3(dwi),
        min(b_value, HIGHEST_SUITABLE_B),
        dwi.number,
    )


def t2_rank(t2: Series, dwi: Series) -> tuple[Any, ...]:
    """What makes a T2 better than another to go with a DWI, most important first."""
    geometry = t2.geometry
    assert geometry is not None
    plane = next((len(PLANES) - rank for rank, name in enumerate(PLANES) if name in t2.plane), 0)
    return (
        _same_frame(t2, dwi),
        not t2.traits.single_shot,
        t2.first.image_type[:1] != ("DERIVED",) and not _is_reformatted(t2),
        plane,
        not t2.traits.fat_suppressed,
        round(_overlap(dwi, t2), 1),
        -round(geometry.voxel_volume_mm3, 1),
        "ND" not in t2.first.image_type,  # Siemens keeps the images before distortion correction too
        t2.number,
    )


def _is_reformatted(series: Series) -> bool:
    """Whether the slices were cut from a volume in another plane."""
    return bool({"MPR", "REFORMATTED"} & set(series.first.image_type))


def adc_rank(adc: Series, dwi: Series) -> tuple[Any, ...]:
    """What makes an ADC map better than another to go with a DWI, most important first."""
    same_grid = bool(adc.geometry and dwi.geometry and adc.geometry.is_close(dwi.geometry, SAME_GRID_MM))
    after = adc.number >= dwi.number
    return (_same_frame(adc, dwi), same_grid, after, -abs(adc.number - dwi.number), _overlap(dwi, adc))


def _extent_mm3(series: Series) -> float:
    """Volume covered, to two digits: a few millimeters more are no reason to prefer a series."""
    geometry = series.geometry
    if geometry is None:
        return 0.0
    return float(f"{geometry.voxel_volume_mm3 * math.prod(geometry.size_ijk):.1e}")


def dwi_family(
    chosen: Series, b_value: Optional[float], series: Sequence[Series]
) -> list[tuple[Series, Volume]]:
    """Every measured b-value of the acquisition that a DWI belongs to, lowest first, with `chosen`'s own.

    Some de-identifiers and scanners store each b-value as a series of its own: those on the same grid
    and of the same name, but for the b-value in it, belong together.
    """
    grid = next((volume.stack.geometry for volume in chosen.usable if volume.b_value == b_value), None)
    if grid is None:
        return []
    members = [chosen] + [
        one
        for one in series
        if one is not chosen and one.role == DWI and not one.computed and _same_acquisition(one, chosen)
    ]
    found: dict[float, tuple[Series, Volume]] = {}
    for member in members:
        for volume in member.usable:
            there = volume.stack.geometry
            if volume.b_value is not None and there is not None and there.is_close(grid, SAME_GRID_MM):
                found.setdefault(round(volume.b_value), (member, volume))
    return [found[b_value] for b_value in sorted(found)]


def _same_acquisition(one: Series, other: Series) -> bool:
    return (
        _same_study(one.first.file, other.first.file)
        and _same_frame(one, other)
        and _plain_name(one.description) == _plain_name(other.description)
    )


def _plain_name(description: str) -> str:
    """A description without b-value and punctuation."""
    return re.sub(r"b?[ =_-]*\d+(?:t|trace)?|[^a-z]", "", description.lower())
