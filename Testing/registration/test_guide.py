"""What guides the registration: water without displaced fat, where the b-values allow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.diffusion import adc_of
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.registration.guide import guide_of
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.resample import displacement_on

from Testing.registration.pelvis import STRAIGHT, errors_mm, make_study, with_displaced_fat, with_dwi


@pytest.fixture(scope="module")
def study() -> StudyImages:
    return make_study(STRAIGHT)


def at_b(image: Image, b_value_s_mm2: float | None) -> Image:
    return replace(image, acquisition=replace(image.acquisition, b_value_s_mm2=b_value_s_mm2))


def test_fat_that_chemical_shift_displaced_does_not_mislead(study) -> None:
    """Fat 13 mm off, alike on every b-value; without the difference of b-values it draws the image along."""
    after, before = errors_mm(register(with_displaced_fat(study)), study, STRAIGHT)
    assert after.mean() < 0.4 * before.mean()


def with_adc(study: StudyImages, b_value_s_mm2: float | None) -> StudyImages:
    """The high b-value alone, with the ADC map of both."""
    low, high = study.dwi_series
    adc = adc_of((low, high))
    return replace(with_dwi(study, at_b(high, b_value_s_mm2)), adc=adc)


def test_with_one_b_value_the_adc_map_keeps_displaced_fat_from_misleading(study) -> None:
    """As above, of the high b-value alone: without the map it is misled still, and says that it may be."""
    with_fat = with_displaced_fat(study)
    for b_value in (800.0, None):
        after, before = errors_mm(register(with_adc(with_fat, b_value)), study, STRAIGHT)
        assert after.mean() < 0.4 * before.mean()
    without = replace(with_adc(with_fat, 800.0), adc=None)
    found = register(without)
    after, before = errors_mm(found, study, STRAIGHT)
    assert after.mean() > 0.4 * before.mean()
    assert "look at the fit" in found.verdict.reason


def test_of_one_b_value_and_its_adc_the_guide_is_that_of_two(study) -> None:
    low, high = study.dwi_series
    wanted = low.array - high.array
    seen = wanted > 0.2 * wanted.max()
    guide = guide_of(with_adc(study, high.acquisition.b_value_s_mm2))
    np.testing.assert_allclose(guide.array[seen], wanted[seen], rtol=0.1)  # of b = 0, not of the lowest
    assert np.corrcoef(guide.array[seen], wanted[seen])[0, 1] > 0.999
    unknown = guide_of(with_adc(study, None))
    assert np.corrcoef(unknown.array[seen], wanted[seen])[0, 1] > 0.98


def test_an_adc_that_is_no_number_or_empty_or_on_another_grid_guides_nothing(study) -> None:
    one = with_adc(study, 800.0)
    holes = one.adc.array.copy()
    holes[0] = np.nan
    guide = guide_of(replace(one, adc=one.adc.with_array(holes)))
    assert np.isfinite(guide.array).all()
    assert not guide.array[0].any()
    elsewhere = Image(
        one.adc.array, replace(one.adc.geometry, spacing_mm=(2.4, 2.2, 4.0)), one.adc.acquisition
    )
    other = replace(one, adc=elsewhere)
    assert guide_of(other) is other.dwi
    empty = replace(one, adc=one.adc.with_array(np.zeros_like(one.adc.array)))
    assert guide_of(empty) is empty.dwi


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
        assert guide_of(replace(with_dwi(study, *series), adc=None)) is series[0]


def test_one_b_value_without_a_map_is_not_drawn_far_by_its_fat() -> None:
    """A phantom whose fat is left bright and lies a centimeter off: with the fat it would end 8 mm off."""
    phantom = make_phantom(1005)
    _, middle, highest = phantom.dwi_series
    found = register(StudyImages(phantom.t2, middle, (middle,)))
    assert errors_in_nodes_mm(phantom, displacement_on(found.transform, phantom.t2.geometry)) < 1.5
    seen = register(StudyImages(phantom.t2, highest, (highest,), phantom.adc))
    assert errors_in_nodes_mm(phantom, displacement_on(seen.transform, phantom.t2.geometry)) < 0.8
    assert "look at the fit" not in seen.verdict.reason


def errors_in_nodes_mm(phantom: Phantom, displacement_lps_mm: np.ndarray) -> float:
    """Mean distance, in the nodes, between a displacement [3, k, j, i] and the true one."""
    truth = np.moveaxis(phantom.displacement_lps_mm, -1, 0)
    return float(np.linalg.norm(displacement_lps_mm - truth, axis=0)[phantom.labels > 0].mean())
