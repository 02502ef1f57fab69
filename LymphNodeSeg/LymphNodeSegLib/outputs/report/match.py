"""How DWI lies on T2, to be seen: the edges of the T2 over the DWI, before and after registration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...images.image import Image
from ...registration.result import Registration
from . import drawing, view
from .drawing import Lettering
from .view import View

PIXELS_PER_MM = 3.0
EDGE_COLOR = (255, 176, 0)
EDGE_SMOOTHING_MM = 1.5
EDGE_SHARE_PERCENT = 9.0
DWI_PERCENT = (1.0, 99.5)


def match_pictures(t2: Image, registration: Registration) -> list[tuple[str, str]]:
    """Name and SVG of each picture, on the middle slice of the DWI; only one where nothing was moved."""
    plane = View.along(t2.geometry)
    slices = np.flatnonzero(registration.known.any(axis=(1, 2)))
    index = int(slices[len(slices) // 2]) if len(slices) else t2.geometry.size_ijk[2] // 2
    edges = plane.turned(strong_edges(t2.array[index], t2.geometry.spacing_mm[1::-1]))
    limits = view.window(registration.dwi.array, *DWI_PERCENT)
    if registration.verdict.method == "none":
        shown = [("Not moved", registration.dwi)]
    else:
        shown = [("Before", registration.dwi_unregistered), ("After", registration.dwi)]
    pictures = []
    for name, image in shown:
        gray = plane.turned(view.gray_levels(image.array[index], *limits))
        color = np.where(edges[..., None], np.array(EDGE_COLOR, dtype=np.uint8), gray[..., None])
        uri = view.jpeg(color, plane.pixel_mm, plane.frame, PIXELS_PER_MM)
        label = f"Edges of the T2 over the DWI, {name.lower()}, slice {index + 1}"
        lettering = Lettering(plane.frame.width_mm / 40, 50)
        pictures.append((name, drawing.picture(uri, plane.frame, plane, lettering, label, title=name)))
    return pictures


def strong_edges(plane: np.ndarray, pixel_mm: Sequence[float]) -> np.ndarray:
    """Thin lines along the strongest edges of a slice (non-maximum suppression, Canny 1986), boolean.

    Args:
        plane: [j, i].
        pixel_mm: Height and width of a pixel.
    """
    from scipy import ndimage

    widths = [EDGE_SMOOTHING_MM / mm for mm in pixel_mm]
    smooth = ndimage.gaussian_filter(np.nan_to_num(np.asarray(plane, dtype=np.float32)), widths)
    down, right = np.gradient(smooth, *pixel_mm)
    strength = np.hypot(down, right)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A step of one pixel along the gradient, to either side.
        longest = np.maximum(np.abs(down) / pixel_mm[0], np.abs(right) / pixel_mm[1])
        dy = np.nan_to_num(down / pixel_mm[0] / longest)
        dx = np.nan_to_num(right / pixel_mm[1] / longest)
    rows, columns = np.indices(plane.shape)
    ahead = ndimage.map_coordinates(strength, [rows + dy, columns + dx], order=1, mode="nearest")
    behind = ndimage.map_coordinates(strength, [rows - dy, columns - dx], order=1, mode="nearest")
    ridge = (strength >= ahead) & (strength > behind)
    return ridge & (strength >= np.percentile(strength, 100 - EDGE_SHARE_PERCENT))
