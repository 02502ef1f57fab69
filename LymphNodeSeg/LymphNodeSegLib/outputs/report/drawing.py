"""SVG in millimeters: pixels as an embedded JPEG, outlines and axes as lines over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ...nodes.node import Diameter, Node
from ...nodes.outline import outer_loops, smooth_outlines
from ...nodes.packed import packed
from .markup import text
from .view import Box, View

THINNING_MM = 0.005
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Lettering:
    """Sizes of what is written on a picture, in its millimeters.

    Attributes:
        size_mm: Height of the letters.
        bar_mm: Length of the scale bar.
    """

    size_mm: float
    bar_mm: int


def picture(
    jpeg_uri: str, box: Box, view: View, lettering: Lettering, label: str, overlay: str = "", title: str = ""
) -> str:
    """One picture with the patient's directions at its edges and a scale bar.

    Args:
        jpeg_uri: The pixels of the box.
        box: The part of the view that is shown; the SVG's coordinates are the view's millimeters.
        view: Where the pixels come from.
        lettering: Sizes of letters and bar.
        label: What it shows, for those who cannot see it.
        overlay: SVG drawn over the pixels.
        title: What is written in the upper left corner.
    """
    x, y, w, h = box.left_mm, box.top_mm, box.width_mm, box.height_mm
    size = lettering.size_mm
    edge = 0.6 * size
    left, right, top, bottom = view.edge_letters
    words = [
        _word(left, x + edge, y + h / 2 + 0.35 * size),
        _word(right, x + w - edge, y + h / 2 + 0.35 * size, "end"),
        _word(top, x + w / 2, y + edge + 0.7 * size, "middle"),
        _word(bottom, x + w / 2, y + h - edge, "middle"),
        _word(title, x + edge, y + edge + 0.7 * size, "title") if title else "",
    ]
    bar_x, bar_y = x + w - edge, y + h - edge
    words.append(_word(f"{lettering.bar_mm} mm", bar_x, bar_y - 0.4 * size, "end"))
    frame = f'x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}"'
    return (
        f'<svg viewBox="{x:.2f} {y:.2f} {w:.2f} {h:.2f}" role="img" aria-label="{text(label)}">'
        f'<image href="{jpeg_uri}" {frame}/><g class="overlay">{overlay}</g>'
        f'<g class="words" font-size="{size:.2f}">{"".join(words)}'
        f'<path class="bar" d="M{bar_x:.2f} {bar_y:.2f}h-{lettering.bar_mm}"/></g></svg>'
    )


def _word(content: str, x: float, y: float, classes: str = "start") -> str:
    return f'<text class="{classes}" x="{x:.2f}" y="{y:.2f}">{text(content)}</text>'


def outline_paths(
    view: View, masks: Sequence[np.ndarray], starts_ijk: Sequence[tuple[int, ...]]
) -> list[str]:
    """The outline of each mask as it was measured (`nodes.outline`), as the `d` of an SVG path.

    Args:
        view: Where to draw.
        masks: Boolean blocks of the two index axes that the view shows, the higher one first.
        starts_ijk: Where each block begins in the full grid.
    """
    if not masks:
        return []
    loops = outer_loops(packed([mask[None] for mask in masks]))
    first, second = sorted((view.across, view.down))
    paths = [""] * len(masks)
    for curve, owner in zip(smooth_outlines(loops), loops.owner):
        points = np.zeros((len(curve), 3)) + starts_ijk[owner]
        points[:, second] += curve[:, 0]
        points[:, first] += curve[:, 1]
        paths[owner] += path_data(view.position_mm(points))
    return paths


def outline(path: str, classes: str) -> str:
    """A path with a dark rim, so that it is seen on bright pixels too; empty for an empty path."""
    return f'<path class="halo" d="{path}"/><path class="outline {classes}" d="{path}"/>' if path else ""


def path_data(points_mm: np.ndarray) -> str:
    """A closed polygon (n, 2) as the `d` of an SVG path, within 0.02 mm."""
    units = np.rint(_thinned(points_mm) * 100).astype(int)
    steps = np.diff(units, axis=0)
    moves = " ".join(f"{_hundredths(x)} {_hundredths(y)}" for x, y in steps if x or y)
    return f"M{_hundredths(units[0, 0])} {_hundredths(units[0, 1])}l{moves}z"


def _thinned(points_mm: np.ndarray) -> np.ndarray:
    """A closed polygon without those of every second point that lie on a line between their neighbors."""
    for _ in range(2):
        before, after = np.roll(points_mm, 1, axis=0), np.roll(points_mm, -1, axis=0)
        chord, offset = after - before, points_mm - before
        length = np.maximum(np.hypot(*chord.T), 1e-9)
        off_line_mm = np.abs(chord[:, 0] * offset[:, 1] - chord[:, 1] * offset[:, 0]) / length
        keep = (off_line_mm > THINNING_MM) | (np.arange(len(points_mm)) % 2 == 0)
        points_mm = points_mm[keep]
    return points_mm


def _hundredths(units: int) -> str:
    written = f"{units / 100:.2f}".rstrip("0").rstrip(".")
    return written.replace("0.", ".", 1) if written.startswith(("0.", "-0.")) else written


def axis_line(view: View, diameter: Optional[Diameter], name: str) -> str:
    """A measured line, drawn between its end points; empty if there is none."""
    if diameter is None:
        return ""
    (x1, y1), (x2, y2) = ras_position_mm(view, np.array([diameter.start_ras_mm, diameter.end_ras_mm]))
    ends = f'x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"'
    return f'<line class="halo" {ends}/><line class="axis {name}" {ends}/>'


def ras_position_mm(view: View, points_ras_mm: np.ndarray) -> np.ndarray:
    """Where points of the patient (..., 3) lie in a view: (..., 2)."""
    return view.position_mm(view.geometry.ijk_from_lps(points_ras_mm * RAS_TO_LPS))


def class_name(node: Node, shown: bool) -> str:
    """The CSS class of a node's size class, or of none where size classes are not shown."""
    return text(node.size_class) if shown and node.size_class else "unclassed"
