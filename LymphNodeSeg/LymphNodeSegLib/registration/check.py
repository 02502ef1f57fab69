"""What can be known of two images before they are registered: whether it makes sense, and where to start."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from ..errors import InputError
from ..images.image import Image
from .quality import normalized_mutual_information
from .space import Level, level

COARSE_MM = 5.0
LEAST_OVERLAP = 0.05
SWAPPED_FROM = 1.5  # times as fine as the T2
CLEARLY_BETTER = 1.2


def check_images(t2: Image, *dwis: Image) -> None:
    """Refuses images that cannot be registered.

    Raises:
        InputError: an image is empty or not finite, or T2 and DWI are swapped.
    """
    for name, image in (("T2", t2), *(("DWI", dwi) for dwi in dwis)):
        if not np.all(np.isfinite(image.array)):
            raise InputError(f"The {name} has voxels that are not numbers: export it again.")
        if float(image.array.max()) == float(image.array.min()):
            raise InputError(f"The {name} is empty (all its voxels are the same): choose another series.")
    roles = (t2.acquisition.role, dwis[0].acquisition.role)
    pixel_mm = [float(np.sqrt(np.prod(image.geometry.spacing_mm[:2]))) for image in (t2, dwis[0])]
    if roles == ("DWI", "T2") or pixel_mm[0] > SWAPPED_FROM * pixel_mm[1]:
        raise InputError(
            f"The T2 has coarser pixels ({pixel_mm[0]:.2g} mm) than the DWI ({pixel_mm[1]:.2g} mm): "
            "T2 and DWI seem to be swapped; exchange them."
        )


def starts(t2: Image, dwi: Image, overlap: float) -> list[np.ndarray]:
    """Movements from T2 points to DWI points to begin with, 4x4 LPS.

    Images of one frame of reference lie where their headers say. Of different frames, the headers may still
    be right; else the centers of what they show are laid upon each other.

    Raises:
        InputError: images of one frame of reference do not overlap.
    """
    frames = (t2.acquisition.frame_of_reference_uid, dwi.acquisition.frame_of_reference_uid)
    differ = bool(frames[0] and frames[1] and frames[0] != frames[1])
    if not differ:
        if overlap < LEAST_OVERLAP:
            raise InputError("T2 and DWI do not overlap in space: choose series of the same examination.")
        return [np.eye(4)]
    shifted = np.eye(4)
    shifted[:3, 3] = _center_of_signal(dwi) - _center_of_signal(t2)
    return [np.eye(4), shifted] if overlap >= LEAST_OVERLAP else [shifted]


def coarse_similarity(t2: Image, dwi: Image, rigid: np.ndarray) -> float:
    """Normalized mutual information on a coarse grid after a rigid movement; 1 if they hardly overlap."""
    return _similarity_on(level(t2, dwi, rigid, COARSE_MM), rigid)


def better_turned(t2: Image, dwi: Image, rigid: np.ndarray) -> bool:
    """Whether the DWI would fit clearly better mirrored or turned by 90 degrees: its header is wrong then."""
    here = level(t2, dwi, rigid, COARSE_MM)
    straight = _similarity_on(here, rigid)
    dwi_center = dwi.geometry.lps_from_ijk((np.array(dwi.geometry.size_ijk) - 1) / 2.0)
    best = 1.0
    for turn in _turns():
        matrix = np.eye(4)
        matrix[:3, :3] = dwi.geometry.direction @ turn @ dwi.geometry.direction.T
        matrix[:3, 3] = dwi_center - matrix[:3, :3] @ dwi_center
        # The T2 turned about the DWI's center, as the DWI would have to be turned back.
        best = max(best, _similarity_on(here, matrix))
    return best - 1.0 > CLEARLY_BETTER * (straight - 1.0)


def _turns() -> list[np.ndarray]:
    """Signed permutations of the DWI's axes that keep its slices slices, without the identity."""
    found = []
    for order, signs in product(permutations((0, 1)), product((1.0, -1.0), repeat=3)):
        turn = np.zeros((3, 3))
        for row, column in enumerate((*order, 2)):
            turn[row, column] = signs[row]
        if not np.array_equal(turn, np.eye(3)):
            found.append(turn)
    return found


def _similarity_on(here: Level, rigid: np.ndarray) -> float:
    moved = here.t2_moved(rigid)
    both = here.body(moved, rigid) & here.dwi_here
    if both.sum() < LEAST_OVERLAP * both.size:
        return 1.0
    return normalized_mutual_information(moved[both], here.dwi[both])


def _center_of_signal(image: Image) -> np.ndarray:
    """Center of mass of what is brighter than the background, LPS mm."""
    from scipy.ndimage import center_of_mass

    bright = image.array > 0.1 * np.percentile(image.array, 99.0)
    return image.geometry.lps_from_ijk(np.array(center_of_mass(bright))[::-1])
