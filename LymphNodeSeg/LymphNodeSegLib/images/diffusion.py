"""ADC from two b-values, for a study that has no map of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from .image import Acquisition, Image

LEAST_DIFFERENCE_S_MM2 = 400.0
"""Between the two b-values: with less, noise makes the ADC."""
HIGHEST_B_S_MM2 = 1000.0
"""Where there is a choice: above, the signal of most tissue is noise."""
FAINTEST = 0.05
"""Share of the bright signal (99th percentile) at the low b-value below which nothing was measured."""
BRIGHT_PERCENTILE = 90.0
HIGHEST_ADC_UM2_S = 4000.0


def adc_of(series: Sequence[Image]) -> Optional[Image]:
    """ADC = ln(S_low / S_high) / (b_high - b_low), in um2/s; 0 where there is too little signal.

    Args:
        series: Every b-value of one acquisition, on one grid.

    Returns:
        float32 on the same grid, its description says of which b-values; None where no two measured ones
        are far enough apart, or the images are not on one scale (the high b-value is the brighter one).
    """
    known = [
        one for one in series if one.acquisition.b_value_s_mm2 is not None and not one.acquisition.computed
    ]
    if not known:
        return None
    low = min(known, key=_b_value)
    far = [one for one in known if _b_value(one) - _b_value(low) >= LEAST_DIFFERENCE_S_MM2]
    if not far:
        return None
    usual = [one for one in far if _b_value(one) <= HIGHEST_B_S_MM2]
    high = max(usual, key=_b_value) if usual else min(far, key=_b_value)
    before, after = (one.array.astype(np.float32, copy=False) for one in (low, high))
    if not on_one_scale(before, after):
        return None
    seen = (before > FAINTEST * np.percentile(before, 99)) & (after > 0)
    ratio = np.divide(before, after, out=np.ones_like(before), where=seen)
    adc = np.log(ratio) * np.float32(1e6 / (_b_value(high) - _b_value(low)))
    description = f"b = {_b_value(low):g} and {_b_value(high):g} s/mm2"
    acquisition = Acquisition("ADC", description=description)
    return Image(np.clip(adc, 0.0, HIGHEST_ADC_UM2_S), low.geometry, acquisition)


def on_one_scale(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the bright part of a low b-value is darker on a high one, as diffusion makes it.

    Where it is not, each image was scaled by itself, and the two cannot be compared.

    Args:
        low: Signal at the low b-value.
        high: The same at the high one, on the same grid.
    """
    bright = low >= np.percentile(low, BRIGHT_PERCENTILE)
    return bool(np.median(high[bright]) < np.median(low[bright]))


def _b_value(image: Image) -> float:
    return float(image.acquisition.b_value_s_mm2 or 0.0)
