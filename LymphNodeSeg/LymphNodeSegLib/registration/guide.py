"""Which image of the DWI guides the registration."""

from __future__ import annotations

import numpy as np

from ..images.diffusion import on_one_scale
from ..images.image import Image, StudyImages

LEAST_RANGE_S_MM2 = 300.0  # between two b-values: water must have lost a good part of its signal
USUAL_B_S_MM2 = 800.0  # where it is not known of a DWI that has an ADC map
MOST_LOST = 3.0  # b times ADC beyond which a signal is noise


def guide_of(study: StudyImages) -> Image:
    """The lowest b-value less the highest, which shows the water that diffuses.

    Where there are no two, the same is made of one b-value and the ADC map; without a map, the lowest alone.
    What fat suppression leaves of the fat lies elsewhere by its chemical shift, by up to some centimeters
    along the phase encoding, and would draw the whole image with it onto the fat of the T2. It hardly
    diffuses, so it is as bright on every b-value and not in their difference.
    """
    series = study.dwi_series or (study.dwi,)
    lowest, highest = series[0], series[-1]
    b_values = [image.acquisition.b_value_s_mm2 for image in (lowest, highest)]
    far = None not in b_values and b_values[1] - b_values[0] >= LEAST_RANGE_S_MM2  # type: ignore[operator]
    if far and highest.geometry.is_close(lowest.geometry):
        low, high = (image.array.astype(np.float32) for image in (lowest, highest))
        if on_one_scale(low, high):
            return lowest.with_array(np.maximum(low - high, 0.0))
    if study.adc is not None and study.adc.geometry.is_close(study.dwi.geometry):
        guide = _of_adc(study.dwi, study.adc)
        if guide.array.any():  # else the map is empty
            return guide
    return lowest


def _of_adc(dwi: Image, adc: Image) -> Image:
    """What the DWI would lose from b = 0 to the usual b-value, by its ADC; nothing where that is unknown."""
    b_value = dwi.acquisition.b_value_s_mm2
    b_value = USUAL_B_S_MM2 if b_value is None else b_value
    adc_um2_s = np.where(adc.array > 0.0, adc.array, 0.0).astype(np.float32)  # no number is no ADC
    whole = dwi.array * np.exp(np.minimum(b_value * 1e-6 * adc_um2_s, MOST_LOST))
    return dwi.with_array((whole * -np.expm1(-USUAL_B_S_MM2 * 1e-6 * adc_um2_s)).astype(np.float32))
