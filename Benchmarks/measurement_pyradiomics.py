"""Runs in pyradiomics' own environment: axes of masks in, see `measurement.pyradiomics`.

Arguments: a .npz of masks (mask0, mask1, ... [k, j, i], and their spacings), the .npy to write.
"""

from __future__ import annotations

import sys

import numpy as np
import SimpleITK as sitk
from radiomics import setVerbosity
from radiomics.shape import RadiomicsShape
from radiomics.shape2D import RadiomicsShape2D


def axes(mask: np.ndarray, spacing_kji_mm: np.ndarray) -> tuple[float, float]:
    """Maximum2DDiameterSlice of the mask, and MinorAxisLength of its largest slice."""
    padded = np.pad(mask, 1).astype(np.uint8)
    image = sitk.GetImageFromArray(padded)
    image.SetSpacing([float(s) for s in spacing_kji_mm[::-1]])
    try:
        long_mm = float(RadiomicsShape(image, image).getMaximum2DDiameterSliceFeatureValue())
        largest = int(padded.sum(axis=(1, 2)).argmax())
        one = sitk.GetImageFromArray(padded[largest : largest + 1])
        one.SetSpacing(image.GetSpacing())
        flat = RadiomicsShape2D(one, one, force2D=True, force2Ddimension=0)
        return long_mm, float(flat.getMinorAxisLengthFeatureValue())
    except (ValueError, RuntimeError, IndexError, AssertionError):
        return np.nan, np.nan


def main() -> None:
    """Measure all masks."""
    setVerbosity(60)
    data = np.load(sys.argv[1])
    spacing = data["spacing"]
    np.save(sys.argv[2], np.array([axes(data[f"mask{n}"], spacing[n]) for n in range(len(spacing))]))


if __name__ == "__main__":
    main()
