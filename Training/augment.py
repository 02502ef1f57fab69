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
    with exact(inputs.device):
        return _augmented(inputs, nodes, preprocessing, share, chance)


def exact(device: torch.device) -> torch.autocast:
    """Without the coarse numbers that a network is trained in: a grid in bfloat16 is off by half a pixel."""
    return torch.autocast(device.type, enabled=False)


def _augmented(
    inputs: Tensor, nodes: Tensor, preprocessing: Preprocessing, share: float, chance: Generator
) -> tuple[Tensor, Tensor]:
    inputs, nodes = _moved(inputs, nodes, preprocessing, share, chance)
    if preprocessing.fusion == "weighted":
        return intensities(inputs, share, chance), nodes
    count, parts = preprocessing.t2_channels, []
    if count:
        parts.append(intensities(inputs[:, :count], share, chance, odd_share=0.25))
    if preprocessing.dwi_channels:
        known = inputs[:, -1:]
        if count:
            # A share of the cases has no DWI at all: the network then has to do with T2.
            known = known * (uniform(inputs, chance, 0, 1) > 0.04 * share).float()
        parts += [intensities(inputs[:, count:-1], share, chance) * known, known]
    return torch.cat(parts, 1), nodes


def uniform(like: Tensor, chance: Generator, low: float, high: float) -> Tensor:
    """One number for each sample, [N, 1, 1, 1]."""
    return low + (high - low) * torch.rand(len(like), 1, 1, 1, device=like.device, generator=chance)


def normal(like: Tensor, chance: Generator, deviation: float) -> Tensor:
    """One number for each sample, [N, 1, 1, 1]."""
    return deviation * torch.randn(len(like), 1, 1, 1, device=like.device, generator=chance)


def turns(count: int, scale: float, share: float, device: torch.device, chance: Generator) -> Tensor:
    """Matrices [N, 2, 3] for `affine_grid`: a flip, a quarter turn, a small rotation, a scale and a stretch.

    Args:
        count: N.
        scale: Standard deviation of the logarithm of the scale.
        share: 1 for the full strength, 0 for flips and quarter turns alone.
        device: Where.
        chance: Where randomness comes from.
    """
    quarter = torch.randint(0, 4, (count,), device=device, generator=chance) * (math.pi / 2)
    angle = quarter + share * 0.25 * torch.randn(count, device=device, generator=chance)
    flip = 1.0 - 2.0 * torch.randint(0, 2, (count,), device=device, generator=chance)
    size = torch.exp(share * scale * torch.randn(count, device=device, generator=chance))
    stretch = torch.exp(share * 0.06 * torch.randn(count, device=device, generator=chance))
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 0, 1] = flip * size * stretch * angle.cos(), -size * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = flip * size * stretch * angle.sin(), size * angle.cos()
    return theta


def _moved(
    inputs: Tensor, nodes: Tensor, preprocessing: Preprocessing, share: float, chance: Generator
) -> tuple[Tensor, Tensor]:
    """Flips, quarter turns, a small rotation and scale; the DWI is displaced by some pixels of its own."""
    count, side = len(inputs), inputs.shape[-1]
    device = inputs.device
    theta = turns(count, 0.15, share, device, chance)
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
    place = images.flatten(1).add(2.0).mul_((knots - 1) / 5.0).clamp_(0.0, knots - 1)
    left = place.to(torch.int32).clamp_(max=knots - 2)
    which = left.add(torch.arange(count, dtype=torch.int32, device=images.device)[:, None] * knots).flatten()
    steep = functional.pad(curve.diff(), (0, 1))
    begin, slope = (one.flatten().index_select(0, which).view_as(place) for one in (curve, steep))
    odd = place.sub_(left).mul_(slope).add_(begin).view_as(images)
    chosen = (uniform(images, chance, 0, 1) < odd_share).float()
    return images.lerp(odd, chosen * uniform(images, chance, 0.3, 1.0))


def intensities(images: Tensor, share: float, chance: Generator, odd_share: float = 0.0) -> Tensor:
    """Gamma, scale, offset, a bright or dark corner, blur and noise; a share gets contrasts of no scanner."""
    count, _, height, width = images.shape
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    span = (high - low).clamp(min=1e-3)
    gamma = torch.exp(normal(images, chance, 0.25 * share))
    result = images.sub(low).div_(span).clamp_(min=1e-4).log_().mul_(gamma).exp_()  # cheaper than a power
    contrast = torch.exp(normal(images, chance, 0.25 * share))
    offset = (contrast - 1.0) * low + normal(images, chance, 0.25 * share)
    coarse = torch.randn(count, 1, 3, 3, device=images.device, generator=chance) * 0.2 * share
    bias = _spline(height, images) @ coarse @ _spline(width, images).T
    # The darkest signal is air: shading multiplies what lies above it.
    result.mul_(contrast * span).add_(offset).mul_(bias.exp_()).add_(low)
    blur = uniform(images, chance, 0, 1) * (uniform(images, chance, 0, 1) < 0.3 * share)
    result.lerp_(_blurred(result), blur)
    noise = torch.randn(images.shape, device=images.device, generator=chance)
    result.add_(noise.mul_((uniform(images, chance, -0.15, 0.25) * share).clamp_(min=0)))
    if odd_share:
        upside_down = (uniform(images, chance, 0, 1) < 0.05 * share).float()
        result.mul_(1 - 2 * upside_down)
        result = _recolored(result, odd_share * share, chance)
    return result.clamp_(LOWEST, HIGHEST)


def _spline(size: int, like: Tensor) -> Tensor:
    """Weights [size, 3] that make a bicubic curve of three values."""
    single = torch.eye(3, device=like.device)[None, :, :, None]
    curves = functional.interpolate(single, size=(size, 1), mode="bicubic", align_corners=True)
    return curves[0, :, :, 0].T


def _blurred(images: Tensor) -> Tensor:
    """The mean of each pixel and its eight neighbors, in two passes: cheaper than pooling."""
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[:, :, :-2].add(padded[:, :, 1:-1]).add_(padded[:, :, 2:])
    return rows[..., :-2].add(rows[..., 1:-1]).add_(rows[..., 2:]).div_(9.0)
