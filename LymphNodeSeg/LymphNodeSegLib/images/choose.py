"""Which series of a study a run works on, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..errors import InputError
from .ranking import LOWEST_SUITABLE_B, adc_rank, best_volume, dwi_rank, fits, t2_rank
from .roles import ADC, DWI, T2
from .series import Series, Volume

SAME_B_S_MM2 = 5.0


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


@dataclass(frozen=True)
class Wanted:
    """What the user has set; empty for what is to be chosen.

    Attributes:
        t2, dwi, adc: SeriesInstanceUID.
        b_value_s_mm2: Of the DWI.
    """

    t2: str = ""
    dwi: str = ""
    adc: str = ""
    b_value_s_mm2: Optional[float] = None


def choose_series(series: Sequence[Series], wanted: Optional[Wanted] = None) -> Choice:
    """The T2, the DWI at one b-value and the ADC map that fit each other best.

    A DWI that was measured is preferred to one that was computed as long as it has b >= 500 s/mm2.

    Args:
        series: Of one study, as a scan found them.
        wanted: What the user has set; the rest is chosen to fit it.

    Raises:
        InputError: there is no T2 or no DWI that can be used, or several studies could be meant.
    """
    wanted = wanted or Wanted()
    t2s = _candidates(series, T2, wanted.t2)
    dwis = _candidates(series, DWI, wanted.dwi)
    pairs = [(t2, dwi) for t2 in t2s for dwi in dwis if fits(t2, dwi)]
    if not pairs:
        raise InputError(f"No T2-weighted series lies where a DWI series lies: {_inventory(series)}")
    studies = {(t2.first.file.study_uid, t2.first.file.patient) for t2, _ in pairs}
    if len(studies) > 1:
        raise InputError(
            f"There are {len(studies)} studies with T2 and DWI: give the folder of one of them, or name its "
            "series (--t2-series, --dwi-series)."
        )
    dwi = max((pair[1] for pair in pairs), key=dwi_rank)
    t2 = max((pair[0] for pair in pairs if pair[1] is dwi), key=lambda candidate: t2_rank(candidate, dwi))
    volume = _volume_at(dwi, wanted.b_value_s_mm2)
    adc = _choose_adc(series, dwi, wanted.adc)
    reasons = (
        f"T2: {_name(t2)}, as you chose." if wanted.t2 else _t2_reason(t2, t2s),
        _dwi_reason(dwi, volume, series, wanted),
        _adc_reason(adc, wanted),
        *_left_out(series),
    )
    return Choice(t2, dwi, volume.b_value, adc, reasons)


def _candidates(series: Sequence[Series], role: str, uid: str) -> list[Series]:
    """Series that could take a role: all that have it, or the one that the user named, whatever its role.

    Raises:
        InputError: there is none that can be read.
    """
    if not uid:
        return _usable(series, role)
    named = [one for one in series if one.uid == uid]
    if not named:
        raise InputError(f"The study holds no series {uid}: {_inventory(series)}")
    found = [one for one in named if one.usable]
    if not found:
        raise InputError(f"The series {_name(named[0])} cannot be used: {named[0].problem}")
    return [one for one in found if one.role == role] or [replace(found[0], role=role)]


def _volume_at(dwi: Series, b_value: Optional[float]) -> Volume:
    """The volume at the wanted b-value, or the best one.

    Raises:
        InputError: the series has no such b-value.
    """
    if b_value is None:
        return best_volume(dwi)
    for volume in dwi.usable:
        if volume.b_value is not None and abs(volume.b_value - b_value) <= SAME_B_S_MM2:
            return volume
    there = ", ".join(f"{value:g}" for value in dwi.b_values)
    raise InputError(f"{_name(dwi)} has no volume at b = {b_value:g}: choose one of {there}.")


def _choose_adc(series: Sequence[Series], dwi: Series, uid: str) -> Optional[Series]:
    if uid:
        return _candidates(series, ADC, uid)[0]
    found = [one for one in series if one.role == ADC and one.usable and fits(one, dwi)]
    return max(found, key=lambda candidate: adc_rank(candidate, dwi)) if found else None


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


def _name(series: Series) -> str:
    return f"'{series.description or 'series ' + str(series.number)}'"


def _t2_reason(t2: Series, others: Sequence[Series]) -> str:
    left = [f"{_name(other)} ({other.plane} {other.kind})" for other in others if other is not t2]
    why = f"the {t2.plane} {t2.kind} series that lies where the DWI lies"
    return f"T2: {_name(t2)}, {why}" + (f"; not {', '.join(left)}." if left else ".")


def _left_out(series: Sequence[Series]) -> list[str]:
    """What would have been a candidate, had it been whole."""
    return [
        f"Left out of {_name(one)}, {one.kind}: {one.problem}"
        for one in series
        if one.role in (T2, DWI, ADC) and one.problem
    ]


def _dwi_reason(dwi: Series, volume: Volume, series: Sequence[Series], wanted: Wanted) -> str:
    b_name = "an unknown b-value" if volume.b_value is None else f"b = {volume.b_value:.0f} s/mm²"
    how = "computed by the scanner" if dwi.computed else "measured"
    if wanted.dwi or wanted.b_value_s_mm2 is not None:
        what = [name for name, value in (("series", wanted.dwi), ("b-value", wanted.b_value_s_mm2)) if value]
        how += f", {' and '.join(what) or 'b-value'} as you chose"
    elif dwi.computed:
        how += ", as no measured b-value of 500 or more is there"
    left = [_name(one) for one in series if one.role == DWI and one.computed and one is not dwi]
    more = f"; not the computed {', '.join(left)}" if left else ""
    low = volume.b_value is not None and volume.b_value < LOWEST_SUITABLE_B
    warning = "; a b-value below 500 shows nodes with little contrast" if low else ""
    return f"DWI: {_name(dwi)} at {b_name}, {how}{more}{warning}."


def _adc_reason(adc: Optional[Series], wanted: Wanted) -> str:
    if adc is None:
        return "ADC: the study has no ADC map that fits the DWI."
    return f"ADC: {_name(adc)}{', as you chose' if wanted.adc else ''}."


def best_dwi(series: Sequence[Series]) -> Series:
    """The DWI series to prefer among several.

    Raises:
        InputError: none can be read.
    """
    return max(_usable(series, DWI), key=dwi_rank)


def series_as_dict(series: Sequence[Series], choice: Optional[Choice]) -> dict[str, Any]:
    """What ``lymphnodeseg series --json`` prints; in "chosen" all are None where nothing can be chosen."""
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
        "chosen": {
            "t2": choice.t2.uid if choice else None,
            "dwi": choice.dwi.uid if choice else None,
            "b_value": choice.b_value_s_mm2 if choice else None,
            "adc": choice.adc.uid if choice and choice.adc else None,
        },
    }
