"""The diffusion weighting of an image, by every route that scanners are known to write it.

Sources: DICOM PS3.3 C.8.13.5.9 (MR Diffusion); the vendors' conformance statements; the headers that
the tests name.
"""

from __future__ import annotations

import math
import re
import struct
from functools import cache
from typing import Any, Optional, Union

from .csa import MAGIC as CSA_MAGIC
from .csa import read_csa
from .elements import tag_of, text, texts, value_at, value_of

KEYWORDS = ("DiffusionBValue", "DiffusionDirectionality")


# (group, element within the block, name) of vendors' private b-values, and how a creator begins.
SIEMENS = (0x0019, 0x0C)
SIEMENS_DIRECTIONALITY = (0x0019, 0x0D)
GE = (0x0043, 0x39)
PHILIPS = (0x2001, 0x03)
PHILIPS_DIRECTION = (0x2001, 0x04)
PHILIPS_SCALE_SLOPE = (0x2005, 0x0E)
UIH = (0x0065, 0x09)
HITACHI = (0x0029, 0x30)
SIEMENS_CSA = (0x0029, 0x10)
PRIVATE = (
    SIEMENS,
    SIEMENS_DIRECTIONALITY,
    SIEMENS_CSA,
    GE,
    PHILIPS,
    PHILIPS_DIRECTION,
    PHILIPS_SCALE_SLOPE,
    UIH,
    HITACHI,
)
# Some de-identifiers remove the creator and keep the value, so blocks are tried by number.
BLOCKS = (0x10, 0x11, 0x12, 0x13, 0x14)
# GE adds 1e9 to the b-value of some sequences.
GE_OFFSET = 100_000
DIRECTIONALITIES = {"ISOTROPIC": "isotropic", "DIRECTIONAL": "directional"}
HIGHEST_B = 20_000.0
# Philips writes 0.001 ... 0.004 for b0.
ZERO_BELOW = 0.5
NAME_B = re.compile(r"(?<![a-z0-9])b[ =_-]?(\d{1,4})(?!\d)", re.IGNORECASE)
SEQUENCE_NAME_B = re.compile(r"(?:^|[_*])b(\d{1,5})(?:t|#\d+)?$", re.IGNORECASE)
COMMENT_B = re.compile(r"\bb\s*=\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
DIFFUSION_NAME = re.compile(r"dwi|diff|(?<![a-z])dti", re.IGNORECASE)
# Whose a header is whose maker was removed: the private values that only one maker writes.
MAKERS = ((PHILIPS, "PHILIPS"), (UIH, "UIH"), (GE, "GE"), (SIEMENS, "SIEMENS"))


def private_tags() -> list[tuple[int, int]]:
    """The private tags, in every block, that a scan has to read."""
    return [(group, block << 8 | element) for group, element in PRIVATE for block in BLOCKS]


@cache
def _tags_of(where: tuple[int, int]) -> list[Any]:
    group, element = where
    return [tag_of((group, block << 8 | element)) for block in BLOCKS]


def private_value(dataset: Any, where: tuple[int, int]) -> Any:
    """The first value found at an element of any private block, or None."""
    for tag in _tags_of(where):
        value = value_at(dataset, tag)
        if value is not None and value != "" and value != b"":
            return value
    return None


def maker_of(dataset: Any) -> str:
    """Manufacturer in capitals; where a de-identifier removed it, as private values tell, or empty."""
    named = text(dataset, "Manufacturer").upper()
    if named:
        return named
    return next((maker for where, maker in MAKERS if private_value(dataset, where) is not None), "")


def as_number(value: Any) -> Optional[float]:
    """A number from what a private element may hold: number, text, or bytes where the VR was lost."""
    if isinstance(value, bytes):
        number = _from_text(value)
        return _from_binary(value) if number is None else number
    if not isinstance(value, (str, int, float)) and hasattr(value, "__getitem__"):
        value = value[0] if len(value) else None
    return _from_text(str(value))


def _from_text(value: Union[str, bytes]) -> Optional[float]:
    """The first of the numbers that a text holds."""
    try:
        text_value = value.decode("ascii") if isinstance(value, bytes) else value
        number = float(text_value.strip(" \0").split("\\")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _from_binary(value: bytes) -> Optional[float]:
    """A number that lost its VR on the way through implicit VR, which is little endian."""
    if len(value) not in (4, 8):
        return None
    (number,) = struct.unpack("<f" if len(value) == 4 else "<d", value)
    return float(number) if math.isfinite(number) else None


def clean(b_value: Optional[float]) -> Optional[float]:
    """A b-value that can be true, or None."""
    if b_value is None or not 0.0 <= b_value <= HIGHEST_B:
        return None
    return 0.0 if b_value < ZERO_BELOW else b_value


def of_dataset(dataset: Any, maker: str) -> tuple[Optional[float], str]:
    """The b-value in s/mm2 of a classic file, and "isotropic", "directional" or "" for its direction.

    The value may belong to a map that was computed from diffusion images; the caller decides on
    ImageType first.

    Args:
        dataset: A header.
        maker: See `maker_of`.
    """
    b_value = as_number(value_of(dataset, "DiffusionBValue"))
    if b_value is None:
        b_value = _private_b_value(dataset, maker)
    if b_value is None:
        b_value = of_sequence_name(text(dataset, "SequenceName"))
    if b_value is None:
        found = COMMENT_B.search(text(dataset, "ImageComments"))
        b_value = float(found.group(1)) if found else None
    directionality = _directionality(dataset, maker)
    if b_value is None and directionality == "NONE":
        b_value = 0.0
    return clean(b_value), DIRECTIONALITIES.get(directionality, "")


def of_sequence_name(name: str) -> Optional[float]:
    """The b-value in Siemens's SequenceName: 10 for ``*ep_b10t``, 800 for ``ep_b800#3``.

    ``*ep_b50_800`` is a range that a map was computed from, and no b-value.
    """
    if re.search(r"b\d+_\d+", name):
        return None
    found = SEQUENCE_NAME_B.search(name.strip())
    return float(found.group(1)) if found else None


def of_description(description: str) -> Optional[float]:
    """The one b-value in a name such as "DWI b800"; None if there are several or none."""
    found = {float(value) for value in NAME_B.findall(description)}
    return clean(found.pop()) if len(found) == 1 else None


def sequence_name_range(name: str) -> Optional[tuple[float, float]]:
    """Lowest and highest measured b-value in the SequenceName of a map: (50, 800) for ``*ep_b50_800``."""
    found = re.search(r"b(\d+)_(\d+)", name)
    return (float(found.group(1)), float(found.group(2))) if found else None


def csa_bytes(dataset: Any) -> bytes:
    """Siemens's CSA image header; empty if there is none."""
    for tag in _tags_of(SIEMENS_CSA):  # MEDCOM, another header of theirs, has the same element in its block.
        value = value_at(dataset, tag)
        if isinstance(value, bytes) and value.startswith(CSA_MAGIC):
            return value
    return b""


def _private_b_value(dataset: Any, maker: str) -> Optional[float]:
    if "SIEMENS" in maker:
        b_value = as_number(private_value(dataset, SIEMENS))
        if b_value is None and "EP" in texts(dataset, "ScanningSequence"):
            found = read_csa(csa_bytes(dataset)).get("B_value", ())
            b_value = found[0] if found else None
        return b_value
    if maker.startswith("GE"):
        # Other sequences keep other numbers in these integers.
        named = DIFFUSION_NAME.search(text(dataset, "SeriesDescription"))  # PROPELLER is no echo-planar one
        if not named and "EP" not in texts(dataset, "ScanningSequence"):
            return None
        value = as_number(private_value(dataset, GE))
        return None if value is None else value % GE_OFFSET
    if "PHILIPS" in maker:
        return as_number(private_value(dataset, PHILIPS))
    if "UIH" in maker or "UNITED IMAGING" in maker:
        return as_number(private_value(dataset, UIH))
    if ("HITACHI" in maker or "FUJIFILM" in maker) and "EP" in texts(dataset, "ScanningSequence"):
        return as_number(private_value(dataset, HITACHI))
    return None


def _directionality(dataset: Any, maker: str) -> str:
    value = value_of(dataset, "DiffusionDirectionality")
    if value is None and "SIEMENS" in maker:
        value = private_value(dataset, SIEMENS_DIRECTIONALITY)
    if value is None and "PHILIPS" in maker:
        value = {"I": "ISOTROPIC"}.get(str(private_value(dataset, PHILIPS_DIRECTION)), "DIRECTIONAL")
    if isinstance(value, bytes):
        value = value.decode("ascii", "ignore")
    return str(value or "").strip().upper()


def philips_scale_slope(dataset: Any, maker: str) -> float:
    """Philips's private scale slope, or 0."""
    if "PHILIPS" not in maker:
        return 0.0
    return as_number(private_value(dataset, PHILIPS_SCALE_SLOPE)) or 0.0
