"""Where the outline of a suspect lies: drawn to the edge that the images have near it.

A first answer tells inside from outside. Near each pixel every image then has a mean and a spread on
either side, and so each pixel is likelier inside or outside; that is added to the answer, with a few learned
weights. It is one step down the region-scalable fitting energy of Li C et al. (IEEE Trans Image Process
17:1940, 2008). So the outline of a node that is dark in bright fat lies where the fat begins, whatever the
contrast, also where the DWI is displaced.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .suspects import FIRST_SCALE

RADII_PIXELS = (3, 6)
"""Half the width of what is near, twice: of two box filters, one after the other."""
FITTED = 3
"""Images that have edges: T2, DWI, ADC."""
LEAST_VARIANCE = 0.04
"""Added to that of the few pixels near; T2 and DWI have a variance of about 1."""
MOST = 3.0
"""Log likelihood ratio that an image gives a pixel at most."""
UNSURE = 3.0
"""A logit from which on an edge of the T2 moves an answer less and less."""
WIDTH = 16
"""Channels of the small network that weighs what the images say."""


class Boundary(nn.Module):
    """Adds to logits what the images near each pixel say of inside and outside.

    Args:
        channels: Of what is seen; see `suspects.CHANNELS`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fits = nn.ModuleList(Fit(radius) for radius in RADII_PIXELS)
        self.conv1 = nn.Conv2d(channels + 2 * FITTED * len(RADII_PIXELS), WIDTH, 3, padding=1)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.head = nn.Conv2d(WIDTH, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.trust = nn.Parameter(torch.ones(1))
        self.scale, self.unsure = FIRST_SCALE, UNSURE  # TorchScript knows no names of the module

    def forward(self, seen: Tensor, logits: Tensor) -> Tensor:
        """Logits that follow the edges.

        Args:
            seen: [N, channels, H, W], as in `suspects.CHANNELS`.
            logits: Of "lymph node", [N, 1, H, W].

        Returns:
            [N, 1, H, W], float32: of float16 the squares would leave nothing.
        """
        seen, logits = seen.float(), logits.float()
        images = torch.cat([seen[:, :2], seen[:, 4:5]], 1)  # T2, DWI, ADC
        shown = [seen[:, :3], logits / self.scale, seen[:, 4:]]
        inside, outside = torch.sigmoid(2.0 * (logits - 1.0)), torch.sigmoid(-2.0 * (logits + 2.0))
        change = torch.zeros_like(logits)
        for fit in self.fits:
            likelier, contrast, of_t2 = fit(images, inside, outside)
            change = change + of_t2
            shown += [likelier, contrast]
        weighed = torch.cat(shown, 1).to(self.conv1.weight.dtype)
        weighed = weighed.contiguous(memory_format=torch.channels_last)
        weighed = torch.relu(self.conv2(torch.relu(self.conv1(weighed))))
        change = change * torch.exp(-((logits / self.unsure) ** 2))
        return self.trust * logits + change + self.head(weighed)


class Fit(nn.Module):
    """How much likelier each pixel is inside than outside, by the values near it on either side.

    Args:
        radius: How far is near, in pixels.
    """

    def __init__(self, radius: int) -> None:
        super().__init__()
        self.radius, self.most, self.least_variance = radius, MOST, LEAST_VARIANCE
        self.t2_weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor, inside: Tensor, outside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log likelihood ratios and what of them to add.

        Args:
            images: T2 and others, [N, images, H, W].
            inside: How surely each pixel is, 0 to 1, [N, 1, H, W].
            outside: The same.

        Returns:
            Log likelihood ratios, between -`MOST` and `MOST`, and how well the image tells inside from
            outside there, 0 to 1, both [N, images, H, W]; that of the T2 times its weight, [N, 1, H, W].
        """
        mean_inside, variance_inside = moments(images, inside, self.radius)
        mean_outside, variance_outside = moments(images, outside, self.radius)
        variance = (variance_inside + variance_outside) / 2.0 + self.least_variance
        difference = mean_inside - mean_outside
        ratio = (images - (mean_inside + mean_outside) / 2.0) * difference / variance
        likelier = self.most * torch.tanh(ratio / self.most)
        contrast = torch.tanh(difference.abs() / variance.sqrt() / 3.0)
        return likelier, contrast, self.t2_weight * likelier[:, :1]


def moments(images: Tensor, weight: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Weighted mean and variance of the values near each pixel, [N, images, H, W] both.

    Args:
        images: [N, images, H, W].
        weight: [N, 1, H, W].
        radius: How far is near, in pixels.
    """
    weighted = weight * images
    near = smooth(torch.cat([weight, weighted, weighted * images], 1), radius)
    count, images_in_all = near[:, :1] + 1e-3, images.shape[1]
    mean = near[:, 1 : 1 + images_in_all] / count
    return mean, (near[:, 1 + images_in_all :] / count - mean * mean).clamp(min=0.0)


def smooth(images: Tensor, radius: int) -> Tensor:
    """A box filter, twice, [N, C, H, W] in float32; zero beyond the edge."""
    if torch.jit.is_scripting():
        return _smooth(images, radius)
    with torch.autocast(images.device.type, enabled=False):  # which would round to half the digits
        return _smooth(images, radius)


def _smooth(images: Tensor, radius: int) -> Tensor:
    return band(images.shape[2], radius, images) @ images @ band(images.shape[3], radius, images)


def band(length: int, radius: int, like: Tensor) -> Tensor:
    """The filter of a line of pixels as a matrix: for so few pixels many times as fast as filtering."""
    at = torch.arange(length, device=like.device)
    box = ((at[:, None] - at).abs() <= radius).to(like.dtype) / (2 * radius + 1)
    return box @ box
