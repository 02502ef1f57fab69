"""What a registration hands on: images on the T2 grid, and how far they may be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..images.image import Image

if TYPE_CHECKING:
    import SimpleITK


@dataclass(frozen=True)
class Verdict:
    """How good a registration is, before and after.

    Attributes:
        decision: "improved", "kept" (the start was as good, nothing was moved) or "rejected".
        reason: One sentence for the user.
        method: What was applied in the end: "deformable", "rigid" or "none".
        similarity_before, similarity_after: Normalized mutual information with what guides the
            registration, inside the body and the DWI's field of view; higher is better.
        edge_overlap_before, edge_overlap_after: Share of strong T2 edges that meet a DWI edge, 0 to 1.
        largest_displacement_mm: Longest displacement inside the body.
        smallest_jacobian: Smallest determinant of the displacement's Jacobian; positive means no folding.
        regions: The same figures for parts of the image, by name.
    """

    decision: str
    reason: str
    method: str
    similarity_before: float
    similarity_after: float
    edge_overlap_before: float = 0.0
    edge_overlap_after: float = 0.0
    largest_displacement_mm: float = 0.0
    smallest_jacobian: float = 1.0
    regions: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registration:
    """DWI and ADC on the T2 grid.

    Attributes:
        transform: Maps LPS points of the T2 to LPS points of the DWI (SimpleITK's resampling sense).
        dwi: The chosen b-value on the T2 grid, float32.
        dwi_unregistered: The same by physical space alone, linearly sampled: to be looked at beside `dwi`.
        dwi_series: Every measured b-value on the T2 grid, lowest b first.
        adc: ADC in um2/s on the T2 grid, if there is one.
        known: Boolean [k, j, i]; False where the T2 lies outside the DWI's field of view.
        verdict: How good it is.
    """

    transform: SimpleITK.Transform
    dwi: Image
    dwi_unregistered: Image
    dwi_series: tuple[Image, ...]
    adc: Optional[Image]
    known: np.ndarray = field(repr=False)
    verdict: Verdict
