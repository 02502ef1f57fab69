"""Which image of the DWI guides the registration."""

from __future__ import annotations

import numpy as np

from ..images.diffusion import on_one_scale
from ..images.image import Image, StudyImages

LEAST_RANGE_S_MM2 = 300.0  # between two b-values: water must have lost a good part of its signal


def guide_of(study: StudyImages) -> Image:
    """The lowest b-value less the highest, which shows the water that diffuses; else the lowest alone.

    What fat suppression leaves of the fat lies elsewhere by its chemical shift, by up to some centimeters
    along the phase encoding, and would draw the whole image with it onto the fat of the T2. It hardly
    diffuses, so it is as bright on every b-value and not in their difference.
    """
    series = study.dwi_series or (study.dwi,)
    lowest, highest = series[0], series[-1]
    b_values = [image.acquisition.b_value_s_mm2 for image in (lowest, highest)]
    if None in b_values or b_values[1] - b_values[0] < LEAST_RANGE_S_MM2:  # type: ignore[operator]
        return lowest
    if not highest.geometry.is_close(lowest.geometry):
        return lowest
    low, high = (image.array.astype(np.float32) for image in (lowest, highest))
    if not on_one_scale(low, high):
        return lowest
    return lowest.with_array(np.maximum(low - high, 0.0))
