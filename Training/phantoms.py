"""Training cases from synthetic pelvises, registered as patients are; some of them are left displaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image, StudyImages

from .cases import AlignedDwi, write_case
from .config import Config

if TYPE_CHECKING:
    from LymphNodeSegLib.phantom import Phantom
    from LymphNodeSegLib.registration.result import Registration

HIGH_B_S_MM2 = 400.0
SHARES = {"registered": 0.80, "partly": 0.12, "as acquired": 0.08}
"""Of the variants: what the application would see, and what it would see where its registration fails."""
VARIANTS = 2


def prepare_phantom(seed: int, config: Config, folder: Path) -> None:
    """Make a phantom and write it as a case; does nothing where it is there already.

    Args:
        seed: The phantom's.
        config: The run.
        folder: Where the case goes.
    """
    from LymphNodeSegLib.phantom import make_phantom

    if folder.exists():
        return
    chance = np.random.default_rng((seed, 1))
    difficulty = "standard" if chance.random() < config.data.standard_share else "hard"
    # Drawn from another source, so that a share of 0 gives the phantoms that it always gave.
    varied = bool(np.random.default_rng((seed, 2)).random() < config.data.varied_share)
    phantom = make_phantom(seed, difficulty, varied=varied)
    variants = aligned_dwis(phantom, chance)
    write_case(folder, f"phantom-{seed}", phantom.t2, variants, phantom.labels, config.preprocessing)


def aligned_dwis(phantom: Phantom, chance: np.random.Generator, count: int = VARIANTS) -> list[AlignedDwi]:
    """High b-values of a phantom on the T2's grid, nearly where they belong; registered once for all.

    Args:
        phantom: The pelvis.
        chance: Decides which b-values, and how much of the displacement is left.
        count: How many.
    """
    series = phantom.dwi_series
    high = [n for n, one in enumerate(series) if (one.acquisition.b_value_s_mm2 or 0) >= HIGH_B_S_MM2]
    registered, result = None, []
    for _ in range(count):
        which = high[chance.integers(len(high))]
        state = str(chance.choice(list(SHARES), p=list(SHARES.values())))
        if state == "registered":
            registered = registered or registration_of(phantom, series[which])
            assert registered.adc is not None  # a phantom has one
            dwi = registered.dwi_series[which].array
            result.append(AlignedDwi(dwi, registered.known, registered.adc.array))
        else:
            undone = chance.uniform(0.2, 0.8) if state == "partly" else 0.0
            displacement = phantom.displacement_lps_mm * np.float32(undone)
            result.append(aligned(series[which], phantom.adc, phantom.t2.geometry, displacement))
    return result


def registration_of(phantom: Phantom, dwi: Image, method: str = "deformable") -> Registration:
    """What the application would make of a phantom's study.

    Args:
        phantom: The pelvis.
        dwi: Which of its DWIs.
        method: As `register` takes it.
    """
    from LymphNodeSegLib.registration.register import register

    return register(StudyImages(phantom.t2, dwi, phantom.dwi_series, phantom.adc), method)


def aligned(dwi: Image, adc: Image, grid: Geometry, displacement_lps_mm: np.ndarray) -> AlignedDwi:
    """A DWI and the ADC on another grid, see `resampled`."""
    array, known = resampled(dwi, grid, displacement_lps_mm)
    return AlignedDwi(array, known, resampled(adc, grid, displacement_lps_mm)[0] * known)


def resampled(
    moving: Image, grid: Geometry, displacement_lps_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An image on another grid: at point p, what it shows at p + displacement.

    Args:
        moving: The image.
        grid: The other grid.
        displacement_lps_mm: [k, j, i, 3] on that grid.

    Returns:
        float32 [k, j, i], and where it is known, boolean.
    """
    import torch
    from torch.nn import functional

    k, j, i = (np.arange(n, dtype=np.float32) for n in grid.size_ijk[::-1])
    to_moving = np.linalg.inv(moving.geometry.ijk_to_lps)
    matrix = (to_moving @ grid.ijk_to_lps).astype(np.float32)
    points = (
        i[None, None, :, None] * matrix[:3, 0]
        + j[None, :, None, None] * matrix[:3, 1]
        + k[:, None, None, None] * matrix[:3, 2]
        + matrix[:3, 3]
        + displacement_lps_mm.astype(np.float32) @ to_moving[:3, :3].T.astype(np.float32)
    )
    size = np.array(moving.geometry.size_ijk, dtype=np.float32)
    known = ((points > -0.5) & (points < size - 0.5)).all(-1)
    unit = torch.from_numpy((points + 0.5) * 2.0 / size - 1.0)[None]
    volume = torch.from_numpy(np.ascontiguousarray(moving.array, dtype=np.float32))[None, None]
    array = functional.grid_sample(volume, unit, padding_mode="border", align_corners=False)[0, 0]
    return array.numpy(), known
