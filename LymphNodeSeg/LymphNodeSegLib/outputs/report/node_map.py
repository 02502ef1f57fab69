"""Where the nodes lie: coronal, sagittal and axial projections in true proportions, all at one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...images.image import Geometry, Image
from ...nodes.node import Node
from . import drawing, view
from .drawing import Lettering
from .markup import text
from .view import Box, View

SAGITTAL, CORONAL, AXIAL = 0, 1, 2  # the patient axis that points out of the picture
NAMES = ("Sagittal", "Coronal", "Axial")
PIXELS_ACROSS = 1000
"""Of all maps side by side."""
PERCENT = (1.0, 99.7)
HIGHEST_SHARE = 0.75
"""How high the maps may be, as a share of their width."""
BRIGHTNESS = 0.8
"""Of the background, so that the nodes stand out."""


def node_maps(nodes: Sequence[Node], t2: Image, classes_shown: bool, legend: str) -> str:
    """The three maps, as HTML.

    Args:
        nodes: The nodes to draw.
        t2: Its mean along each projection is the background.
        classes_shown: Whether nodes have the color of their size class.
        legend: HTML that goes where there is room below the maps.
    """
    views = [View.along(t2.geometry, nearest_axis(t2.geometry, axis)) for axis in (SAGITTAL, CORONAL, AXIAL)]
    columns = _columns([one.frame for one in views])
    widths_mm = [max(views[axis].frame.width_mm for axis in column) for column in columns]
    pixels_per_mm = PIXELS_ACROSS / sum(widths_mm)
    lettering = Lettering(sum(widths_mm) / 80, 50)
    drawn: list[str] = []
    for column, width_mm in zip(columns, widths_mm):
        maps = "".join(
            f'<div style="width:{100 * views[axis].frame.width_mm / width_mm:.2f}%">'
            f"{_map(nodes, t2, views[axis], NAMES[axis], pixels_per_mm, lettering, classes_shown)}</div>"
            for axis in column
        )
        drawn.append(f'<div style="flex:{width_mm:.1f}">{maps}')
    if len(columns) == 2:  # there is room below the first column
        drawn[0] += legend
        legend = ""
    return f'<div class="maps">{"</div>".join(drawn)}</div></div>{legend}'


def _columns(frames: Sequence[Box]) -> list[list[int]]:
    """Coronal over sagittal beside axial; or all beside each other, where that would be too high."""
    stacked_mm = max(frames[CORONAL].height_mm + frames[SAGITTAL].height_mm, frames[AXIAL].height_mm)
    across_mm = max(frames[CORONAL].width_mm, frames[SAGITTAL].width_mm) + frames[AXIAL].width_mm
    if stacked_mm <= HIGHEST_SHARE * across_mm:
        return [[CORONAL, SAGITTAL], [AXIAL]]
    return [[SAGITTAL], [CORONAL], [AXIAL]]


def nearest_axis(geometry: Geometry, patient_axis: int) -> int:
    """The index axis nearest to a patient axis; each is given away once, the best fit first."""
    fit = np.abs(geometry.direction)
    given: dict[int, int] = {}
    for flat in np.argsort(-fit, axis=None, kind="stable"):
        patient, index = divmod(int(flat), 3)
        if patient not in given and index not in given.values():
            given[patient] = index
    return given[patient_axis]


def _map(
    nodes: Sequence[Node],
    t2: Image,
    one: View,
    name: str,
    pixels_per_mm: float,
    lettering: Lettering,
    classes_shown: bool,
) -> str:
    flat = np.nan_to_num(one.turned(t2.array.mean(axis=2 - one.normal, dtype=np.float32)))
    low, high = np.percentile(flat, PERCENT)
    uri = view.jpeg(
        view.gray_levels(flat, low, low + (high - low) / BRIGHTNESS), one.pixel_mm, one.frame, pixels_per_mm
    )
    ordered = sorted(nodes, key=lambda node: node.short_axis_mm or 0.0)
    shadows = [np.asarray(node.mask.array.any(axis=2 - one.normal)) for node in ordered]
    paths = drawing.outline_paths(one, shadows, [node.mask.start_ijk for node in ordered])
    marks = "".join(
        drawing.outline(path, f"mapped {drawing.class_name(node, classes_shown)}")
        for node, path in zip(ordered, paths)
    )
    tags = _tags(one, ordered[::-1], lettering.size_mm)
    label = f"{name} projection with {len(nodes)} lymph nodes"
    return drawing.picture(uri, one.frame, one, lettering, label, marks + tags, name)


def _tags(one: View, nodes: Sequence[Node], size_mm: float) -> str:
    """The nodes' numbers beside them, as far as there is room; the first nodes come first."""
    size = 0.9 * size_mm
    taken: list[Box] = []
    tags = []
    for node in nodes:
        number = short_id(node)
        own = _extent(one, node)
        width, middle = 0.6 * size * len(number), own.top_mm + (own.height_mm - size) / 2
        center = own.left_mm + (own.width_mm - width) / 2
        gap = 0.3 * size
        places = (
            (own.left_mm + own.width_mm + gap, middle),
            (own.left_mm - width - gap, middle),
            (center, own.top_mm - size - gap),
            (center, own.top_mm + own.height_mm + gap),
        )
        for left, top in places:
            place = Box(left, top, width, size)
            if place.inside(one.frame) and not any(place.meets(other) for other in taken):
                taken.append(place)
                tags.append(f'<text x="{left:.1f}" y="{top + 0.85 * size:.1f}">{text(number)}</text>')
                break
    return f'<g class="tags" font-size="{size:.2f}">{"".join(tags)}</g>'


def _extent(one: View, node: Node) -> Box:
    """Bounding box of a node in a projection."""
    start = np.array(node.mask.start_ijk)
    ends = one.position_mm(np.array([start - 0.5, start + np.array(node.mask.array.shape[::-1]) - 0.5]))
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def short_id(node: Node) -> str:
    """A node's number as it stands on maps: "LN007" is 7."""
    digits = node.id[2:].lstrip("0")
    return digits if node.id.startswith("LN") and digits.isdigit() else node.id
