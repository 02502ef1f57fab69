"""Augmentation of places for the second look: as `augment`, in depth and with the ADC."""

from __future__ import annotations

import torch
from LymphNodeSegLib.network.suspects import FIRST_SCALE, SIDE_PIXELS
from torch import Generator, Tensor
from torch.nn import functional

from .augment import exact, intensities, normal, turns, uniform

NO_DWI, NO_ADC = 0.04, 0.5
"""Shares of the places that are shown without a DWI, and without an ADC: departments differ."""
DISPLACED_MM = 0.6
"""Standard deviation of the displacement of the DWI against the T2 that is added."""


def augmented_places(
    places: Tensor, pixel_mm: float, share: float, chance: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A changed copy of a batch, cut to what the network sees.

    Args:
        places: [N, slices, channels, H, W], as `PlaceCrops` gives them.
        pixel_mm: Their pixel.
        share: 1 for the full strength, 0 for no change but turns and flips.
        chance: Where randomness comes from.

    Returns:
        What the second look sees [N, slices, 6, side, side]; the nodes, and where it may draw, both
        [N, slices, side, side].
    """
    upside_down = torch.randint(0, 2, (len(places), 1, 1, 1, 1), device=places.device, generator=chance) > 0
    places = torch.where(upside_down, places.flip(1), places)
    with exact(places.device):
        moved = _moved(places, DISPLACED_MM / pixel_mm, share, chance)
        t2, dwi, known, first, adc, measured, nodes, drawn = moved
        known, measured = (known > 0.99).float(), (measured > 0.99).float()
        if share:
            known = known * (uniform(t2, chance, 0, 1) > NO_DWI * share).float()
            measured = measured * known * (uniform(t2, chance, 0, 1) > NO_ADC).float()
            t2 = intensities(t2, share, chance, odd_share=0.15)
            dwi = intensities(dwi, share, chance)
            doubt = torch.exp(normal(first, chance, 0.15 * share))
            first = first * doubt + normal(first, chance, 0.5 * share / FIRST_SCALE)
            adc = _other_adc(adc, share, chance)
    seen = [t2, dwi * known, known, first, adc * measured, measured]
    return torch.stack(seen, 2), (nodes > 0.5).float(), (drawn > 0.5).float()


def _moved(places: Tensor, displaced_pixels: float, share: float, chance: Generator) -> list[Tensor]:
    """The channels, turned, flipped and scaled in the slice; DWI and ADC displaced by a bit of their own."""
    count, slices, channels, side, _ = places.shape
    device = places.device

    theta = turns(count, 0.12, share, device, chance)
    grid = functional.affine_grid(
        theta * (SIDE_PIXELS / side), [count, 1, SIDE_PIXELS, SIDE_PIXELS], align_corners=False
    )
    pixels = share * displaced_pixels * torch.randn(count, 1, 1, 2, device=device, generator=chance)
    moved: list[Tensor] = [places] * channels
    for which, where in (((0, 3, 6, 7), grid), ((1, 2, 4, 5), grid + 2.0 * pixels / side)):
        together = places[:, :, list(which)].reshape(count, slices * len(which), side, side)
        shown = functional.grid_sample(together, where, padding_mode="border", align_corners=False)
        for channel, one in zip(
            which, shown.view(count, slices, len(which), SIDE_PIXELS, SIDE_PIXELS).unbind(2)
        ):
            moved[channel] = one
    return moved


def _other_adc(adc: Tensor, share: float, chance: Generator) -> Tensor:
    """Another scanner's ADC: scaled about 0 (which is shown as -2), offset, noisier."""
    factor = torch.exp(normal(adc, chance, 0.1 * share))
    noise = torch.randn(adc.shape, device=adc.device, generator=chance) * uniform(
        adc, chance, 0, 0.25 * share
    )
    return ((adc + 2.0) * factor - 2.0 + normal(adc, chance, 0.05 * share) + noise).clamp(-2.0, 5.0)
