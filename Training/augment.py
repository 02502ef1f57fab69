"""Augmentation of a batch of crops, on the device that trains.

T2 and DWI get intensities of their own, and a small displacement between them: a network that sees only
perfectly registered pairs outlines the bright DWI spot, and truth lies on the T2.
"""

from __future__ import annotations

import math

import torch
from LymphNodeSegLib.network.fusion import HIGHEST, LOWEST, Preprocessing
from torch import Generator, Tensor
from torch.nn import functional


def augmented(
    inputs: Tensor, nodes: Tensor, preprocessing: Preprocessing, share: float, chance: Generator
) -> tuple[Tensor, Tensor]:
    """A changed copy of a batch.

    Args:
        inputs: [N, channels, H, W], as `fuse` makes it.
        nodes: [N, 1, H, W], 0 or 1.
        preprocessing: Which fusion.
        share: 1 for the full strength, 0 for flips alone.
        chance: Where randomness comes from.
    """
    inputs, nodes = _moved(inputs, nodes, preprocessing, share, chance)
    if preprocessing.fusion == "weighted":
        return _intensities(inputs, share, chance), nodes
    count, parts = preprocessing.t2_channels, []
    if count:
        parts.append(_intensities(inputs[:, :count], share, chance, odd_share=0.25))
    if preprocessing.dwi_channels:
        known = inputs[:, -1:]
        if count:
            # A share of the cases has no DWI at all: the network then has to do with T2.
            known = known * (_uniform(inputs, chance, 0, 1) > 0.04 * share).float()
        parts += [_intensities(inputs[:, count:-1], share, chance) * known, known]
    return torch.cat(parts, 1), nodes


def _uniform(like: Tensor, chance: Generator, low: float, high: float) -> Tensor:
    """One number for each sample, [N, 1, 1, 1]."""
    return low + (high - low) * torch.rand(len(like), 1, 1, 1, device=like.device, generator=chance)


def _normal(like: Tensor, chance: Generator, deviation: float) -> Tensor:
    """One number for each sample, [N, 1, 1, 1]."""
    return deviation * torch.randn(len(like), 1, 1, 1, device=like.device, generator=chance)


def _moved(
    inputs: Tensor, nodes: Tensor, preprocessing: Preprocessing, share: float, chance: Generator
) -> tuple[Tensor, Tensor]:
    """Flips, quarter turns, a small rotation and scale; the DWI is displaced by some pixels of its own."""
    count, side = len(inputs), inputs.shape[-1]
    device = inputs.device
    quarter = torch.randint(0, 4, (count,), device=device, generator=chance) * (math.pi / 2)
    angle = quarter + share * 0.25 * torch.randn(count, device=device, generator=chance)
    flip = 1.0 - 2.0 * torch.randint(0, 2, (count,), device=device, generator=chance)
    scale = torch.exp(share * 0.15 * torch.randn(count, device=device, generator=chance))
    stretch = torch.exp(share * 0.06 * torch.randn(count, device=device, generator=chance))
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 0, 1] = flip * scale * stretch * angle.cos(), -scale * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = flip * scale * stretch * angle.sin(), scale * angle.cos()
    shape = [count, 1, side, side]
    grid = functional.affine_grid(theta, shape, align_corners=False)
    nodes = (functional.grid_sample(nodes, grid, align_corners=False) > 0.5).float()
    if preprocessing.fusion == "weighted":
        return functional.grid_sample(inputs, grid, padding_mode="border", align_corners=False), nodes
    channels = preprocessing.t2_channels
    pixels = share * torch.randn(count, 1, 1, 2, device=device, generator=chance) / preprocessing.pixel_mm
    displaced = grid + 2.0 * pixels / side
    moved = [
        functional.grid_sample(part, where, padding_mode="border", align_corners=False)
        for part, where in ((inputs[:, :channels], grid), (inputs[:, channels:], displaced))
        if part.shape[1]
    ]
    if preprocessing.dwi_channels:
        moved[-1][:, -1] = (moved[-1][:, -1] > 0.99).float()
    return torch.cat(moved, 1), nodes


def _recolored(images: Tensor, odd_share: float, chance: Generator) -> Tensor:
    """Some samples with a contrast that no sequence gives: their signal goes through a random curve.

    After SynthSeg (Billot B et al., Med Image Anal 2023): who has seen every contrast is surprised by none.
    """
    count, knots = len(images), 8
    curve = torch.rand(count, knots, device=images.device, generator=chance) * 5.0 - 2.0
    # Nearly all normalized signal lies between -2 and 3.
    place = ((images.flatten(1) + 2.0) / 5.0).clamp(0.0, 1.0) * (knots - 1)
    left = place.long().clamp(max=knots - 2)
    before, after = curve.gather(1, left), curve.gather(1, left + 1)
    odd = (before + (place - left) * (after - before)).view_as(images)
    chosen = (_uniform(images, chance, 0, 1) < odd_share).float()
    return images + chosen * _uniform(images, chance, 0.3, 1.0) * (odd - images)


def _intensities(images: Tensor, share: float, chance: Generator, odd_share: float = 0.0) -> Tensor:
    """Gamma, scale, offset, a bright or dark corner, blur and noise; a share gets contrasts of no scanner."""
    count, _, height, width = images.shape
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    span = (high - low).clamp(min=1e-3)
    gamma = torch.exp(_normal(images, chance, 0.25 * share))
    result = ((images - low) / span).clamp(min=1e-4) ** gamma * span + low
    result = result * torch.exp(_normal(images, chance, 0.25 * share)) + _normal(images, chance, 0.25 * share)
    coarse = torch.randn(count, 1, 3, 3, device=images.device, generator=chance) * 0.2 * share
    bias = functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    # The darkest signal is air: shading multiplies what lies above it.
    result = (result - low) * torch.exp(bias) + low
    blurred = functional.avg_pool2d(functional.pad(result, (1, 1, 1, 1), mode="replicate"), 3, 1)
    blur = _uniform(images, chance, 0, 1) * (_uniform(images, chance, 0, 1) < 0.3 * share)
    result = result + blur * (blurred - result)
    noise = torch.randn(images.shape, device=images.device, generator=chance)
    result = result + noise * (_uniform(images, chance, -0.15, 0.25) * share).clamp(min=0)
    if odd_share:
        upside_down = (_uniform(images, chance, 0, 1) < 0.05 * share).float()
        result = result * (1 - 2 * upside_down)
        result = _recolored(result, odd_share * share, chance)
    return result.clamp(LOWEST, HIGHEST)
