"""Where a node lies in the body, as far as the image itself shows it.

The scanner's zero says little: patients lie off center by centimeters. So left and right are told from the
body's own plane of symmetry, found in the T2. Nothing else that names a station is found reliably in the
small fields of view of pelvic protocols, and a station is therefore "unknown" until the reader enters one.
What was tried (figures in ``Benchmarks/RESULTS.md``): the femoral heads, for the level of the inguinal
ligament; the depth below the skin and the fat on the way there, for superficial inguinal nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..images.image import Image

UNKNOWN = "unknown"
STATIONS = (
    UNKNOWN,
    "common iliac",
    "external iliac",
    "internal iliac",
    "obturator",
    "presacral",
    "parametrial",
    "paracervical",
    "mesorectal",
    "inguinal",
    "para-aortic",
)
"""What the reader may enter; "unknown" until then."""

MIDLINE_MM = 10.0
"""A node whose center is nearer to the plane of symmetry than this lies in the midline."""

LEAST_SYMMETRY = 0.4
"""Correlation of the image with its mirror image from which the plane is believed."""

_STEP_MM = 4.0


@dataclass(frozen=True)
class Landmarks:
    """What was found in the image.

    Attributes:
        midline_lps_mm: Distance of the body's plane of symmetry from the scanner's zero, towards the left;
            None where the image is not symmetric enough to tell.
        symmetry: Correlation of the image with its mirror image there.
    """

    midline_lps_mm: Optional[float]
    symmetry: float


def find_landmarks(t2: Image) -> Landmarks:
    """The body's plane of symmetry: where the image is most like its mirror image.

    The plane is taken as perpendicular to the left-right axis of the scanner; a patient turned by 5 degrees
    moves it by 9 mm 100 mm away, which `MIDLINE_MM` allows for.
    """
    image, left_mm = _resampled(t2)
    columns = image.shape[2]
    best = Landmarks(None, -1.0)
    at_end = True
    # Column c mirrors to both - c.
    first, last = int(0.6 * columns), int(1.4 * columns)
    for both in range(first, last):
        own = np.arange(max(0, both - columns + 1), min(columns, both + 1))
        here, there = image[:, :, own], image[:, :, both - own]
        known = np.isfinite(here) & np.isfinite(there)
        if len(own) < columns // 2 or known.mean() < 0.3:
            continue
        value = _correlation(here[known], there[known])
        if value > best.symmetry:
            best = Landmarks(left_mm + _STEP_MM * both / 2, value)
            at_end = both in (first, last - 1)
    if best.symmetry < LEAST_SYMMETRY or at_end:
        return Landmarks(None, best.symmetry)
    return best


def side_of(centroid_ras_mm: Sequence[float], landmarks: Landmarks) -> str:
    """The patient's "left", "right" or "midline"; "unknown" without a plane of symmetry."""
    if landmarks.midline_lps_mm is None:
        return UNKNOWN
    to_the_left_mm = -float(centroid_ras_mm[0]) - landmarks.midline_lps_mm
    if abs(to_the_left_mm) < MIDLINE_MM:
        return "midline"
    return "left" if to_the_left_mm > 0 else "right"


def _resampled(t2: Image) -> tuple[np.ndarray, float]:
    """The image along the patient's axes on a coarse grid, NaN outside, and the LPS x of its first column."""
    geometry = t2.geometry
    corners = geometry.corners_lps_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    counts = np.maximum(1, np.floor((high - low) / _STEP_MM)).astype(int)
    axes = [start + _STEP_MM * (np.arange(n) + 0.5) for start, n in zip(low, counts)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    where = geometry.ijk_from_lps(np.stack([x, y, z], axis=-1))
    index = np.clip(np.round(where), 0, np.array(geometry.size_ijk) - 1).astype(int)
    sampled = np.nan_to_num(t2.array[index[..., 2], index[..., 1], index[..., 0]].astype(np.float32))
    bright = float(np.percentile(sampled, 99)) or 1.0
    sampled[~geometry.holds(where)] = np.nan
    return np.minimum(sampled / bright, 1.0), float(axes[0][0])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    spread = float(first.std() * second.std())
    if spread == 0:
        return -1.0
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread)
