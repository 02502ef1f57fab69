"""ADC maps come in mm2/s, in 1e-3 mm2/s or in 1e-6 mm2/s, and seldom say in which."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

# Tissue and urine lie between 300 and 3500 um2/s; the units are a thousandfold apart, so the median
# of the positive voxels tells them apart with room to spare.
UM2_S_FROM_UNIT = ((1e6, 1e-5, 3e-2), (1e3, 3e-2, 30.0), (1.0, 30.0, 3e4))


def in_um2_s(array: np.ndarray) -> np.ndarray:
    """An ADC map in um2/s (1e-6 mm2/s), whatever unit it came in.

    Raises:
        InputError: its values fit no unit.
    """
    finite = array[np.isfinite(array)]
    positive = finite[finite > 0]
    if not positive.size:
        raise InputError("The ADC map holds no positive value: leave it out, or give another.")
    median = float(np.median(positive))
    for factor, low, high in UM2_S_FROM_UNIT:
        if low <= median < high:
            return array if factor == 1.0 else (array * factor).astype(np.float32)
    raise InputError(
        f"The ADC map's values (median {median:.3g}) fit neither mm²/s nor µm²/s: "
        "leave it out, or give another."
    )
