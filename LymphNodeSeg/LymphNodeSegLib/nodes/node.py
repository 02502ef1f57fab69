"""A lymph node: where it is, how large it is, and how sure the network is of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Geometry

if TYPE_CHECKING:
    from .reading import Configuration

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Diameter:
    """A measured line.

    Attributes:
        length_mm: Its length.
        start_ras_mm, end_ras_mm: Its end points in RAS, so that it can be drawn.
    """

    length_mm: float
    start_ras_mm: Point
    end_ras_mm: Point


@dataclass(frozen=True)
class NodeMask:
    """The voxels of one node: a block cut out of the T2 grid.

    Attributes:
        array: Boolean [k, j, i], the node's bounding box only.
        start_ijk: Where the block begins in the full grid.
        geometry: The full grid (that of the T2).
    """

    array: np.ndarray = field(repr=False)
    start_ijk: tuple[int, int, int]
    geometry: Geometry

    @property
    def at_the_edge(self) -> bool:
        """Whether it reaches the edge of the grid, and may be cut by it."""
        ends = [start + size for start, size in zip(self.start_ijk, self.array.shape[::-1])]
        return any(start == 0 for start in self.start_ijk) or any(
            end == size for end, size in zip(ends, self.geometry.size_ijk)
        )


@dataclass(frozen=True)
class Node:
    """One lymph node and its measurements. Values that could not be had are None, with a note that says why.

    Attributes:
        id: "LN001" and so on: stable within a result.
        label: The voxel value of the node in the label map.
        mask: Its voxels.
        volume_mm3: Voxel count times voxel volume, exactly.
        short_axis, long_axis: In the acquisition plane (RECIST 1.1).
        axial_short_axis, axial_long_axis: The same in the true axial plane.
        largest_tied_short_axis_mm: Largest short axis on the slices whose long axes cannot be told apart from
            the longest (`axes.TIE_PIXELS`): what a cautious reader measures. Mostly it is the short axis.
        max_diameter_3d_mm: Largest distance between two points of the surface.
        sphericity: 1 for a ball.
        centroid_ras_mm: Center of mass.
        confidence: Mean calibrated probability inside, 0 to 1; None when measured from a bare mask.
        confidence_spread: Standard deviation of the first look's probability, mirrored, mean inside
            (`network.flips`); small where the network is steady.
        mean_dwi, mean_adc_um2_s: Means inside the node.
        size_class: "normal", "enlarged" or "target" (see nodes.reading); a suggestion.
        side: "left", "right", "midline" or "unknown" (see nodes.stations); a suggestion. Empty: not asked.
        station: One of nodes.stations.STATIONS, "unknown" until the reader enters one. Empty: not asked.
        configuration: What the reader sees in it, for Node-RADS; None until it is entered.
        notes: Sentences for the reader ("cut by the field of view", ...).
    """

    id: str
    label: int
    mask: NodeMask
    volume_mm3: float
    short_axis: Optional[Diameter]
    long_axis: Optional[Diameter]
    axial_short_axis: Optional[Diameter]
    axial_long_axis: Optional[Diameter]
    max_diameter_3d_mm: Optional[float]
    sphericity: Optional[float]
    centroid_ras_mm: Point
    confidence: Optional[float] = None
    mean_dwi: Optional[float] = None
    min_dwi: Optional[float] = None
    max_dwi: Optional[float] = None
    mean_adc_um2_s: Optional[float] = None
    min_adc_um2_s: Optional[float] = None
    max_adc_um2_s: Optional[float] = None
    nearest_node_mm: Optional[float] = None
    largest_tied_short_axis_mm: Optional[float] = None
    confidence_spread: Optional[float] = None
    size_class: str = ""
    side: str = ""
    station: str = ""
    configuration: Optional[Configuration] = None
    notes: tuple[str, ...] = ()

    @property
    def short_axis_mm(self) -> Optional[float]:
        """Short axis in the acquisition plane."""
        return self.short_axis.length_mm if self.short_axis else None

    @property
    def long_axis_mm(self) -> Optional[float]:
        """Long axis in the acquisition plane."""
        return self.long_axis.length_mm if self.long_axis else None

    @property
    def axial_short_axis_mm(self) -> Optional[float]:
        """Short axis in the true axial plane."""
        return self.axial_short_axis.length_mm if self.axial_short_axis else None
