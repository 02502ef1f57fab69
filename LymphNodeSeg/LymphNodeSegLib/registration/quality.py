"""How well DWI and T2 agree: figures that take no part in finding the registration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.image import Geometry, Image
from .resample import Resampler
from .space import level, points_of, sitk_grid

BINS = 32
GRID_MM = 2.5
LEAST_VOXELS = 200
STRONG_PERCENTILE = 90.0


@dataclass(frozen=True)
class Figures:
    """Agreement in one part of the image; see `result.Verdict` for what the figures mean."""

    similarity: float
    edge_overlap: float
    largest_displacement_mm: float
    smallest_jacobian: float


@dataclass(frozen=True)
class Seen:
    """The DWI as one transform shows it on the judge's grid, and how steep it is there."""

    dwi: np.ndarray
    steepness: np.ndarray
    known: np.ndarray
    displacement_mm: np.ndarray
    jacobian: np.ndarray


class Judge:
    """Compares transforms of a DWI onto a T2, always on the same voxels of the T2.

    Args:
        t2: The T2.
        dwi: The DWI that guides the registration.
    """

    def __init__(self, t2: Image, dwi: Image) -> None:
        here = level(t2, dwi, np.eye(4), GRID_MM, margin_mm=0.0)
        self._dwi = dwi
        self.grid: Geometry = here.grid
        self._t2 = here.t2_moved(np.eye(4))
        self.body = here.body(self._t2, np.eye(4))
        self._t2_steepness = steepness(self._t2)
        self.overlap = float(np.mean(here.dwi_here[self.body])) if self.body.any() else 0.0

    def look(self, displacement_lps_mm: np.ndarray) -> Seen:
        """The DWI at the points of the grid displaced by [3, k, j, i]."""
        import SimpleITK as sitk

        there = Resampler(displacement_lps_mm, self.grid)
        field = sitk.GetImageFromArray(np.moveaxis(displacement_lps_mm, 0, -1), isVector=True)
        field.CopyInformation(sitk_grid(self.grid))
        jacobian = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
        dwi, known = there.quantity(self._dwi).array, there.known(self._dwi)
        far = np.sqrt((displacement_lps_mm**2).sum(axis=0))
        return Seen(dwi, steepness(dwi), known, far, jacobian)

    def figures(self, seen: Seen, part: np.ndarray) -> Figures:
        """Agreement inside a part of the grid (boolean [k, j, i])."""
        here = part & seen.known
        few = int(here.sum()) < LEAST_VOXELS
        return Figures(
            1.0 if few else normalized_mutual_information(self._t2[here], seen.dwi[here]),
            0.0 if few else edge_overlap(self._t2_steepness[here], seen.steepness[here]),
            0.0 if few else float(seen.displacement_mm[here].max()),
            1.0 if few else float(seen.jacobian[here].min()),
        )

    def regions(self) -> dict[str, np.ndarray]:
        """The outer thirds of the body along the patient's axes, by name."""
        points = points_of(self.grid)
        names = (("right", "left"), ("anterior", "posterior"), ("lower", "upper"))
        parts = {}
        for axis, (low_name, high_name) in enumerate(names):
            place = points[..., axis]
            low, high = np.percentile(place[self.body], (100.0 / 3.0, 200.0 / 3.0))
            parts[low_name] = self.body & (place <= low)
            parts[high_name] = self.body & (place >= high)
        return parts


def normalized_mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """(H(A) + H(B)) / H(A, B) of two lists of values (Studholme 1999): 1 independent, 2 the same.

    Values beyond the 0.5th and 99.5th percentile are clipped, so that a bright bladder does not set the bins.
    The entropies are corrected for the number of values (Miller 1955): few values of independent images would
    seem to share something.
    """
    joint = np.bincount(_bins(first) * BINS + _bins(second), minlength=BINS * BINS).reshape(BINS, BINS)
    both = _entropy(joint.ravel())
    if both <= 0.0:
        return 1.0
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))) / both


def steepness(array: np.ndarray) -> np.ndarray:
    """Length of the in-plane gradient at the scale of a voxel, [k, j, i]."""
    from scipy.ndimage import gaussian_filter

    rows, columns = (gaussian_filter(array, (0.0, 1.0, 1.0), order=o) for o in ((0, 1, 0), (0, 0, 1)))
    return np.asarray(np.hypot(rows, columns))


def edge_overlap(t2_steepness: np.ndarray, dwi_steepness: np.ndarray) -> float:
    """Share of the strong T2 edges (the steepest tenth) that lie on a strong DWI edge, 0 to 1."""
    t2_edges, dwi_edges = (
        steep >= np.percentile(steep, STRONG_PERCENTILE) for steep in (t2_steepness, dwi_steepness)
    )
    return float((t2_edges & dwi_edges).sum() / max(int(t2_edges.sum()), 1))


def _bins(values: np.ndarray) -> np.ndarray:
    """The bin of each value, 0 to BINS - 1."""
    low, high = (float(end) for end in np.percentile(values, (0.5, 99.5)))
    scale = BINS / (high - low) if high > low else 0.0
    return np.clip((values - low) * scale, 0, BINS - 1).astype(np.intp)


def _entropy(counts: np.ndarray) -> float:
    total, positive = float(counts.sum()), counts[counts > 0]
    share = positive / total
    return float(-(share * np.log(share)).sum()) + (len(positive) - 1) / (2.0 * total)
