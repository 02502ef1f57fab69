"""ERU-Net: a 2-D U-Net with residual blocks and efficient channel attention (ECA).

After Qiu J et al., "Attention-enhanced residual U-Net: lymph node segmentation method with bimodal MRI
images", BioMed Eng OnLine 24:67 (2025). The paper's text gives the idea and not the numbers; depth, width and
the place of ECA are a reading of ours (ECA at the end of each residual block, before the sum).
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn


def eca_kernel(channels: int) -> int:
    """Kernel size of ECA: ``|log2(C) / 2 + 1 / 2|``, one more where that is even (Wang Q et al., CVPR 2020).

    Args:
        channels: Number of channels C of the feature map.

    Returns:
        An odd number: 3 for 16 to 64 channels, 5 for 128 to 1024.
    """
    kernel = int(abs(math.log2(channels) / 2 + 0.5))
    return kernel if kernel % 2 else kernel + 1


class EfficientChannelAttention(nn.Module):
    """Weights each channel by its mean and those of its neighbors in channel order.

    Args:
        channels: Number of channels of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = eca_kernel(channels)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Feature map [N, C, H, W], weighted."""
        means = features.mean((2, 3)).unsqueeze(1)
        weights = torch.sigmoid(self.conv(means)).squeeze(1)
        return features * weights.unsqueeze(-1).unsqueeze(-1)


class Foldable(nn.Module):
    """A block each of whose norms, "norm", "norm1" ..., follows the convolution of that name, "conv" ..."""

    def fold_norms(self) -> None:
        """Put the normalization into the convolutions, for inference only."""
        for name, norm in list(self.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                conv = name.replace("norm", "conv")
                setattr(self, conv, nn.utils.fuse_conv_bn_eval(getattr(self, conv), norm))
                setattr(self, name, nn.Identity())


class Block(Foldable):
    """conv-norm-act-conv-norm, ECA, plus the input, act.

    Args:
        channels_in: Channels before.
        channels_out: Channels after; a 1x1 convolution matches the sum where they differ.
        eca: False leaves the attention out.
        residual: False leaves the sum out (a plain U-Net's block).
    """

    def __init__(self, channels_in: int, channels_out: int, eca: bool, residual: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.attention = EfficientChannelAttention(channels_out) if eca else nn.Identity()
        self.residual = residual
        same = channels_in == channels_out or not residual
        self.match = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Feature map [N, channels_in, H, W] to [N, channels_out, H, W]."""
        result = torch.relu(self.norm1(self.conv1(features)))
        result = self.attention(self.norm2(self.conv2(result)))
        if self.residual:
            result = result + self.match(features)
        return torch.relu(result)


class Up(nn.Module):
    """Doubles the size, joins the encoder's features of that size, and a `Block`.

    Args:
        channels_in: Channels from below.
        channels_out: Channels of the encoder's features and of the result.
        eca, residual: See `Block`.
    """

    def __init__(self, channels_in: int, channels_out: int, eca: bool, residual: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.block = Block(2 * channels_out, channels_out, eca, residual)

    def forward(self, below: Tensor, across: Tensor) -> Tensor:
        """Features [N, channels_in, H/2, W/2] and [N, channels_out, H, W] to [N, channels_out, H, W]."""
        return self.block(torch.cat([self.up(below), across], 1))


class EruNet(nn.Module):
    """Attention-enhanced residual U-Net; scriptable by ``torch.jit.script``.

    Args:
        in_channels: Channels of the fused input (see `fusion`).
        width: Channels at full size; doubled at each of the deeper levels.
        depth: Number of sizes; height and width of the input are multiples of ``2 ** (depth - 1)``.
        eca, residual: False for the networks that ERU-Net is compared with.
    """

    def __init__(
        self, in_channels: int, width: int = 16, depth: int = 5, eca: bool = True, residual: bool = True
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(
            Block(before, after, eca, residual) for before, after in zip([in_channels, *widths], widths)
        )
        self.up = nn.ModuleList(
            Up(below, across, eca, residual) for below, across in zip(widths[:0:-1], widths[-2::-1])
        )
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Fused slices [N, in_channels, H, W] to logits of "lymph node" [N, 1, H, W]."""
        across: list[Tensor] = []
        features = inputs
        for level, block in enumerate(self.down):
            features = block(self.pool(features) if level else features)
            across.append(features)
        for level, up in enumerate(self.up):
            features = up(features, across[len(across) - 2 - level])
        return self.head(features)


def for_inference(network: nn.Module) -> nn.Module:
    """A copy of a trained network in evaluation mode, its normalization folded into the convolutions."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, Foldable):
            module.fold_norms()
    return network
