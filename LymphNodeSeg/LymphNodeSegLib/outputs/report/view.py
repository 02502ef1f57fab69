"""Pictures of slices and projections as radiologists expect them, in true proportions.

A `View` turns array and voxel indices into picture millimeters: the origin is the upper left corner of the
picture, x points right, y points down. The voxels themselves are only flipped and transposed, so that the
acquired plane is shown as it was acquired; letters at the edges name the patient's directions.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np

from ...images.image import Geometry

# What lies at the right and lower edge of a picture whose normal is nearest to the patient's axis x, y, z
# (LPS): sagittal shows posterior and feet, coronal left and feet, axial left and posterior.
_RIGHT_AND_DOWN_LPS = {
    0: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    1: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    2: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_SECOND_LETTER_FROM = math.sin(math.radians(22.5))
JPEG_QUALITY = 84


@dataclass(frozen=True)
class Box:
    """A rectangle of a picture in millimeters."""

    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float

    def meets(self, other: Box) -> bool:
        """Whether the two have a point in common."""
        apart_x = (
            self.left_mm > other.left_mm + other.width_mm or other.left_mm > self.left_mm + self.width_mm
        )
        apart_y = self.top_mm > other.top_mm + other.height_mm or other.top_mm > self.top_mm + self.height_mm
        return not (apart_x or apart_y)

    def inside(self, other: Box) -> bool:
        """Whether no part of it lies outside the other."""
        return (
            self.left_mm >= other.left_mm
            and self.top_mm >= other.top_mm
            and self.left_mm + self.width_mm <= other.left_mm + other.width_mm
            and self.top_mm + self.height_mm <= other.top_mm + other.height_mm
        )


@dataclass(frozen=True)
class View:
    """How a grid is looked at along one of its own axes, in radiological convention.

    Attributes:
        geometry: The grid.
        normal, across, down: The index axis (0, 1, 2 for i, j, k) that points out of the picture, along its
            rows and along its columns.
        across_flipped, down_flipped: Whether the index falls from left to right, from top to bottom.
    """

    geometry: Geometry
    normal: int
    across: int
    down: int
    across_flipped: bool
    down_flipped: bool

    @staticmethod
    def along(geometry: Geometry, normal: int = 2) -> View:
        """The view along an index axis; by default the acquired slices."""
        direction = geometry.direction
        patient_axis = int(np.argmax(np.abs(direction[:, normal])))
        right, down = (np.array(one) for one in _RIGHT_AND_DOWN_LPS[patient_axis])
        first, second = (axis for axis in range(3) if axis != normal)
        straight = abs(direction[:, first] @ right) + abs(direction[:, second] @ down)
        crossed = abs(direction[:, second] @ right) + abs(direction[:, first] @ down)
        x_axis, y_axis = (first, second) if straight >= crossed else (second, first)
        return View(
            geometry,
            normal,
            x_axis,
            y_axis,
            bool(direction[:, x_axis] @ right < 0),
            bool(direction[:, y_axis] @ down < 0),
        )

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Width and height of a pixel."""
        return self.geometry.spacing_mm[self.across], self.geometry.spacing_mm[self.down]

    @property
    def frame(self) -> Box:
        """The whole picture."""
        size, (width, height) = self.geometry.size_ijk, self.pixel_mm
        return Box(0.0, 0.0, size[self.across] * width, size[self.down] * height)

    def turned(self, plane: np.ndarray) -> np.ndarray:
        """A plane of the volume as it is shown: rows from top, columns from left.

        Args:
            plane: What is left of an array [k, j, i] (or [k, j, i, color]) without the normal's axis.
        """
        if self.down < self.across:  # axes of arrays run against those of indices
            plane = plane.swapaxes(0, 1)
        return plane[:: -1 if self.down_flipped else 1, :: -1 if self.across_flipped else 1]

    def slice_of(self, volume: np.ndarray, index: int) -> np.ndarray:
        """One plane of a volume [k, j, i] or [k, j, i, color], turned."""
        return self.turned(np.take(volume, index, axis=2 - self.normal))

    def position_mm(self, points_ijk: np.ndarray) -> np.ndarray:
        """Where voxel indices (..., 3), fractions allowed, lie in the picture: (..., 2), x and y."""
        points = np.asarray(points_ijk, dtype=float)
        both = []
        for axis, flipped in ((self.across, self.across_flipped), (self.down, self.down_flipped)):
            index = points[..., axis]
            from_edge = self.geometry.size_ijk[axis] - 0.5 - index if flipped else index + 0.5
            both.append(from_edge * self.geometry.spacing_mm[axis])
        return np.stack(both, axis=-1)

    @property
    def edge_letters(self) -> tuple[str, str, str, str]:
        """The patient's directions at the left, right, upper and lower edge."""
        right = self.geometry.direction[:, self.across] * (-1 if self.across_flipped else 1)
        down = self.geometry.direction[:, self.down] * (-1 if self.down_flipped else 1)
        return (
            direction_letters(-right),
            direction_letters(right),
            direction_letters(-down),
            direction_letters(down),
        )


def direction_letters(vector_lps: np.ndarray) -> str:
    """The patient's direction of a unit vector: "L", or "LP" where a second one matters."""
    order = np.argsort(-np.abs(vector_lps), kind="stable")[:2]
    letters = [_LETTERS[axis][int(vector_lps[axis] < 0)] for axis in order]
    return "".join(letters) if abs(vector_lps[order[1]]) >= _SECOND_LETTER_FROM else letters[0]


def gray_levels(array: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as 8-bit gray, black at `low` and white at `high`; not-a-number is black."""
    scaled = (np.nan_to_num(np.asarray(array, dtype=np.float32), nan=low) - low) * (
        255.0 / max(high - low, 1e-9)
    )
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def window(array: np.ndarray, low_percent: float, high_percent: float) -> tuple[float, float]:
    """Percentiles of the finite values that are not zero, from every 4th row and column."""
    sample = np.asarray(array[:, ::4, ::4], dtype=np.float32)
    sample = sample[np.isfinite(sample) & (sample != 0)]
    if not sample.size:
        return 0.0, 1.0
    low, high = np.percentile(sample, (low_percent, high_percent))
    return float(low), float(max(high, low + 1e-6))


def jpeg(plane: np.ndarray, pixel_mm: tuple[float, float], box: Box, pixels_per_mm: float) -> str:
    """A part of a picture as a JPEG data URI with square pixels; black beyond the picture's edge.

    Args:
        plane: uint8 [row, column] or [row, column, 3].
        pixel_mm: Width and height of its pixels.
        box: The part wanted.
        pixels_per_mm: Resolution of the JPEG.
    """
    from PIL import Image as PillowImage

    left, top = box.left_mm / pixel_mm[0], box.top_mm / pixel_mm[1]
    right, bottom = left + box.width_mm / pixel_mm[0], top + box.height_mm / pixel_mm[1]
    rows, columns = plane.shape[:2]
    before = (max(0, math.ceil(-top)), max(0, math.ceil(-left)))
    after = (max(0, math.ceil(bottom - rows)), max(0, math.ceil(right - columns)))
    padded = np.pad(plane, [(before[0], after[0]), (before[1], after[1])] + [(0, 0)] * (plane.ndim - 2))
    size = (max(1, round(box.width_mm * pixels_per_mm)), max(1, round(box.height_mm * pixels_per_mm)))
    part = (
        max(left + before[1], 0.0),
        max(top + before[0], 0.0),
        min(right + before[1], float(padded.shape[1])),
        min(bottom + before[0], float(padded.shape[0])),
    )
    picture = PillowImage.fromarray(np.ascontiguousarray(padded)).resize(
        size, PillowImage.Resampling.BICUBIC, box=part
    )
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
