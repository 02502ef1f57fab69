"""What a series is: T2-weighted, diffusion-weighted, an ADC map, or something else.

ImageType decides first: ADC and FA maps carry a b-value too, and a computed b-value looks like a
measured one but for its name. Descriptions are free text in many languages, so they come last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from . import b_values
from .headers import Slice

T2, DWI, ADC, OTHER = "T2", "DWI", "ADC", "other"
LOCALIZER = "localizer"
# Shortest and longest echo time, shortest repetition time; single-shot and 3-D T2 repeat faster.
T2_TIMES_MS = (55.0, 350.0, 1200.0)
T2_TIMES_IF_NAMED_MS = (40.0, 350.0, 500.0)
DIFFUSION_TYPES = {"DIFFUSION", "TRACEW", "TRACE", "DIFFUSION_ISO"}
ADC_TYPES = {"ADC", "ADC_UNSPECIFIED", "APPARENT_DIFFUSION_COEFFICIENT"}
# Maps made of diffusion images that are neither DWI nor ADC.
MAP_TYPES = {
    "FA": "FA map",
    "EADC": "exponential ADC map",
    "EXP": "exponential ADC map",
    "COLFA": "color FA map",
    "TENSOR": "diffusion tensor",
    "TENSOR_B0": "diffusion tensor",
    "RA": "relative anisotropy map",
    "VR": "volume ratio map",
}
PHASE_TYPES = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY"}
PHASE = "phase image"
WATER, FAT, IN_PHASE, OPPOSED = "water image", "fat image", "in-phase image", "opposed-phase image"
DIXON_TYPES = {
    WATER: {"W", "WATER"},
    FAT: {"F", "FAT"},
    IN_PHASE: {"IP", "IN_PHASE"},
    OPPOSED: {"OP", "OPP_PHASE", "OUT_PHASE"},
}
# Pictures made of a volume, which show no slice of the patient.
PROJECTION_TYPES = {"PROJECTION IMAGE", "MIP", "MAX_IP", "MINIP", "MIN_IP", "MIN IP", "VOLREND", "SSD"}
PROJECTION = "projection"
SUBTRACTION_TYPES = {"SUB", "SUBTRACTION"}
SUBTRACTION = "subtraction image"
RELAXATION_TYPES = {
    "T1_MAP",
    "T1 MAP",
    "T2_MAP",
    "T2 MAP",
    "T2_STAR_MAP",
    "T2_STAR MAP",
    "R2_MAP",
    "R2_STAR_MAP",
}
RELAXATION = "T2* or T2 map"
COMPUTED_TYPES = {"CALC_BVALUE", "CALC_BVAL", "CDWI", "SYNTHETIC", "CALCULATED_BVALUE", "COMPUTED_BVALUE"}

_COMPUTED = re.compile(
    r"calc(?:ulated)?[ _-]*b|calc_bval|\bc-?dwi|\bs-?dwi|[ _]c-?dwi|synth|comput(?:ed)?[ _-]*(?:b|dwi|high)"
    r"|\bsyn[ _-]*b?\d|magic[ _-]*dwi|b[ =_-]?\d{3,4}[ _-]*(?:calc|comp|synt|virt|extrap|ber)"
    r"|\bcb ?\d{3,4}|berechnet|errechnet|virtual[ _-]*b|\bvb ?\d{4}|计算",
    re.IGNORECASE,
)
_LETTER = r"(?<![a-z])"
_END = r"(?![a-z])"
_ADC = re.compile(
    rf"{_LETTER}d?(?:iso|avg)?adc{_END}|apparent[ _]diffusion|diffusion[ _]apparent|di[fv]us\w*[ _]apa?rente"
    rf"|{_LETTER}cda{_END}|表观|表觀|見かけ",
    re.IGNORECASE,
)
_DIFFUSION = re.compile(
    rf"dwi|dif+us|diff|{_LETTER}dti|{_LETTER}trace|b[ =_-]?\d{{3,4}}{_END}|dwibs|ivim"
    r"|дифф|弥散|扩散|擴散|拡散|확산",
    re.IGNORECASE,
)
FA = "FA map"
_MAPS = (
    (
        re.compile(rf"{_LETTER}e-?adc|exp(?:onential)?[ _.-]*a(?:dc|pparent)", re.IGNORECASE),
        "exponential ADC map",
    ),
    (re.compile(rf"{_LETTER}fa{_END}|fractional|{_LETTER}colfa", re.IGNORECASE), FA),
    (re.compile(rf"^tensor{_END}|[ _]tensor$", re.IGNORECASE), "diffusion tensor"),
)
_LOCALIZER = re.compile(
    r"lo[ck]ali[sz]|(?<![a-z])loc(?![a-z])|locator|scout|survey|3[ -]?pl(?:ane)?(?![a-z])|plan[ _]?scan"
    r"|smartbrain|scano|übersicht|uebersicht|rep[eé]rage|定位|位置決め",
    re.IGNORECASE,
)
_DYNAMIC = re.compile(rf"{_LETTER}dce|dynam|perf|twist|{_LETTER}dyn{_END}|contrast", re.IGNORECASE)
_T2 = re.compile(rf"{_LETTER}t2(?!\d|[ _]*\*|[ _-]*star|[ _-]*map)", re.IGNORECASE)
_T2_STAR = re.compile(r"t2[ _]*\*|t2[ _-]*star|t2[ _-]*map|(?<![a-z])swi(?![a-z])", re.IGNORECASE)
_T1 = re.compile(rf"{_LETTER}t1(?!\d)|vibe|{_LETTER}lava|thrive|dixon|mprage", re.IGNORECASE)
_PD = re.compile(rf"{_LETTER}pd{_END}|proton", re.IGNORECASE)
_FAT_SUPPRESSED = re.compile(
    rf"{_LETTER}fs{_END}|fat[ _-]*sat|{_LETTER}stir|{_LETTER}tirm?{_END}|spair|{_LETTER}spir{_END}"
    r"|fettges|fettsup|压脂|抑脂",
    re.IGNORECASE,
)
_STIR = re.compile(rf"{_LETTER}stir|{_LETTER}tirm?{_END}", re.IGNORECASE)
_SINGLE_SHOT = re.compile(
    r"haste|ssfse|ss-?fse|ssh|single[ _-]*shot|blade_?fast|trufi|fiesta|mrcp|urogra", re.IGNORECASE
)


@dataclass(frozen=True)
class Role:
    """What a series is.

    Attributes:
        role: "T2", "DWI", "ADC" or "other".
        kind: The same in more words for the user, such as "computed DWI", "FA map", "localizer".
        computed: Diffusion images that the scanner extrapolated.
        fat_suppressed, single_shot: Of a T2.
    """

    role: str
    kind: str
    computed: bool = False
    fat_suppressed: bool = False
    single_shot: bool = False


def special_type(image_type: Sequence[str]) -> str:
    """What sets images apart from others in the same series: a map, a phase image; empty for plain ones."""
    kinds = set(image_type)
    if kinds & PROJECTION_TYPES:
        return PROJECTION
    if kinds & ADC_TYPES:
        return ADC
    for name, kind in MAP_TYPES.items():
        if name in kinds:
            return kind
    if kinds & COMPUTED_TYPES:
        return "computed"
    more = set(image_type[2:])
    if more & PHASE_TYPES:
        return PHASE
    if more & SUBTRACTION_TYPES:
        return SUBTRACTION
    if more & RELAXATION_TYPES:
        return RELAXATION
    return next((kind for kind, names in DIXON_TYPES.items() if more & names), "")


def role_of(slices: Sequence[Slice]) -> Role:
    """The role of the slices of one series that share an image type."""
    file = slices[0].file
    if file.modality not in ("MR", ""):
        return Role(OTHER, f"no MR image ({file.modality})")
    if file.no_image:
        return Role(OTHER, f"no image ({file.no_image})")
    words = f"{file.description} {file.protocol if not file.description else ''}"
    kinds = {part for piece in slices for part in piece.image_type}
    special = special_type(slices[0].image_type)
    if special in (PHASE, FAT, OPPOSED, PROJECTION, SUBTRACTION, RELAXATION):
        return Role(OTHER, special)
    if "LOCALIZER" in kinds or _LOCALIZER.search(words):
        return Role(OTHER, LOCALIZER)
    b_values_there = {piece.b_value for piece in slices if piece.b_value is not None}
    made_of_diffusion = _map_role(kinds, words, b_values_there)
    if made_of_diffusion is not None:
        return made_of_diffusion
    if _is_diffusion(slices, kinds, words):
        return Role(DWI, "computed DWI", computed=True) if _is_computed(slices, kinds) else Role(DWI, "DWI")
    return _anatomical_role(slices, words)


def _map_role(kinds: set[str], words: str, b_values_there: set[float]) -> Optional[Role]:
    for name, kind in MAP_TYPES.items():
        if name in kinds:
            return Role(OTHER, kind)
    for pattern, kind in _MAPS:
        # "FA" is a flip angle too, so that an image as it was acquired must have a b-value as well.
        if pattern.search(words) and (kind != FA or "ORIGINAL" not in kinds or any(b_values_there)):
            return Role(OTHER, kind)
    # Some sites call the acquisition itself "DWI ADC"; no map has several b-values.
    acquired = bool(kinds & {"TRACEW", "TRACE"}) or len(b_values_there) > 1
    if kinds & ADC_TYPES or (_ADC.search(words) and not acquired):
        return Role(ADC, "ADC map")
    return None


def _is_diffusion(slices: Sequence[Slice], kinds: set[str], words: str) -> bool:
    if kinds & DIFFUSION_TYPES:
        return True
    # Philips writes b = 0 into every series, so b = 0 alone says nothing.
    if any(piece.b_value for piece in slices):
        return True
    planar = "EP" in slices[0].file.scanning_sequence or slices[0].file.sequence_name.lower().startswith(
        ("*ep", "ep")
    )
    return planar and bool(_DIFFUSION.search(words))


def _is_computed(slices: Sequence[Slice], kinds: set[str]) -> bool:
    file = slices[0].file
    if kinds & COMPUTED_TYPES or _COMPUTED.search(file.description):
        return True
    span = b_values.sequence_name_range(file.sequence_name)
    return span is not None and any((piece.b_value or 0.0) > 1.05 * span[1] for piece in slices)


def _anatomical_role(slices: Sequence[Slice], words: str) -> Role:
    file = slices[0].file
    if _T1.search(words) and not _T2.search(words):
        return Role(OTHER, "T1")
    if _T2_STAR.search(words):
        return Role(OTHER, "T2* or T2 map")
    if _DYNAMIC.search(words) and not _T2.search(words):
        return Role(OTHER, "dynamic series")
    fat_suppressed = (
        bool(_FAT_SUPPRESSED.search(words))
        or bool({"FS", "FATSAT"} & set(file.scan_options))
        or "IR" in file.scanning_sequence
        or special_type(slices[0].image_type) == WATER
    )
    single_shot = bool(_SINGLE_SHOT.search(f"{words} {file.sequence_name}"))
    if _is_t2_weighted(slices, words):
        kind = "T2, fat-suppressed" if fat_suppressed else "T2, single shot" if single_shot else "T2"
        return Role(T2, kind, fat_suppressed=fat_suppressed, single_shot=single_shot)
    if _PD.search(words):
        return Role(OTHER, "proton density")
    return Role(OTHER, "other")


def _is_t2_weighted(slices: Sequence[Slice], words: str) -> bool:
    """Spin echo with a long echo and repetition time; where the header has no times, by name."""
    file = slices[0].file
    sequence = file.scanning_sequence
    if "EP" in sequence:
        return False
    named = bool(_T2.search(words) or _STIR.search(words)) or file.contrast == "T2"
    if file.echo_time_ms is None or file.repetition_time_ms is None:
        return named
    limits = T2_TIMES_IF_NAMED_MS if named else T2_TIMES_MS
    shortest_echo, longest_echo, shortest_repetition = limits
    if (
        not shortest_echo <= file.echo_time_ms <= longest_echo
        or file.repetition_time_ms < shortest_repetition
    ):
        return False
    return named or "SE" in sequence or not sequence
