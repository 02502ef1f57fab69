"""Single values of a DICOM header, whatever state it is in."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Optional, Union

Vector = tuple[float, ...]

SANE_MM = 1e5
# Thousands of files share most values, and converting them is what reading headers spends its time on.
MOST_KEPT, LONGEST_KEPT = 50_000, 256
_converted: dict[tuple[Any, ...], Any] = {}


@cache
def tag_of(name: Union[str, tuple[int, int]]) -> Any:
    """The tag of a keyword, or of a group and element; always the same object, which is found fastest."""
    from pydicom.tag import Tag

    return Tag(name)


def value_at(dataset: Any, tag: Any) -> Any:
    """The value at a tag (pydicom's BaseTag), or None. The same bytes are converted only once.

    Raises:
        Exception: whatever pydicom raises for a value that it cannot convert.
    """
    element = dataset.get_item(tag)
    if element is None:
        return None
    stored = element.value
    if not isinstance(stored, bytes) or len(stored) > LONGEST_KEPT or not _stands_alone(element, stored):
        return dataset[tag].value
    key = (tag, element.VR, stored, getattr(element, "is_little_endian", True))
    if key not in _converted:
        if len(_converted) >= MOST_KEPT:
            _converted.clear()
        _converted[key] = dataset[tag].value
    return _converted[key]


def _stands_alone(element: Any, stored: bytes) -> bool:
    """Whether nothing else in the file decides what the bytes mean: no character set, no private creator."""
    untyped = element.tag.is_private and element.VR in (None, "UN")
    return not untyped and stored.isascii() and b"\x1b" not in stored


def value_of(dataset: Any, keyword: str) -> Any:
    """The value of a standard attribute, or None."""
    return value_at(dataset, tag_of(keyword))


def text(dataset: Any, keyword: str) -> str:
    """A header value as text; empty if it is absent or broken."""
    try:
        value = value_of(dataset, keyword)
        return "" if value is None else str(value).strip()
    except Exception:
        return ""


def texts(dataset: Any, keyword: str) -> tuple[str, ...]:
    """A multi-valued header value in capitals; empty if it is absent or broken."""
    try:
        value = value_of(dataset, keyword)
    except Exception:
        return ()
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    return tuple(str(item).strip().upper() for item in values)


def numbers(dataset: Any, keyword: str, count: int) -> Vector:
    """`count` finite numbers of a header value; empty if it is absent or broken."""
    try:
        value = value_of(dataset, keyword)
        if value is None:
            return ()
        values = tuple(float(item) for item in ([value] if count == 1 else value))
    except Exception:
        return ()
    if len(values) != count or not all(math.isfinite(item) and abs(item) < SANE_MM for item in values):
        return ()
    return values


def number(dataset: Any, keyword: str) -> Optional[float]:
    """One finite number, or None."""
    values = numbers(dataset, keyword, 1)
    return values[0] if values else None


def whole(dataset: Any, keyword: str, default: int = 0) -> int:
    """One whole number, or the default."""
    value = value_of(dataset, keyword)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default
