"""A strip per node: T2, DWI, ADC and fused around it, on the slice where it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ...images.image import Geometry, Image
from ...nodes.node import Node
from ...registration.result import Registration
from . import drawing, view
from .drawing import RAS_TO_LPS, Lettering
from .view import Box, View

FIELD_OF_VIEW_MM = 50.0
"""Of all strips, so that sizes compare by eye."""
MARGIN_MM = 8.0
"""What a node gets around it that is larger than that."""
PIXELS_ACROSS = 280
T2_PERCENT = (1.0, 99.5)
DWI_PERCENT = (5.0, 99.9)
ADC_WINDOW_UM2_S = (0.0, 2500.0)


@dataclass(frozen=True)
class Pane:
    """One kind of picture.

    Attributes:
        name: What is written on it.
        volume: uint8 [k, j, i] or [k, j, i, 3].
        with_axes: Whether the axes are drawn on it.
    """

    name: str
    volume: np.ndarray
    with_axes: bool = False


def panes(t2: Image, registration: Registration, fused: Optional[np.ndarray]) -> list[Pane]:
    """What a node is shown on: T2, DWI, ADC and fused, as far as they exist."""
    dwi, adc = registration.dwi, registration.adc
    b_value = dwi.acquisition.b_value_s_mm2
    found = [
        Pane("T2", view.gray_levels(t2.array, *view.window(t2.array, *T2_PERCENT)), with_axes=True),
        Pane(
            "DWI" if b_value is None else f"DWI b{b_value:g}",
            view.gray_levels(dwi.array, *view.window(dwi.array, *DWI_PERCENT)) * registration.known,
        ),
    ]
    if adc is not None:
        found.append(Pane("ADC", view.gray_levels(adc.array, *ADC_WINDOW_UM2_S) * registration.known))
    if fused is not None:
        found.append(Pane("T2 + DWI", fused))
    return found


def strip(node: Node, nodes: Sequence[Node], shown_on: Iterable[Pane], classes_shown: bool) -> str:
    """The pictures of one node side by side, as HTML; see `pictures`."""
    return f'<div class="panes">{pictures(node, nodes, shown_on, classes_shown)}</div>'


def pictures(node: Node, nodes: Sequence[Node], shown_on: Iterable[Pane], classes_shown: bool) -> str:
    """The pictures of one node, as HTML.

    Args:
        node: The node.
        nodes: All nodes; those that lie in the picture are outlined too.
        shown_on: The panes.
        classes_shown: Whether outlines have the color of their size class.
    """
    plane = View.along(node.mask.geometry)
    index = shown_slice(node)
    box = _field_of_view(plane, node, index)
    axes = drawing.axis_line(plane, node.long_axis, "long")
    axes += drawing.axis_line(plane, node.short_axis, "short")
    lines = _outlines(plane, index, box, nodes, node, classes_shown)
    return "".join(
        _picture(plane, index, box, pane, lines + axes if pane.with_axes else lines, f"{node.id} outlined")
        for pane in shown_on
    )


def place(
    center_lps_mm: np.ndarray, nodes: Sequence[Node], geometry: Geometry, shown_on: Pane, classes_shown: bool
) -> str:
    """The picture of a place where no node was found, as SVG; empty outside the grid.

    Args:
        center_lps_mm: The place, (3,).
        nodes: The nodes around it.
        geometry: The grid of the pane.
        shown_on: The pane.
        classes_shown: Whether outlines have the color of their size class.
    """
    center_ijk = geometry.ijk_from_lps(center_lps_mm)
    if not geometry.holds(center_ijk):
        return ""
    plane = View.along(geometry)
    index = min(max(round(float(center_ijk[2])), 0), geometry.size_ijk[2] - 1)
    x, y = plane.position_mm(center_ijk)
    half = FIELD_OF_VIEW_MM / 2
    box = Box(float(x) - half, float(y) - half, 2 * half, 2 * half)
    lines = _outlines(plane, index, box, nodes, None, classes_shown)
    return _picture(plane, index, box, shown_on, lines, "Nothing outlined at the same place")


def _picture(plane: View, index: int, box: Box, pane: Pane, lines: str, what: str) -> str:
    uri = view.jpeg(plane.slice_of(pane.volume, index), plane.pixel_mm, box, PIXELS_ACROSS / box.width_mm)
    label = f"{what} on {pane.name}, slice {index + 1}"
    return drawing.picture(uri, box, plane, Lettering(0.05 * box.width_mm, 10), label, lines, pane.name)


def _outlines(
    plane: View, index: int, box: Box, nodes: Sequence[Node], own: Optional[Node], classes_shown: bool
) -> str:
    """The nodes that lie in a part of a slice, the own one on top."""
    seen = [other for other in nodes if other is not own and _meets(plane, other, index, box)]
    seen += [own] if own is not None else []
    paths = drawing.outline_paths(
        plane, [_mask_plane(one, index) for one in seen], [one.mask.start_ijk for one in seen]
    )
    return "".join(
        drawing.outline(path, f"{'own' if one is own else 'other'} {drawing.class_name(one, classes_shown)}")
        for one, path in zip(seen, paths)
    )


def shown_slice(node: Node) -> int:
    """Index k of the slice on which a node is shown: where its long axis was measured, or its largest."""
    mask = node.mask
    if node.long_axis is not None:
        ends_ras_mm = np.array([node.long_axis.start_ras_mm, node.long_axis.end_ras_mm])
        index = round(float(mask.geometry.ijk_from_lps(ends_ras_mm * RAS_TO_LPS)[:, 2].mean()))
        if _mask_plane(node, index).any():
            return index
    return mask.start_ijk[2] + int(np.argmax(mask.array.sum(axis=(1, 2))))


def _field_of_view(plane: View, node: Node, index: int) -> Box:
    own = _mask_box(plane, node, index)
    size = max(FIELD_OF_VIEW_MM, max(own.width_mm, own.height_mm) + 2 * MARGIN_MM)
    x, y = own.left_mm + own.width_mm / 2, own.top_mm + own.height_mm / 2
    return Box(x - size / 2, y - size / 2, size, size)


def _mask_plane(node: Node, index: int) -> np.ndarray:
    """A node's mask on a slice of the full grid, its block only; empty where the node does not reach."""
    at = index - node.mask.start_ijk[2]
    block = node.mask.array
    return np.asarray(block[at] if 0 <= at < len(block) else np.zeros_like(block[0]))


def _mask_box(plane: View, node: Node, index: int) -> Box:
    """Bounding box of a node's mask on a slice that it reaches, at pixel edges."""
    j, i = np.nonzero(_mask_plane(node, index))
    corners = np.array([(i.min() - 0.5, j.min() - 0.5, 0), (i.max() + 0.5, j.max() + 0.5, 0)])
    ends = plane.position_mm(corners + np.array(node.mask.start_ijk))
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def _meets(plane: View, node: Node, index: int, box: Box) -> bool:
    """Whether a node shows up in a part of a slice."""
    return bool(_mask_plane(node, index).any()) and _mask_box(plane, node, index).meets(box)
