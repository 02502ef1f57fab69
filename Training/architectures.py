"""The networks by name: ERU-Net and those it is compared with, all at the same width and depth."""

from __future__ import annotations

import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.eru_net import EruNet
from torch import Tensor, nn

from .config import Network

ARCHITECTURES = ("eru-net", "u-net", "residual-u-net", "attention-u-net", "u-net++", "nnu-net")


def build_network(network: Network, channels: int) -> nn.Module:
    """A network that takes slices [N, channels, H, W] to logits [N, 1, H, W].

    U-Net, residual U-Net, Attention U-Net and U-Net++ are MONAI's; "nnu-net" is the plain convolutional U-Net
    that nnU-Net v2 plans, from dynamic-network-architectures, without deep supervision, which no other has.

    Args:
        network: Which one, and its size.
        channels: Of the input.

    Raises:
        InputError: no such network, or its package is not installed.
    """
    if network.architecture not in ARCHITECTURES:
        raise InputError(
            f"Unknown network '{network.architecture}': choose one of {', '.join(ARCHITECTURES)}."
        )
    if network.architecture == "eru-net":
        built: nn.Module = EruNet(channels, network.width, network.depth, network.eca, network.residual)
    elif network.architecture == "nnu-net":
        built = _nnu_net(network, channels)
    else:
        built = _of_monai(network, channels)
    return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _of_monai(network: Network, channels: int) -> nn.Module:
    from monai.networks import nets

    widths = [network.width * 2**level for level in range(network.depth)]
    strides = [2] * (network.depth - 1)
    if network.architecture == "attention-u-net":
        return nets.AttentionUnet(2, channels, 1, widths, strides)
    if network.architecture == "u-net++":
        if network.depth != 5:
            raise InputError("MONAI's U-Net++ has a depth of 5: set network.depth.")
        return _First(nets.BasicUNetPlusPlus(2, channels, 1, (*widths, network.width)))
    units = 2 if network.architecture == "residual-u-net" else 0
    return nets.UNet(2, channels, 1, widths, strides, num_res_units=units, norm="batch")


def _nnu_net(network: Network, channels: int) -> nn.Module:
    try:
        from dynamic_network_architectures.architectures.unet import PlainConvUNet
    except ImportError:
        raise InputError(
            "nnU-Net's network needs a package: pip install --no-deps dynamic-network-architectures."
        ) from None
    depth = network.depth
    return PlainConvUNet(
        input_channels=channels,
        n_stages=depth,
        features_per_stage=[network.width * 2**level for level in range(depth)],
        conv_op=nn.Conv2d,
        kernel_sizes=3,
        strides=[1] + [2] * (depth - 1),
        n_conv_per_stage=2,
        num_classes=1,
        n_conv_per_stage_decoder=2,
        conv_bias=True,
        norm_op=nn.InstanceNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    )


class _First(nn.Module):
    """Of a network that returns a list, the first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        """Slices to logits."""
        return self.network(inputs)[0]
