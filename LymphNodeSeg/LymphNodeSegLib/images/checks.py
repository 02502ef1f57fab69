"""Whether images can be used, alone and together."""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

import numpy as np

from ..errors import InputError
from .image import Geometry, Image

SAMPLES_PER_AXIS = 20
LABELS_AT_MOST = 32
SMALL_OVERLAP = 0.6
SAME_PLANE_DEGREES = 35.0
"""Slices tilted against each other by less are still seen alike: short-axis and straight axial ones."""


@lru_cache(maxsize=1024)
def overlap(inside: Geometry, around: Geometry) -> float:
    """Share of the first grid's volume that lies within the second, 0 to 1, by sampling."""
    axes = [(np.arange(SAMPLES_PER_AXIS) + 0.5) / SAMPLES_PER_AXIS * size - 0.5 for size in inside.size_ijk]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    there = around.ijk_from_lps(inside.lps_from_ijk(points))
    return float(around.holds(there).mean())


def check_image(image: Image, name: str) -> None:
    """Refuse an image that holds nothing to work on.

    Raises:
        InputError: single slice, NaN or infinite voxels, or all voxels the same.
    """
    if min(image.geometry.size_ijk) < 2:
        raise InputError(f"{name} is a single slice: give a volume of several slices.")
    array = image.array
    if not np.issubdtype(array.dtype, np.integer) and not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise InputError(
            f"{name} holds {bad} voxels that are no numbers (NaN or infinite): repair or re-export it."
        )
    if array.min() == array.max():
        raise InputError(f"{name} is empty: all its voxels have the value {float(array.flat[0]):g}.")


def check_not_labels(image: Image, name: str) -> None:
    """Refuse a label map or mask where an image is wanted.

    Raises:
        InputError: the image has only a few whole values.
    """
    # A sparse sample settles it for images; only a suspect is looked at in full.
    sample = np.unique(image.array.ravel()[:: max(image.array.size // 10_000, 1)])
    if len(sample) > LABELS_AT_MOST:
        return
    values = np.unique(image.array)
    if len(values) <= LABELS_AT_MOST and np.all(values == np.round(values)):
        raise InputError(
            f"{name} has only {len(values)} different values: it looks like a segmentation, give the image."
        )


def check_pair(t2: Image, dwi: Image, adc: Optional[Image] = None) -> tuple[str, ...]:
    """Refuse images that cannot belong together; warn where they fit badly.

    Returns:
        Sentences for the user; empty if all is well.

    Raises:
        InputError: T2 and DWI are the same image, or do not overlap in space.
    """
    if _same(t2, dwi):
        raise InputError("T2 and DWI are the same image: give the diffusion-weighted image as DWI.")
    share = overlap(dwi.geometry, t2.geometry)
    if share == 0.0 and overlap(t2.geometry, dwi.geometry) == 0.0:
        raise InputError(
            f"T2 and DWI do not overlap in space (their centers lie {_distance_mm(t2, dwi):.0f} mm apart): "
            "give images of the same examination, with their positions intact."
        )
    warnings = []
    common = overlap(t2.geometry, dwi.geometry)
    if common < SMALL_OVERLAP:
        warnings.append(
            f"The DWI covers only {100 * common:.0f} % of the T2: nodes outside it cannot be found."
        )
    cosine = abs(float(t2.geometry.normal_lps @ dwi.geometry.normal_lps))
    if cosine < np.cos(np.radians(SAME_PLANE_DEGREES)):
        warnings.append(
            f"The T2 is {t2.geometry.plane} and the DWI {dwi.geometry.plane}: many nodes may be missed. "
            "Choose a T2 in the plane of the DWI where there is one."
        )
    frames = (t2.acquisition.frame_of_reference_uid, dwi.acquisition.frame_of_reference_uid)
    if all(frames) and frames[0] != frames[1]:
        warnings.append(
            "T2 and DWI have different frames of reference: the patient may have moved in between."
        )
    studies = (t2.acquisition.study_uid, dwi.acquisition.study_uid)
    if all(studies) and studies[0] != studies[1]:
        warnings.append("T2 and DWI come from different studies.")
    if adc is not None:
        if _same(adc, dwi) or _same(adc, t2):
            raise InputError(
                "The ADC map is the same image as the T2 or the DWI: give the ADC map, or leave it out."
            )
        if overlap(adc.geometry, dwi.geometry) < SMALL_OVERLAP:
            warnings.append("The ADC map lies elsewhere than the DWI.")
    return tuple(warnings)


def _same(one: Image, other: Image) -> bool:
    if one is other:
        return True
    return one.array.shape == other.array.shape and bool(np.array_equal(one.array, other.array))


def _distance_mm(one: Image, other: Image) -> float:
    centers = [image.geometry.corners_lps_mm().mean(axis=0) for image in (one, other)]
    return float(np.linalg.norm(centers[0] - centers[1]))
