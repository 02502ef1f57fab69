"""The report's figures: SVG in millimeters, pixels as an embedded JPEG, outlines and axes as lines over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

import numpy as np

from ..images.image import Geometry, Image
from ..nodes.node import Diameter, Node
from ..registration.result import Registration
from . import pictures
from .contours import outlines
from .pictures import Box, View

STRIP_MM = 60.0
"""Field of view of a node's pictures: the same for all, so that sizes compare by eye."""
STRIP_MARGIN_MM = 10.0
"""What a larger node than that gets around it."""
STRIP_PIXELS_PER_MM = 5.0
MAP_PIXELS_PER_MM = 3.0
T2_PERCENT = (1.0, 99.5)
DWI_PERCENT = (20.0, 99.7)
ADC_WINDOW_UM2_S = (0.0, 2500.0)


@dataclass(frozen=True)
class Pane:
    """One kind of picture, ready to be cut out.

    Attributes:
        name: What stands below it.
        volume: uint8 [k, j, i] or [k, j, i, 3].
        with_axes: Whether the axes are drawn on it.
    """

    name: str
    volume: np.ndarray
    with_axes: bool = False


def strip_panes(t2: Image, registration: Registration, fused: Optional[np.ndarray]) -> list[Pane]:
    """What a node is shown on: T2, DWI, ADC and fused, as far as they exist."""
    dwi, adc = registration.dwi, registration.adc
    b_value = dwi.acquisition.b_value_s_mm2
    panes = [
        Pane("T2", pictures.gray_levels(t2.array, *pictures.window(t2.array, *T2_PERCENT)), with_axes=True),
        Pane(
            "DWI" if b_value is None else f"DWI b{b_value:g}",
            pictures.gray_levels(dwi.array, *pictures.window(dwi.array, *DWI_PERCENT)) * registration.known,
        ),
    ]
    if adc is not None:
        panes.append(Pane("ADC", pictures.gray_levels(adc.array, *ADC_WINDOW_UM2_S)))
    if fused is not None:
        panes.append(Pane("T2 + DWI", fused))
    return panes


def strip(node: Node, nodes: Sequence[Node], panes: Iterable[Pane]) -> list[tuple[str, str]]:
    """The pictures of one node on the slice where it was measured: name and SVG of each pane.

    Args:
        node: The node.
        nodes: All nodes; those that lie in the picture are outlined too.
        panes: What to show it on.
    """
    view = View.along(node.mask.geometry)
    index = shown_slice(node)
    box = _strip_box(node, index, view)
    others = [other for other in nodes if other is not node]
    marks = "".join(
        _slice_outline(view, other, index, "other") for other in others if _meets(view, other, index, box)
    )
    marks += _slice_outline(view, node, index, "own")
    axes = _axis_line(view, node.long_axis, "long") + _axis_line(view, node.short_axis, "short")
    result = []
    for pane in panes:
        uri = pictures.jpeg(
            view.slice_of(pane.volume, index),
            view.pixel_mm,
            box,
            STRIP_PIXELS_PER_MM * STRIP_MM / box.width_mm,
        )
        overlay = marks + (axes if pane.with_axes else "")
        label = f"{node.id} on {pane.name}, slice {index + 1}"
        result.append((pane.name, _svg(uri, box, overlay, view, label, scale_bar_mm=10)))
    return result


def shown_slice(node: Node) -> int:
    """Index k of the slice on which a node is shown: where its long axis was measured, or else its largest."""
    mask = node.mask
    if node.long_axis is not None:
        ends = np.array([node.long_axis.start_ras_mm, node.long_axis.end_ras_mm]) * (-1, -1, 1)
        index = round(float(mask.geometry.ijk_from_lps(ends)[:, 2].mean()))
        if mask.start_ijk[2] <= index < mask.start_ijk[2] + len(mask.array):
            return index
    return mask.start_ijk[2] + int(np.argmax(mask.array.sum(axis=(1, 2))))


def node_map(nodes: Sequence[Node], background: Image, patient_axis: int) -> str:
    """All nodes projected along the patient's axis (0 sagittal, 1 coronal), as SVG.

    The projection runs along the image's own axis that is nearest to it.

    Args:
        nodes: The nodes to draw.
        background: The image whose brightest value along the projection is the background.
        patient_axis: 0 or 1.
    """
    normal = nearest_axis(background.geometry, patient_axis)
    view = View.along(background.geometry, normal)
    projected = view.turned(background.array.max(axis=2 - normal))
    plane = pictures.gray_levels(projected, 0.0, float(np.percentile(projected, 99.7)))
    uri = pictures.jpeg(plane, view.pixel_mm, view.frame, MAP_PIXELS_PER_MM)
    marks = []
    for node in sorted(nodes, key=lambda node: node.short_axis_mm or 0.0):
        shadow = node.mask.array.any(axis=2 - normal)
        marks.append(_outline_path(view, shadow, node.mask.start_ijk, _classes(node, "mapped")))
        marks.append(_map_label(view, node))
    name = ("Sagittal", "Coronal")[patient_axis]
    return _svg(uri, view.frame, "".join(marks), view, f"{name} map of {len(nodes)} nodes", scale_bar_mm=50)


def nearest_axis(geometry: Geometry, patient_axis: int) -> int:
    """The index axis nearest to a patient axis; each index axis is given away once, best fit first."""
    fit = np.abs(geometry.direction)
    given: dict[int, int] = {}
    for flat in np.argsort(-fit, axis=None, kind="stable"):
        row, column = divmod(int(flat), 3)
        if row not in given and column not in given.values():
            given[row] = column
    return given[patient_axis]


def registration_pictures(t2: Image, registration: Registration) -> tuple[str, str]:
    """DWI before and after registration with the edges of the T2 over it, on the middle slice of the DWI."""
    view = View.along(t2.geometry)
    known = registration.known
    slices = np.flatnonzero(known.any(axis=(1, 2)))
    index = int(slices[len(slices) // 2]) if len(slices) else t2.geometry.size_ijk[2] // 2
    edges = view.turned(strong_edges(t2.array[index], t2.geometry.spacing_mm[1::-1]))
    limits = pictures.window(registration.dwi.array, *DWI_PERCENT)
    both = []
    for name, image in (("before", registration.dwi_unregistered), ("after", registration.dwi)):
        gray = view.turned(pictures.gray_levels(image.array[index], *limits))
        color = np.where(edges[..., None], np.array([255, 176, 0], dtype=np.uint8), gray[..., None])
        uri = pictures.jpeg(color.astype(np.uint8), view.pixel_mm, view.frame, MAP_PIXELS_PER_MM)
        label = f"Edges of the T2 over the DWI {name} registration, slice {index + 1}"
        both.append(_svg(uri, view.frame, "", view, label, scale_bar_mm=50))
    return both[0], both[1]


def strong_edges(plane: np.ndarray, pixel_mm: Sequence[float]) -> np.ndarray:
    """Thin lines along the strongest edges of a slice (non-maximum suppression, Canny 1986), boolean.

    Args:
        plane: [j, i].
        pixel_mm: Height and width of a pixel.
    """
    from scipy import ndimage

    smooth_mm, share = 1.5, 7.0
    smooth = ndimage.gaussian_filter(np.asarray(plane, dtype=np.float32), [smooth_mm / mm for mm in pixel_mm])
    down, right = np.gradient(smooth, *pixel_mm)
    strength = np.hypot(down, right)
    rows, columns = np.indices(plane.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A step of one pixel along the gradient, on either side.
        step = np.maximum(np.abs(down) / pixel_mm[0], np.abs(right) / pixel_mm[1])
        dy, dx = np.nan_to_num(down / pixel_mm[0] / step), np.nan_to_num(right / pixel_mm[1] / step)
    ahead = ndimage.map_coordinates(strength, [rows + dy, columns + dx], order=1, mode="nearest")
    behind = ndimage.map_coordinates(strength, [rows - dy, columns - dx], order=1, mode="nearest")
    ridge = (strength >= ahead) & (strength > behind)
    return ridge & (strength >= np.percentile(strength, 100 - share)) & (strength > 0)


def _strip_box(node: Node, index: int, view: View) -> Box:
    own = _mask_box(view, node, index)
    size = max(STRIP_MM, max(own.width_mm, own.height_mm) + 2 * STRIP_MARGIN_MM)
    x, y = own.left_mm + own.width_mm / 2, own.top_mm + own.height_mm / 2
    return Box(x - size / 2, y - size / 2, size, size)


def _mask_plane(node: Node, index: int) -> np.ndarray:
    """A node's mask on a slice of the full grid, its block only; empty where the node does not reach."""
    at = index - node.mask.start_ijk[2]
    return node.mask.array[at] if 0 <= at < len(node.mask.array) else np.zeros_like(node.mask.array[0])


def _mask_box(view: View, node: Node, index: int) -> Box:
    """Bounding box of a node's mask on a slice that it reaches, at pixel edges."""
    j, i = np.nonzero(_mask_plane(node, index))
    corners = np.array([(i.min() - 0.5, j.min() - 0.5, 0), (i.max() + 0.5, j.max() + 0.5, 0)])
    ends = view.position_mm(corners + np.array(node.mask.start_ijk))
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def _meets(view: View, node: Node, index: int, box: Box) -> bool:
    """Whether a node shows up in a part of a slice."""
    if not _mask_plane(node, index).any():
        return False
    own = _mask_box(view, node, index)
    apart_x = own.left_mm > box.left_mm + box.width_mm or box.left_mm > own.left_mm + own.width_mm
    apart_y = own.top_mm > box.top_mm + box.height_mm or box.top_mm > own.top_mm + own.height_mm
    return not (apart_x or apart_y)


def _slice_outline(view: View, node: Node, index: int, kind: str) -> str:
    return _outline_path(view, _mask_plane(node, index), node.mask.start_ijk, _classes(node, kind))


def _outline_path(view: View, mask: np.ndarray, start_ijk: tuple[int, int, int], classes: str) -> str:
    """SVG path along the pixel edges of a mask: what is drawn is what was counted.

    Args:
        view: Where to draw.
        mask: Boolean, of the two index axes that the view shows, the higher one first.
        start_ijk: Where the mask begins in the full grid.
        classes: CSS classes.
    """
    from scipy import ndimage

    first, second = sorted((view.across, view.down))
    filled = ndimage.binary_fill_holes(mask)
    pieces = []
    for polygon in [*outlines(filled), *outlines(filled & ~mask)]:
        points = np.zeros((len(polygon), 3)) + start_ijk
        points[:, [first, second]] += polygon
        pieces.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in view.position_mm(points)) + "Z")
    path = "".join(pieces)
    return f'<path class="halo" d="{path}"/><path class="outline {classes}" d="{path}"/>' if path else ""


def _axis_line(view: View, diameter: Optional[Diameter], name: str) -> str:
    if diameter is None:
        return ""
    ends_lps = np.array([diameter.start_ras_mm, diameter.end_ras_mm]) * (-1, -1, 1)
    (x1, y1), (x2, y2) = view.position_mm(view.geometry.ijk_from_lps(ends_lps))
    return f'<line class="axis {name}" x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"/>'


def _map_label(view: View, node: Node) -> str:
    center = np.array(node.centroid_ras_mm) * (-1, -1, 1)
    x, y = view.position_mm(view.geometry.ijk_from_lps(center))
    return f'<text class="tag" x="{x:.1f}" y="{y:.1f}">{escape(short_id(node))}</text>'


def short_id(node: Node) -> str:
    """The node's number as it is written on maps: "LN007" is 7."""
    return node.id[2:].lstrip("0") or node.id if node.id.startswith("LN") else node.id


def _classes(node: Node, kind: str) -> str:
    return f"{kind} {escape(node.size_class, quote=True) or 'unclassed'}"


def _svg(uri: str, box: Box, overlay: str, view: View, label: str, scale_bar_mm: int) -> str:
    left, right, top, bottom = view.edge_letters
    w, h = box.width_mm, box.height_mm
    x0, y0 = box.left_mm, box.top_mm
    unit = max(w, h) / 100  # letters and margins scale with the picture
    letters = (
        f'<text x="{x0 + 2 * unit:.2f}" y="{y0 + h / 2:.2f}">{left}</text>'
        f'<text class="end" x="{x0 + w - 2 * unit:.2f}" y="{y0 + h / 2:.2f}">{right}</text>'
        f'<text class="middle" x="{x0 + w / 2:.2f}" y="{y0 + 6 * unit:.2f}">{top}</text>'
        f'<text class="middle" x="{x0 + w / 2:.2f}" y="{y0 + h - 2 * unit:.2f}">{bottom}</text>'
    )
    bar_x, bar_y = x0 + w - 3 * unit, y0 + h - 3 * unit
    bar = (
        f'<path class="bar" d="M{bar_x - scale_bar_mm:.2f} {bar_y:.2f}h{scale_bar_mm}"/>'
        f'<text class="end" x="{bar_x:.2f}" y="{bar_y - 2 * unit:.2f}">{scale_bar_mm} mm</text>'
    )
    return (
        f'<svg viewBox="{x0:.2f} {y0:.2f} {w:.2f} {h:.2f}" role="img" aria-label="{escape(label, quote=True)}">'
        f'<image href="{uri}" x="{x0:.2f}" y="{y0:.2f}" width="{w:.2f}" height="{h:.2f}"/>'
        f'<g class="overlay">{overlay}</g>'
        f'<g class="legend" font-size="{4.5 * unit:.2f}">{letters}{bar}</g></svg>'
    )
