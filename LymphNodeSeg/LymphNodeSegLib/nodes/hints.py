"""What T2 and ADC inside a node hint at: fatty hilum, necrosis, fluid. Hints for the reader, not findings."""

from __future__ import annotations

from typing import Optional

import numpy as np

from .blocks import Block

SMALLEST_SHORT_AXIS_MM = 6.0
"""In smaller nodes the inside is a few voxels wide, all of them partly surroundings."""

BRIGHTER = 1.4
"""How much brighter than the node's median a hilum or necrosis is."""

_SPREADS = 2.0
_SMALLEST_MM3 = 8.0
_LARGEST_SHARE = 0.5

FLUID_ADC_UM2_S = 2000.0
"""Nodes, benign ones too, mostly lie below 1,500 um2/s, fluid at 2,500 and more (see `phantom.tissues`)."""

BRIGHT_INSIDE = "Hint: a bright area inside on T2: fatty hilum, or necrosis."


def adc_hint(mean_adc_um2_s: Optional[float]) -> Optional[str]:
    """One sentence on a mean ADC that is no solid tissue's, or None.

    Args:
        mean_adc_um2_s: Of the node; None without an ADC map.
    """
    if mean_adc_um2_s is None or mean_adc_um2_s < FLUID_ADC_UM2_S:
        return None
    return (
        f"Hint: a mean ADC of {mean_adc_um2_s / 1000:.2f} x 10⁻³ mm²/s, nearly that of fluid: "
        "fluid, a cyst or necrosis, rather than a solid node."
    )


def t2_hint(
    t2: np.ndarray, block: Block, short_axis_mm: Optional[float], voxel_volume_mm3: float
) -> Optional[str]:
    """One sentence on a bright area inside the node, or None.

    Fat and fluid are both bright on a T2 without fat suppression, so that the two are not told apart.
    ``Benchmarks/RESULTS.md`` has how often the hint is right on phantoms, and how often it is missing.

    Args:
        t2: T2-weighted image [k, j, i], the whole grid.
        block: The node.
        short_axis_mm: Its short axis.
        voxel_volume_mm3: Volume of a voxel.
    """
    if short_axis_mm is None or short_axis_mm < SMALLEST_SHORT_AXIS_MM:
        return None
    from scipy import ndimage

    values = t2[block.box].astype(float)
    inside = values[block.mask]
    if not np.isfinite(inside).all():
        return None
    middle = float(np.median(inside))
    spread = 1.4826 * float(np.median(np.abs(inside - middle)))
    bright = block.mask & (values > max(BRIGHTER * middle, middle + _SPREADS * spread))
    # The outermost voxels are partly surroundings, which may be bright fat.
    core = ndimage.binary_erosion(np.pad(block.mask, 1), _IN_PLANE)[1:-1, 1:-1, 1:-1]
    areas, _ = ndimage.label(bright)
    sizes = np.bincount(areas[core & bright], minlength=1)
    sizes[0] = 0
    largest = int(np.argmax(sizes))
    if sizes[largest] * voxel_volume_mm3 < _SMALLEST_MM3:
        return None
    if np.count_nonzero(areas == largest) > _LARGEST_SHARE * len(inside):
        return None
    return BRIGHT_INSIDE


_IN_PLANE = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], dtype=bool)
