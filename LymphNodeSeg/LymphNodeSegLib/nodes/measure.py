"""Measurement of separate nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import InputError
from ..images.image import Geometry, Image
from ..settings import Settings
from .axes import Axes, in_slices, planar_axes
from .axial import EXACTLY_AXIAL_DEGREES, axial_axes, tilt_degrees
from .blocks import Block, blocks_of
from .hints import adc_hint, t2_hint
from .neighbors import nearest_mm
from .node import Diameter, Node, NodeMask, Point
from .packed import Pack, packed
from .reading import size_class
from .solid import (
    Moments,
    Surface,
    max_diameters_mm,
    moments_of,
    sphericity,
    surface_areas_mm2,
    surfaces_of,
)
from .stations import UNKNOWN, Landmarks, find_landmarks, side_of
from .ties import settled

DEFAULT_SETTINGS = Settings()


def measure_nodes(
    labels: Image,
    *,
    probability: Optional[Image] = None,
    probability_spread: Optional[Image] = None,
    dwi: Optional[Image] = None,
    adc: Optional[Image] = None,
    t2: Optional[Image] = None,
    known: Optional[np.ndarray] = None,
    landmarks: Optional[Landmarks] = None,
    settings: Settings = DEFAULT_SETTINGS,
    ids: Optional[Mapping[int, str]] = None,
    only: Optional[Collection[int]] = None,
) -> tuple[Node, ...]:
    """Measure every node of a label map.

    Args:
        labels: Integer label map [k, j, i], one label a node, 0 is background.
        probability: Calibrated probability on the same grid, for the confidence.
        probability_spread: Its standard deviation over test-time flips.
        dwi: Diffusion-weighted image on the same grid.
        adc: ADC in um2/s on the same grid.
        t2: T2-weighted image on the same grid, for the hints and the side.
        known: Boolean [k, j, i]; False where DWI and ADC know nothing. NaN counts as unknown, too.
        landmarks: What was found in the T2 before, so that it is not searched again after an edit.
        settings: The threshold of the size class, and whether reading aids are wanted.
        ids: Name of each label; "LN001" for label 1 and so on where absent.
        only: Labels to measure; the others only count as neighbors. For a node that was edited.

    Returns:
        The nodes in the order of their labels.

    Raises:
        InputError: an image does not lie on the grid of the label map.
    """
    for name, image in (
        ("probability", probability),
        ("probability spread", probability_spread),
        ("DWI", dwi),
        ("ADC", adc),
        ("T2", t2),
    ):
        if image is not None and image.array.shape != labels.array.shape:
            raise InputError(
                f"The {name} image has another grid than the segmentation: resample it to that grid first."
            )
    geometry = labels.geometry
    blocks = blocks_of(labels.array)
    wanted = [block for block in blocks if only is None or block.label in only]
    if not wanted:
        return ()
    masks = [block.mask for block in wanted]
    packs = packed(masks)
    surfaces = surfaces_of(packs)
    moments = moments_of(packs)
    nearest = nearest_mm(blocks, wanted, surfaces, geometry)
    acquisition, axial = _all_axes(wanted, packs, surfaces, moments, geometry)
    starts = np.array([block.start_ijk for block in wanted])
    solids = zip(
        moments.counts.tolist(),
        _ras(moments.centers + starts, geometry),
        max_diameters_mm(surfaces, moments, geometry.spacing_mm),
        surface_areas_mm2(packs, geometry.spacing_mm[::-1]).tolist(),
    )
    images = _Images(probability, probability_spread, dwi, adc, t2, known)
    if not settings.reading_aids:
        landmarks = None
    elif landmarks is None and t2 is not None:
        landmarks = find_landmarks(t2)
    nodes = []
    for block, solid, axes in zip(wanted, solids, zip(acquisition, axial)):
        name = ids[block.label] if ids and block.label in ids else f"LN{block.label:03d}"
        nodes.append(_node(name, block, _Solid(*solid), geometry, axes, nearest, images, landmarks, settings))
    return tuple(nodes)


# Long axis, short axis, and the short axes on slices whose long axis is as long.
_Axes = tuple[Optional[Diameter], Optional[Diameter], tuple[float, ...]]


@dataclass(frozen=True)
class _Images:
    """The images measured inside the nodes; see `measure_nodes`."""

    probability: Optional[Image]
    spread: Optional[Image]
    dwi: Optional[Image]
    adc: Optional[Image]
    t2: Optional[Image]
    known: Optional[np.ndarray]


@dataclass(frozen=True)
class _Solid:
    """Voxels, center of mass, 3-D diameter and surface of a node."""

    count: int
    centroid: Point
    max_diameter_mm: float
    area_mm2: float


def _all_axes(
    blocks: Sequence[Block],
    packs: Sequence[Pack],
    surfaces: Sequence[Surface],
    moments: Moments,
    geometry: Geometry,
) -> tuple[list[_Axes], list[_Axes]]:
    """Long and short axis of all nodes: in the acquisition plane, and in the true axial plane."""
    planar = planar_axes(packs, len(blocks), (geometry.spacing_mm[1], geometry.spacing_mm[0]))
    settled_axes = [
        None if axes is None else in_slices(settled(axes, surface, covariance, geometry.spacing_mm))
        for axes, surface, covariance in zip(planar, surfaces, moments.covariances)
    ]
    acquisition = _diameters(settled_axes, blocks, geometry)
    if tilt_degrees(geometry) < EXACTLY_AXIAL_DEGREES:
        return acquisition, acquisition
    axial = axial_axes([block.mask for block in blocks], surfaces, moments, geometry)
    return acquisition, _diameters(axial, blocks, geometry)


def _node(
    name: str,
    block: Block,
    solid: _Solid,
    geometry: Geometry,
    axes: tuple[_Axes, _Axes],
    nearest: Mapping[int, float],
    images: _Images,
    landmarks: Optional[Landmarks],
    settings: Settings,
) -> Node:
    volume_mm3 = solid.count * geometry.voxel_volume_mm3
    mask = NodeMask(block.mask, block.start_ijk, geometry)
    mean_dwi, min_dwi, max_dwi = _statistics(images.dwi, block, images.known)
    mean_adc, min_adc, max_adc = _statistics(images.adc, block, images.known)
    (long_axis, short_axis, rivals_mm), axial = axes
    short_mm = short_axis.length_mm if short_axis else None
    hints = _hints(block, geometry, images.t2, short_mm, mean_adc) if settings.reading_aids else ()
    return Node(
        id=name,
        label=block.label,
        mask=mask,
        volume_mm3=volume_mm3,
        short_axis=short_axis,
        long_axis=long_axis,
        axial_short_axis=axial[1],
        axial_long_axis=axial[0],
        max_diameter_3d_mm=solid.max_diameter_mm,
        sphericity=sphericity(volume_mm3, solid.area_mm2),
        centroid_ras_mm=solid.centroid,
        confidence=_statistics(images.probability, block, None)[0],
        confidence_spread=_statistics(images.spread, block, None)[0],
        mean_dwi=mean_dwi,
        min_dwi=min_dwi,
        max_dwi=max_dwi,
        mean_adc_um2_s=mean_adc,
        min_adc_um2_s=min_adc,
        max_adc_um2_s=max_adc,
        nearest_node_mm=nearest.get(block.label),
        largest_tied_short_axis_mm=max((short_mm, *rivals_mm)) if short_mm is not None else None,
        size_class=size_class(short_mm, settings.suspicious_mm) if settings.reading_aids else "",
        side=side_of(solid.centroid, landmarks) if landmarks else "",
        station=UNKNOWN if landmarks else "",
        notes=(*_notes(block, mask, solid.count, images, short_mm, rivals_mm), *hints),
    )


def _diameters(found: Sequence[Optional[Axes]], blocks: Sequence[Block], geometry: Geometry) -> list[_Axes]:
    """Long and short axis of each node in RAS, and the rivals of the short axis."""
    ends = [axes.ends_ijk + block.start_ijk for axes, block in zip(found, blocks) if axes is not None]
    points = iter(_ras(np.concatenate(ends), geometry) if ends else ())
    diameters: list[_Axes] = []
    for axes in found:
        if axes is None:
            diameters.append((None, None, ()))
            continue
        long_axis = Diameter(axes.long_mm, next(points), next(points))
        short_axis = Diameter(axes.short_mm, next(points), next(points))
        diameters.append((long_axis, short_axis, axes.rivals_mm))
    return diameters


def _ras(points_ijk: np.ndarray, geometry: Geometry) -> list[Point]:
    """Points (n, 3) in patient coordinates."""
    return [(-x, -y, z) for x, y, z in geometry.lps_from_ijk(points_ijk).tolist()]


def _statistics(
    image: Optional[Image], block: Block, known: Optional[np.ndarray]
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


def _notes(
    block: Block,
    mask: NodeMask,
    count: int,
    images: _Images,
    short_axis_mm: Optional[float],
    rivals_mm: tuple[float, ...],
) -> tuple[str, ...]:
    notes = []
    if mask.at_the_edge:
        notes.append("Cut by the field of view: it may be larger than measured.")
    if count == 1:
        notes.append("A single voxel: its axes are those of the voxel.")
    elif block.mask.shape[0] == 1:
        notes.append("Seen in one slice only: axes out of the slice plane and volume are uncertain.")
    shorts = [short_axis_mm or 0.0, *rivals_mm]
    if max(shorts) - min(shorts) > max(mask.geometry.spacing_mm[:2]):
        notes.append(
            f"Slices with equally long axes have short axes of {min(shorts):.1f} to {max(shorts):.1f} mm: "
            "check which slice to measure."
        )
    if images.known is not None:
        unknown = 1 - np.count_nonzero(images.known[block.box] & block.mask) / count
        if unknown > 0:
            notes.append(f"{unknown:.0%} of it lies outside the field of view of the DWI.")
    return tuple(notes)


def _hints(
    block: Block,
    geometry: Geometry,
    t2: Optional[Image],
    short_axis_mm: Optional[float],
    mean_adc_um2_s: Optional[float],
) -> tuple[str, ...]:
    """What signal and ADC hint at."""
    of_t2 = None if t2 is None else t2_hint(t2.array, block, short_axis_mm, geometry.voxel_volume_mm3)
    return tuple(hint for hint in (of_t2, adc_hint(mean_adc_um2_s)) if hint)
