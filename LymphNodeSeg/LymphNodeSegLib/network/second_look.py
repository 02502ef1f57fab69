"""The second look: a small network that sees each place that ERU-Net suspects, in depth and with the ADC.

ERU-Net goes through whole slices; that a bright dot is a vessel, an ovary or a node is often told by what
lies above and below, and by the ADC. This network sees the few places where ERU-Net has found something,
seven slices deep, with ERU-Net's own probability as one of its channels, and says again what is a node. It
learns from such places alone: all that it sees in training is hard. A cascade, as Roth HR et al. made one for
lymph nodes in CT (IEEE Trans Med Imaging 35:1170, 2016); the channel attention is that of `eru_net`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .boundary import Boundary
from .eru_net import EfficientChannelAttention, Foldable
from .suspects import CHANNELS, FIRST_SCALE


class FlatBlock(Foldable):
    """Convolution, normalization, act: the finest level, where anything more costs most of the time.

    Args:
        channels_in, channels_out: Before and after.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, features: Tensor) -> Tensor:
        """[N * slices, channels_in, H, W] to [N * slices, channels_out, H, W]."""
        return torch.relu(self.norm(self.conv(features)))


class DeepBlock(Foldable):
    """Within the slice, then across three slices, channel attention, plus the input, act.

    Args:
        channels_in, channels_out: Before and after.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(3 * channels_out, channels_out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.attention = EfficientChannelAttention(channels_out)
        same = channels_in == channels_out
        self.match = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, features: Tensor, slices: int) -> Tensor:
        """[N * slices, channels_in, H, W] to [N * slices, channels_out, H, W]."""
        result = torch.relu(self.norm1(self.conv1(features)))
        result = self.norm2(self.conv2(with_neighbors(result, slices)))
        count, channels, height, width = result.shape
        # One attention for the whole place: its slices one below the other are one tall slice.
        tall = result.permute(0, 2, 3, 1).reshape(count // slices, slices * height, width, channels)
        tall = self.attention(tall.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        weighted = tall.reshape(count, height, width, channels).permute(0, 3, 1, 2)
        return torch.relu(weighted + self.match(features))


def with_neighbors(features: Tensor, slices: int) -> Tensor:
    """Each slice's channels between those of the slice before and the slice after; zeros beyond the ends.

    Args:
        features: [N * slices, C, H, W].
        slices: Of one place.

    Returns:
        [N * slices, 3 C, H, W], channels last in memory.
    """
    total, channels, height, width = features.shape
    places = features.permute(0, 2, 3, 1).reshape(total // slices, slices, height, width, channels)
    none = torch.zeros_like(places[:, :1])
    before = torch.cat([none, places[:, :-1]], 1)
    after = torch.cat([places[:, 1:], none], 1)
    joined = torch.cat([before, places, after], 4)
    return joined.view(total, height, width, 3 * channels).permute(0, 3, 1, 2)


class DeepDown(nn.Module):
    """Halves the size, two `DeepBlock`.

    Args:
        channels_in, channels_out: Before and after.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.first = DeepBlock(channels_in, channels_out)
        self.second = DeepBlock(channels_out, channels_out)

    def forward(self, features: Tensor, slices: int) -> Tensor:
        """[N * slices, channels_in, H, W] to [N * slices, channels_out, H / 2, W / 2]."""
        return self.second(self.first(self.pool(features), slices), slices)


class DeepUp(nn.Module):
    """Doubles the size, joins the features of that size, and a `DeepBlock`.

    Args:
        channels_in: From below.
        channels_out: Of the features of that size, and of the result.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.block = DeepBlock(2 * channels_out, channels_out)

    def forward(self, below: Tensor, across: Tensor, slices: int) -> Tensor:
        """Features [N * slices, channels, H / 2, W / 2] and those of the size above, to that size."""
        return self.block(torch.cat([self.up(below), across], 1), slices)


class SecondLook(nn.Module):
    """A U-Net of 2-D convolutions whose slices exchange features at each level but the finest.

    Scriptable by ``torch.jit.script``. It begins as ERU-Net's own answer and learns what to change in it;
    last its outline is drawn to the edges in the images, see `boundary`. Its logits are divided by
    `temperature` and `offset` is added: 1 and 0 until held-out cases have told better.

    Args:
        widths: Channels at each level, the finest first.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 48, 96, 96)) -> None:
        super().__init__()
        self.stem = FlatBlock(len(CHANNELS), widths[0])
        self.down = nn.ModuleList(DeepDown(before, after) for before, after in zip(widths, widths[1:]))
        self.up = nn.ModuleList(
            DeepUp(below, across) for below, across in zip(widths[:1:-1], widths[-2:0:-1])
        )
        self.finest = nn.ConvTranspose2d(widths[1], widths[0], 2, stride=2)
        self.last = FlatBlock(2 * widths[0], widths[0])
        self.head = nn.Conv2d(widths[0], 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.trust = nn.Parameter(torch.full((1,), FIRST_SCALE))
        self.boundary = Boundary(len(CHANNELS))
        self.register_buffer("temperature", torch.ones(1))
        self.register_buffer("offset", torch.zeros(1))

    def forward(self, places: Tensor) -> Tensor:
        """Logits of "lymph node".

        Args:
            places: [N, slices, channels, H, W], channels as in `CHANNELS`; H and W are multiples of
                ``2 ** (len(widths) - 1)``.

        Returns:
            [N, slices, H, W].
        """
        count, slices, channels, height, width = places.shape
        flat = places.reshape(count * slices, channels, height, width)
        features = self.stem(flat.contiguous(memory_format=torch.channels_last))
        across = [features]
        for down in self.down:
            features = down(features, slices)
            across.append(features)
        for level, up in enumerate(self.up):
            features = up(features, across[len(across) - 2 - level], slices)
        features = self.last(torch.cat([self.finest(features), across[0]], 1))
        first = flat[:, 3:4]  # as in CHANNELS
        logits = self.boundary(flat, self.head(features) + self.trust * first)
        return (logits / self.temperature + self.offset).view(count, slices, height, width)


class BothLooks(nn.Module):
    """What a model file holds: both networks. Called, it is ERU-Net alone.

    Args:
        first: ERU-Net.
        second: A `SecondLook`.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, inputs: Tensor) -> Tensor:
        """See `eru_net.EruNet.forward`."""
        return self.first(inputs)
