"""What guides the registration: water without displaced fat, where the b-values allow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.registration.guide import guide_of
from LymphNodeSegLib.registration.register import register

from Testing.registration.pelvis import PHASE_AXIS, STRAIGHT, errors_mm, make_study, points_of, signal


@pytest.fixture(scope="module")
def study() -> StudyImages:
    return make_study(STRAIGHT)


def with_dwi(study: StudyImages, *series: Image) -> StudyImages:
    return replace(study, dwi=series[-1], dwi_series=series)


def at_b(image: Image, b_value_s_mm2: float | None) -> Image:
    return replace(image, acquisition=replace(image.acquisition, b_value_s_mm2=b_value_s_mm2))


def test_fat_that_chemical_shift_displaced_does_not_mislead(study) -> None:
    """Fat 13 mm off, alike on every b-value; without the difference of b-values it draws the image along."""
    low, high = study.dwi_series
    places = points_of(low.geometry)
    places[..., PHASE_AXIS] += 13.0
    fat = 250.0 * np.clip(signal(places, 0) - 0.3, 0.0, 0.45).astype(np.float32)
    series = tuple(image.with_array(image.array + fat) for image in (low, high))
    after, before = errors_mm(register(with_dwi(study, *series)), study, STRAIGHT)
    assert after.mean() < 0.4 * before.mean()


def test_what_does_not_diffuse_is_not_in_the_guide(study) -> None:
    low, high = study.dwi_series
    guide = guide_of(study)
    np.testing.assert_allclose(guide.array, low.array - high.array)
    assert guide.geometry == low.geometry
    more = tuple(image.with_array(image.array + 77.0) for image in (low, high))
    np.testing.assert_allclose(guide_of(with_dwi(study, *more)).array, guide.array, atol=1e-4)


def test_whole_numbers_without_sign_do_not_wrap(study) -> None:
    series = tuple(image.with_array(image.array.astype(np.uint16)) for image in study.dwi_series)
    series = (series[0], at_b(series[0].with_array(series[1].array + 1), 800.0))
    assert guide_of(with_dwi(study, *series)).array.max() <= series[0].array.max()


def test_the_lowest_b_value_guides_where_there_is_no_difference_to_be_had(study) -> None:
    low, high = study.dwi_series
    coarser = replace(high.geometry, spacing_mm=(2.4, 2.2, 4.0))
    for series in (
        (low,),
        (low, at_b(high, 200.0)),
        (at_b(low, None), high),
        (low, Image(high.array, coarser, high.acquisition)),
        (low, high.with_array(4.0 * high.array)),  # each b-value on a scale of its own
    ):
        assert guide_of(with_dwi(study, *series)) is series[0]
