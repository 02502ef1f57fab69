"""Measurement of separate nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Geometry, Image
from ..settings import Settings
from . import solid
from .node import Diameter, Node, NodeMask, Point
from .outline import PlanarAxes
from .reading import size_class

DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True)
class _Block:
    """The bounding box of one label."""

    label: int
    box: tuple[slice, slice, slice]
    mask: np.ndarray

    @property
    def start_ijk(self) -> tuple[int, int, int]:
        return (self.box[2].start, self.box[1].start, self.box[0].start)


def measure_nodes(
    labels: Image,
    *,
    probability: Optional[Image] = None,
    dwi: Optional[Image] = None,
    adc: Optional[Image] = None,
    t2: Optional[Image] = None,
    known: Optional[np.ndarray] = None,
    settings: Settings = DEFAULT_SETTINGS,
    ids: Optional[Mapping[int, str]] = None,
    only: Optional[Collection[int]] = None,
) -> tuple[Node, ...]:
    """Measure every node of a label map.

    Args:
        labels: Integer label map [k, j, i], one label a node, 0 is background.
        probability: Calibrated probability on the same grid, for the confidence.
        dwi: Diffusion-weighted image on the same grid.
        adc: ADC in um2/s on the same grid.
        t2: T2-weighted image on the same grid.
        known: Boolean [k, j, i]; False where DWI and ADC know nothing. NaN counts as unknown, too.
        settings: The threshold of the size class, and whether reading aids are wanted.
        ids: Name of each label; "LN001" for label 1 and so on where absent.
        only: Labels to measure; the others only count as neighbors. For a node that was edited.

    Returns:
        The nodes in the order of their labels.

    Raises:
        InputError: an image does not lie on the grid of the label map.
    """
    for name, image in (("probability", probability), ("DWI", dwi), ("ADC", adc), ("T2", t2)):
        if image is not None and image.array.shape != labels.array.shape:
            raise InputError(
                f"The {name} image has another grid than the segmentation: resample it to that grid first."
            )
    blocks = _blocks(labels.array)
    wanted = [block for block in blocks if only is None or block.label in only]
    nearest = _nearest_mm(blocks, wanted, labels.geometry)
    return tuple(
        _measure(
            block, labels.geometry, nearest.get(block.label), probability, dwi, adc, known, settings, ids
        )
        for block in wanted
    )


def _measure(
    block: _Block,
    geometry: Geometry,
    nearest_mm: Optional[float],
    probability: Optional[Image],
    dwi: Optional[Image],
    adc: Optional[Image],
    known: Optional[np.ndarray],
    settings: Settings,
    ids: Optional[Mapping[int, str]],
) -> Node:
    spacing_kji = geometry.spacing_mm[::-1]
    count = int(np.count_nonzero(block.mask))
    volume = count * geometry.voxel_volume_mm3
    center_ijk = np.argwhere(block.mask).mean(axis=0)[::-1] + block.start_ijk
    acquisition = solid.acquisition_axes(block.mask, spacing_kji)
    long_axis, short_axis = _diameters(acquisition, _slice_to_ijk(acquisition), block, geometry)
    axial_long, axial_short = _axial(block, geometry, long_axis, short_axis)
    surface = solid.surface_points(block.mask) * geometry.spacing_mm
    area = solid.surface_area_mm2(block.mask, spacing_kji)
    notes = _notes(block, geometry, count, known)
    mean_dwi, min_dwi, max_dwi = _statistics(dwi, block, known)
    mean_adc, min_adc, max_adc = _statistics(adc, block, known)
    confidence, _, _ = _statistics(probability, block, None)
    return Node(
        id=ids[block.label] if ids and block.label in ids else f"LN{block.label:03d}",
        label=block.label,
        mask=NodeMask(block.mask, block.start_ijk, geometry),
        volume_mm3=volume,
        short_axis=short_axis,
        long_axis=long_axis,
        axial_short_axis=axial_short,
        axial_long_axis=axial_long,
        max_diameter_3d_mm=solid.max_diameter_mm(surface),
        sphericity=min(1.0, float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area)),
        centroid_ras_mm=_ras(center_ijk, geometry),
        confidence=confidence,
        mean_dwi=mean_dwi,
        min_dwi=min_dwi,
        max_dwi=max_dwi,
        mean_adc_um2_s=mean_adc,
        min_adc_um2_s=min_adc,
        max_adc_um2_s=max_adc,
        nearest_node_mm=nearest_mm,
        size_class=size_class(short_axis.length_mm if short_axis else None, settings.suspicious_mm)
        if settings.reading_aids
        else "",
        notes=notes,
    )


def _blocks(labels: np.ndarray) -> list[_Block]:
    """The bounding box and mask of every label, by label."""
    from scipy import ndimage

    return [
        _Block(number, box, labels[box] == number)
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
        if box is not None
    ]


def _slice_to_ijk(axes: Optional[PlanarAxes]) -> np.ndarray:
    """The matrix from (row, column, plane, 1) of a slice to (i, j, k) of the block."""
    return np.array([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])


def _diameters(
    axes: Optional[PlanarAxes], to_ijk: np.ndarray, block: _Block, geometry: Geometry
) -> tuple[Optional[Diameter], Optional[Diameter]]:
    """Long and short axis in RAS."""
    if axes is None:
        return None, None

    def diameter(ends: np.ndarray, length_mm: float) -> Diameter:
        rows = np.column_stack([ends, np.full(2, float(axes.plane)), np.ones(2)])
        points = rows @ to_ijk.T + block.start_ijk
        return Diameter(length_mm, _ras(points[0], geometry), _ras(points[1], geometry))

    return diameter(axes.long_yx, axes.long_mm), diameter(axes.short_yx, axes.short_mm)


def _axial(
    block: _Block, geometry: Geometry, long_axis: Optional[Diameter], short_axis: Optional[Diameter]
) -> tuple[Optional[Diameter], Optional[Diameter]]:
    tilt = np.degrees(np.arccos(min(1.0, abs(float(geometry.normal_lps[2])))))
    if tilt < solid.EXACTLY_AXIAL_DEGREES:
        return long_axis, short_axis
    found = solid.axial_axes(block.mask, geometry)
    if found is None:
        return None, None
    return _diameters(found[0], found[1], block, geometry)


def _ras(point_ijk: Any, geometry: Geometry) -> Point:
    lps = geometry.lps_from_ijk(np.asarray(point_ijk, dtype=float))
    return (-float(lps[0]), -float(lps[1]), float(lps[2]))


def _statistics(
    image: Optional[Image], block: _Block, known: Optional[np.ndarray]
) -> tuple[Optional[float], Optional[float], Optional[float]]:
    """Mean, smallest and largest known value inside the node."""
    if image is None:
        return None, None, None
    inside = block.mask if known is None else block.mask & known[block.box]
    values = image.array[block.box][inside].astype(float)
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None, None
    return float(values.mean()), float(values.min()), float(values.max())


def _notes(block: _Block, geometry: Geometry, count: int, known: Optional[np.ndarray]) -> tuple[str, ...]:
    notes = []
    size_kji = geometry.size_ijk[::-1]
    if any(part.start == 0 or part.stop == size for part, size in zip(block.box, size_kji)):
        notes.append("Cut by the field of view: it may be larger than measured.")
    if count == 1:
        notes.append("A single voxel: its axes are those of the voxel.")
    elif block.mask.shape[0] == 1:
        notes.append("Seen in one slice only: axes out of the slice plane and volume are uncertain.")
    if known is not None:
        unknown = 1 - np.count_nonzero(known[block.box] & block.mask) / count
        if unknown > 0:
            notes.append(f"{unknown:.0%} of it lies outside the field of view of the DWI.")
    return tuple(notes)


def _nearest_mm(blocks: list[_Block], wanted: list[_Block], geometry: Geometry) -> dict[int, float]:
    """Distance between the surface of each wanted node and that of the node nearest to it."""
    if len(blocks) < 2:
        return {}
    from scipy.spatial.distance import cdist

    spacing = np.asarray(geometry.spacing_mm)
    low = np.array([block.start_ijk for block in blocks]) * spacing
    high = np.array([[s.stop for s in block.box[::-1]] for block in blocks]) * spacing
    surfaces: dict[int, np.ndarray] = {}

    def surface(number: int) -> np.ndarray:
        if number not in surfaces:
            surfaces[number] = (
                solid.surface_points(blocks[number].mask) + blocks[number].start_ijk
            ) * spacing
        return surfaces[number]

    position = {block.label: number for number, block in enumerate(blocks)}
    nearest = {}
    for block in wanted:
        own = position[block.label]
        gap = np.maximum(0, np.maximum(low - high[own], low[own] - high)).astype(float)
        at_least = np.linalg.norm(gap, axis=1)
        at_least[own] = np.inf
        best = np.inf
        for other in np.argsort(at_least):
            if at_least[other] >= best or other == own:
                break
            best = min(best, float(cdist(surface(own), surface(int(other))).min()))
        nearest[block.label] = best
    return nearest
