"""Reading aids: what the numbers may mean, by published rules. Each is a suggestion; the reader decides."""

from __future__ import annotations

from typing import Optional

TARGET_MM = 15.0
"""Short axis from which a node can be a target lesion (RECIST 1.1)."""


def size_class(short_axis_mm: Optional[float], suspicious_mm: float) -> str:
    """The size class of a node by its short axis (RECIST 1.1, Eisenhauer 2009, section 4.3.3).

    Args:
        short_axis_mm: Short axis; None where it could not be measured.
        suspicious_mm: Short axis from which a node counts as enlarged; 10 mm in RECIST 1.1.

    Returns:
        "normal", "enlarged" (from the threshold on), "target" (15 mm and more, and from the threshold on),
        or "" without a short axis.
    """
    if short_axis_mm is None:
        return ""
    if short_axis_mm < suspicious_mm:
        return "normal"
    return "target" if short_axis_mm >= TARGET_MM else "enlarged"
