"""ADC from two b-values: the analytic value, and the phantom's own map."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.diffusion import adc_of
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.phantom import make_phantom

GEOMETRY = Geometry((8, 6, 3), spacing_mm=(2.0, 2.0, 4.0))
ADC_UM2_S = np.linspace(300.0, 3500.0, 144).reshape(3, 6, 8)


def series(*b_values: float | None, computed: tuple[float, ...] = ()) -> list[Image]:
    images = []
    for b_value in b_values:
        array = 1000.0 * np.exp(-(b_value or 0.0) * 1e-6 * ADC_UM2_S)
        array[0, 0, 0] = 3.0  # air
        acquisition = Acquisition("DWI", b_value, computed=b_value in computed)
        images.append(Image(array.astype(np.float32), GEOMETRY, acquisition))
    return images


def test_the_analytic_value_and_nothing_in_air() -> None:
    adc = adc_of(series(50.0, 400.0, 800.0))
    assert adc is not None
    assert adc.geometry == GEOMETRY
    assert adc.array[0, 0, 0] == 0.0
    np.testing.assert_allclose(adc.array.ravel()[1:], ADC_UM2_S.ravel()[1:], rtol=1e-4)


@pytest.mark.parametrize("b_values", [(800.0,), (500.0, 800.0), (None, None), ()])
def test_too_little_to_tell(b_values: tuple[float | None, ...]) -> None:
    assert adc_of(series(*b_values)) is None


def test_an_extrapolated_image_is_no_measurement() -> None:
    assert adc_of(series(0.0, 1400.0, computed=(1400.0,))) is None


def test_images_on_different_scales_tell_nothing() -> None:
    low, high = series(0.0, 800.0)
    assert adc_of([low, high.with_array(20.0 * high.array)]) is None


def test_high_b_values_are_taken_only_where_there_is_no_other() -> None:
    images = series(0.0, 1000.0, 2000.0)
    noisy = images[2].with_array(np.full_like(images[2].array, 100.0))
    np.testing.assert_allclose(
        adc_of([*images[:2], noisy]).array,
        adc_of(images[:2]).array,  # type: ignore[union-attr]
    )
    assert adc_of([images[0], images[2]]) is not None


def test_it_agrees_with_the_phantoms_own_map() -> None:
    """Which is a fit to every b-value; noise is what they differ by."""
    phantom = make_phantom(3, plane="axial")
    ours, theirs = adc_of(phantom.dwi_series), phantom.adc
    assert ours is not None
    both = (ours.array > 0) & (theirs.array > 0)
    difference = (ours.array - theirs.array)[both]
    assert both.mean() > 0.2
    assert abs(np.median(difference)) < 30
    assert np.quantile(np.abs(difference), 0.8) < 150
