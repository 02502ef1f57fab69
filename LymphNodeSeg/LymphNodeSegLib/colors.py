"""The colors of size classes: one place, so that segments, report and exports look alike."""

from __future__ import annotations

# Okabe & Ito's palette (Color Universal Design, 2008): told apart with every common color-vision
# deficiency, and by their lightness alone.
SIZE_CLASS_COLORS: dict[str, tuple[int, int, int]] = {
    "normal": (86, 180, 233),
    "enlarged": (240, 228, 66),
    "target": (213, 94, 0),
}
# Slicer's own color for a lymph node (its General Anatomy terminology): a node nobody has classed.
UNCLASSED_COLOR: tuple[int, int, int] = (68, 172, 100)


def color_of(size_class: str) -> tuple[int, int, int]:
    """Red, green, blue (0 to 255) of a node's size class; "" is a node without one."""
    return SIZE_CLASS_COLORS.get(size_class, UNCLASSED_COLOR)
