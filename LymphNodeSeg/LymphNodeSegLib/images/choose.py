"""Which series of a study a run works on, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import InputError
from .checks import overlap
from .roles import ADC, DWI, T2
from .series import Series, Volume

# Nodes are bright at b-values from here on; above the upper one noise takes over.
LOWEST_SUITABLE_B = 500.0
HIGHEST_SUITABLE_B = 1500.0
SMALLEST_OVERLAP = 0.1
SAME_GRID_MM = 0.1
PLANES = ("axial", "sagittal", "coronal")


@dataclass(frozen=True)
class Choice:
    """The series that were chosen.

    Attributes:
        t2, dwi: The chosen series.
        b_value_s_mm2: The chosen b-value of `dwi`; None if the header names none.
        adc: The ADC map, if there is one.
        reasons: Sentences that say why, for the user.
    """

    t2: Series
    dwi: Series
    b_value_s_mm2: Optional[float]
    adc: Optional[Series]
    reasons: tuple[str, ...]


def choose_series(series: Sequence[Series]) -> Choice:
    """The T2, the DWI at one b-value and the ADC map that fit each other best.

    A DWI that was measured is preferred to one that was computed as long as it has b >= 500 s/mm2.

    Raises:
        InputError: there is no T2 or no DWI that can be used.
    """
    t2s = _usable(series, T2)
    dwis = _usable(series, DWI)
    pairs = [(t2, dwi) for t2 in t2s for dwi in dwis if _fits(t2, dwi)]
    if not pairs:
        raise InputError(f"No T2-weighted series lies where a DWI series lies: {_inventory(series)}")
    dwi = max((pair[1] for pair in pairs), key=_dwi_rank)
    t2 = max((pair[0] for pair in pairs if pair[1] is dwi), key=lambda candidate: _t2_rank(candidate, dwi))
    volume = best_volume(dwi)
    adcs = [found for found in series if found.role == ADC and found.problem is None and _fits(found, dwi)]
    adc = max(adcs, key=lambda candidate: _adc_rank(candidate, dwi)) if adcs else None
    reasons = (
        _t2_reason(t2, t2s),
        _dwi_reason(dwi, volume, series),
        f"ADC: {_name(adc)}." if adc else "ADC: the study has no ADC map that fits the DWI.",
    )
    return Choice(t2, dwi, volume.b_value, adc, reasons)


def best_volume(dwi: Series) -> Volume:
    """The volume at the highest b-value up to 1500 s/mm2; above that only if there is no other."""
    usable = [
        volume for volume in dwi.usable if volume.b_value is None or volume.b_value <= HIGHEST_SUITABLE_B
    ]
    diffusing = [volume for volume in usable if volume.b_value]
    return max(diffusing or dwi.usable, key=lambda volume: volume.b_value or 0.0)


def _usable(series: Sequence[Series], role: str) -> list[Series]:
    """Series of a role that can be read.

    Raises:
        InputError: there is none.
    """
    found = [one for one in series if one.role == role and one.usable]
    if role == DWI:
        found = [one for one in found if one.b_values != (0.0,)]
    if found:
        return found
    broken = [f"'{one.description}': {one.problem}" for one in series if one.role == role and one.problem]
    if broken:
        raise InputError(f"The study's {role} series cannot be used: {' '.join(broken)}")
    raise InputError(f"The study holds no {role} series: {_inventory(series)}")


def _inventory(series: Sequence[Series]) -> str:
    names = [f"{_name(one)} ({one.kind})" for one in series]
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return (
        f"there are {listed}. Give a study with T2 and DWI of the pelvis, or name the images (--t2, --dwi)."
    )


def _fits(one: Series, other: Series) -> bool:
    """Same study, and lying in the same place."""
    return one.first.file.study_uid == other.first.file.study_uid and _overlap(one, other) >= SMALLEST_OVERLAP


def _overlap(one: Series, other: Series) -> float:
    a, b = one.geometry, other.geometry
    return overlap(a, b) if a is not None and b is not None else 0.0


def _same_frame(one: Series, other: Series) -> bool:
    return one.first.file.frame_of_reference_uid == other.first.file.frame_of_reference_uid


def _dwi_rank(dwi: Series) -> tuple[Any, ...]:
    b_value = best_volume(dwi).b_value or 0.0
    suitable = LOWEST_SUITABLE_B <= b_value <= HIGHEST_SUITABLE_B
    return (
        b_value >= LOWEST_SUITABLE_B,
        not dwi.computed,
        suitable,
        "axial" in dwi.plane,
        min(b_value, HIGHEST_SUITABLE_B),
        _slices(dwi),
        dwi.number,
    )


def _t2_rank(t2: Series, dwi: Series) -> tuple[Any, ...]:
    geometry = t2.geometry
    assert geometry is not None
    plane = next((len(PLANES) - rank for rank, name in enumerate(PLANES) if name in t2.plane), 0)
    return (
        _same_frame(t2, dwi),
        not t2.traits.single_shot,
        plane,
        not t2.traits.fat_suppressed,
        round(_overlap(dwi, t2), 1),
        -round(geometry.voxel_volume_mm3, 1),
        t2.number,
    )


def _adc_rank(adc: Series, dwi: Series) -> tuple[Any, ...]:
    same_grid = bool(adc.geometry and dwi.geometry and adc.geometry.is_close(dwi.geometry, SAME_GRID_MM))
    after = adc.number >= dwi.number
    return (_same_frame(adc, dwi), same_grid, after, -abs(adc.number - dwi.number), _overlap(dwi, adc))


def _slices(series: Series) -> int:
    geometry = series.geometry
    return geometry.size_ijk[2] if geometry is not None else 0


def _name(series: Series) -> str:
    return f"'{series.description or 'series ' + str(series.number)}'"


def _t2_reason(t2: Series, others: Sequence[Series]) -> str:
    left = [_name(other) for other in others if other is not t2]
    why = f"the {t2.plane} {t2.kind} series that lies where the DWI lies"
    return f"T2: {_name(t2)}, {why}" + (f"; not {', '.join(left)}." if left else ".")


def _dwi_reason(dwi: Series, volume: Volume, series: Sequence[Series]) -> str:
    b_name = "an unknown b-value" if volume.b_value is None else f"b = {volume.b_value:.0f} s/mm²"
    how = (
        "computed by the scanner, as no measured b-value of 500 or more is there"
        if dwi.computed
        else "measured"
    )
    left = [_name(one) for one in series if one.role == DWI and one.computed and one is not dwi]
    more = f"; not the computed {', '.join(left)}" if left else ""
    low = volume.b_value is not None and volume.b_value < LOWEST_SUITABLE_B
    warning = "; a b-value below 500 shows nodes with little contrast" if low else ""
    return f"DWI: {_name(dwi)} at {b_name}, {how}{more}{warning}."


def best_dwi(series: Sequence[Series]) -> Series:
    """The DWI series to prefer among several.

    Raises:
        InputError: none can be read.
    """
    return max(_usable(series, DWI), key=_dwi_rank)


def dwi_family(chosen: Series, series: Sequence[Series]) -> list[tuple[Series, Volume]]:
    """Every measured b-value of the acquisition that a DWI belongs to, lowest first, with `chosen`'s own.

    Some de-identifiers and scanners store each b-value as a series of its own: those on the same grid
    and of the same name, but for the b-value in it, belong together.
    """
    members = [chosen] + [
        one
        for one in series
        if one is not chosen and one.role == DWI and not one.computed and _same_acquisition(one, chosen)
    ]
    found: dict[float, tuple[Series, Volume]] = {}
    for member in members:
        for volume in member.usable:
            if volume.b_value is not None:
                found.setdefault(round(volume.b_value), (member, volume))
    return [found[b_value] for b_value in sorted(found)]


def _same_acquisition(one: Series, other: Series) -> bool:
    a, b = one.geometry, other.geometry
    if a is None or b is None or not a.is_close(b, SAME_GRID_MM):
        return False
    return (
        one.first.file.study_uid == other.first.file.study_uid
        and _same_frame(one, other)
        and _plain_name(one.description) == _plain_name(other.description)
    )


def _plain_name(description: str) -> str:
    """A description without b-value and punctuation."""
    return re.sub(r"b?[ =_-]*\d+(?:t|trace)?|[^a-z]", "", description.lower())


def series_as_dict(series: Sequence[Series], choice: Optional[Choice]) -> dict[str, Any]:
    """What ``lymphnodeseg series --json`` prints; "chosen" is None where nothing can be chosen."""
    return {
        "series": [
            {
                "uid": one.uid,
                "description": one.description,
                "role": one.role,
                "plane": one.plane,
                "b_values": list(one.b_values),
                "files": one.files,
                "problem": one.problem,
            }
            for one in series
        ],
        "chosen": None
        if choice is None
        else {
            "t2": choice.t2.uid,
            "dwi": choice.dwi.uid,
            "b_value": choice.b_value_s_mm2,
            "adc": choice.adc.uid if choice.adc else None,
        },
    }
