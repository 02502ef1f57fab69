"""Fat that is left on a single b-value is found where the chemical shift has put it, and taken away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.registration.fat import without_fat
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.space import binned

from Testing.registration.pelvis import (
    FAT_SHIFT_MM,
    PHASE_AXIS,
    STRAIGHT,
    errors_mm,
    make_study,
    oblique,
    with_displaced_fat,
)

DIRECTIONS = {"straight": STRAIGHT, "oblique": oblique(), "left-handed": np.diag([1.0, 1.0, -1.0])}


@pytest.fixture(scope="module", params=DIRECTIONS)
def direction(request: pytest.FixtureRequest) -> np.ndarray:
    return DIRECTIONS[request.param]


@pytest.fixture(scope="module")
def study(direction: np.ndarray) -> StudyImages:
    return make_study(direction)


def test_shift_and_phase_encoding_of_the_fat_are_found(study: StudyImages) -> None:
    """Both axes are tried where the DWI does not tell which is its phase encoding's."""
    for image in with_displaced_fat(study).dwi_series:
        water = without_fat(binned(study.t2), image, [1, 0])
        assert water is not None
        assert water.axis == PHASE_AXIS
        assert water.shift_mm == pytest.approx(FAT_SHIFT_MM, abs=2.0)  # two thirds of a voxel


def test_what_is_left_is_the_water(study: StudyImages) -> None:
    with_fat = with_displaced_fat(study)
    for image, without in zip(with_fat.dwi_series, study.dwi_series):
        water = without_fat(binned(study.t2), image, [PHASE_AXIS])
        assert water is not None
        assert water.image.geometry.is_close(image.geometry)
        before, after = (
            np.corrcoef(one.ravel(), without.array.ravel())[0, 1] for one in (image.array, water.image.array)
        )
        assert 1.0 - after < 0.6 * (1.0 - before)


@pytest.mark.parametrize(("which", "share"), [(0, 0.4), (1, 0.85)], ids=["water brighter", "fat brighter"])
def test_one_b_value_is_not_drawn_off_by_its_fat(
    study: StudyImages, direction: np.ndarray, which: int, share: float
) -> None:
    """Where fat is the brighter, the image was drawn 19 mm off and more before."""
    image = with_displaced_fat(study).dwi_series[which]
    after, before = errors_mm(register(StudyImages(study.t2, image, (image,))), study, direction)
    assert after.mean() < share * before.mean()


def test_without_fat_one_b_value_is_registered_as_well(study: StudyImages, direction: np.ndarray) -> None:
    image = study.dwi_series[0]
    after, before = errors_mm(register(StudyImages(study.t2, image, (image,))), study, direction)
    assert after.mean() < 0.15 * before.mean()


def test_a_t2_without_fat_or_elsewhere_tells_nothing(study: StudyImages) -> None:
    image = study.dwi_series[0]
    assert without_fat(study.t2.with_array(np.zeros_like(study.t2.array)), image, [0, 1]) is None
    far = replace(study.t2.geometry, origin_lps_mm=(900.0, 900.0, 900.0))
    assert without_fat(replace(study.t2, geometry=far), image, [0, 1]) is None
