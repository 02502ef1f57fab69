"""Where the second look looks: the places that ERU-Net suspects, cut out for it, and its answers put back.

Volumes lie on the network's working grid, indexed [k, row, column].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..progress import Part, Progress, Silent
from .runner import forward

if TYPE_CHECKING:
    from torch import Tensor, nn

CHANNELS = ("t2", "dwi", "known", "first", "adc", "measured")
"""What the second look sees, in this order; see `channels_of`."""
FIRST_SCALE = 4.0
"""ERU-Net's logit is divided by this, so that all channels have the same order of size."""
SUSPECTED_FROM, SUSPECTED_PEAK = 0.05, 0.1
"""ERU-Net's probability from which a pixel belongs to a suspect, and that a suspect reaches somewhere."""
FEWEST_PIXELS = 6
"""A suspect of fewer is not looked at again."""
LARGEST_PIXELS = 240
"""Nor is one that is longer or wider: 14 cm where a pixel has 0.6 mm is no node, and takes memory."""
REACH_PIXELS, REACH_SLICES = 5, 1
"""How far beyond a suspect the second look may draw; 5 pixels are 3 mm where one has 0.6."""
SIDE_PIXELS, SLICES = 80, 7
"""What is shown of a place; more where a suspect is larger."""
CONTEXT_PIXELS = 16
"""At least so much, in all, around what may be drawn."""
STRIDE = 8
"""Rows and columns shown are multiples of this."""
ADC_MIDDLE, ADC_SPREAD = 1200.0, 600.0
"""ADC in um2/s that is shown as 0, and the difference that is shown as 1."""
ADC_LEAST = 100.0
"""Below, in um2/s, an ADC was not measured: maps are 0 where there was too little signal."""
SUREST = 0.9975
"""ERU-Net's probability is shown up to this, and down to what is left to 1."""


@dataclass(frozen=True)
class Place:
    """A suspect and what is shown of it.

    Attributes:
        region: Slices, rows and columns where the second look may draw.
        mask: Boolean, of the region's shape: where exactly.
        start: First slice, row and column that are shown; may lie outside the volume.
        size: How many of each.
    """

    region: tuple[slice, slice, slice]
    mask: np.ndarray
    start: tuple[int, int, int]
    size: tuple[int, int, int]


def places_in(first: np.ndarray) -> list[Place]:
    """The places to look at again.

    Args:
        first: ERU-Net's probability.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(first > SUSPECTED_FROM, np.ones((3, 3, 3)))
    places = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if max(one.stop - one.start for one in box[1:]) > LARGEST_PIXELS:
            continue
        inside = labels[box] == number
        if np.count_nonzero(inside) >= FEWEST_PIXELS and first[box][inside].max() > SUSPECTED_PEAK:
            places.append(_place(inside, box, first.shape))
    return places


def _place(inside: np.ndarray, box: tuple[slice, slice, slice], shape: tuple[int, ...]) -> Place:
    """The place of a suspect: what may be drawn, and the middle of it in the middle of what is shown."""
    from scipy import ndimage

    reach = (REACH_SLICES, REACH_PIXELS, REACH_PIXELS)
    room = [(min(r, one.start), min(r, length - one.stop)) for r, one, length in zip(reach, box, shape)]
    grown = ndimage.maximum_filter(np.pad(inside, room), size=[2 * r + 1 for r in reach], mode="constant")
    region = tuple(slice(one.start - low, one.stop + high) for one, (low, high) in zip(box, room))
    size = [max(SLICES, region[0].stop - region[0].start)]
    for one in region[1:]:
        needed = one.stop - one.start + CONTEXT_PIXELS
        size.append(max(SIDE_PIXELS, -(-needed // STRIDE) * STRIDE))
    start = [(one.start + one.stop - length) // 2 for one, length in zip(region, size)]
    return Place(region, grown, (start[0], start[1], start[2]), (size[0], size[1], size[2]))  # type: ignore[arg-type]


def channels_of(t2: Tensor, dwi: Tensor, known: Tensor, adc: Tensor, first: Tensor) -> Tensor:
    """What the second look sees of a volume, or of a part of one, [slices, channels, rows, columns].

    Args:
        t2: As `fusion.normalized_pair` gives it.
        dwi: The same.
        known: 1 where the DWI is known, else 0.
        adc: In um2/s, 0 where it is not known.
        first: ERU-Net's probability.
    """
    import torch

    measured = ((adc > ADC_LEAST) & (known > 0.5)).float()
    shown = torch.logit(first.float(), 1.0 - SUREST) / FIRST_SCALE
    scaled = ((adc - ADC_MIDDLE) / ADC_SPREAD).clamp(-2.0, 5.0) * measured
    return torch.stack([t2, dwi, known, shown, scaled, measured], 1)


def cut(volume: Tensor, start: Sequence[int], size: Sequence[int]) -> Tensor:
    """A window of a volume; beyond the volume its outermost pixels are repeated.

    Args:
        volume: [k, row, column].
        start: First slice, row and column; may lie outside.
        size: How many of each.
    """
    import torch

    at = [
        torch.arange(first, first + count).clamp_(0, length - 1)
        for first, count, length in zip(start, size, volume.shape)
    ]
    return volume[at[0][:, None, None], at[1][:, None], at[2]]


class Shown:
    """What the second look sees of places of one size, cut when it is needed; see `runner.Batches`.

    Args:
        places: The places.
        volumes: As `channels_of` takes them, of the whole study.
    """

    def __init__(self, places: Sequence[Place], volumes: Sequence[Tensor]) -> None:
        self._places, self._volumes = places, volumes

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, slices, channels, rows, columns]."""
        slices, rows, columns = self._places[0].size
        return len(self._places), slices, len(CHANNELS), rows, columns

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, wanted: slice) -> Tensor:
        import torch

        return torch.stack(
            [
                channels_of(*(cut(one, place.start, place.size) for one in self._volumes))
                for place in self._places[wanted]
            ]
        )


def looked_again(
    volumes: tuple[Tensor, Tensor, Tensor, Tensor],
    first: Tensor,
    second: nn.Module,
    device: str,
    progress: Optional[Progress] = None,
) -> Tensor:
    """The probability after the second look; where nothing was looked at again, it is ERU-Net's.

    Args:
        volumes: T2, DWI, known and ADC, as `channels_of` takes them.
        first: ERU-Net's probability, [k, row, column].
        second: As `second_look.SecondLook`, on any device.
        device: As `inference.pick_device` gives it.
        progress: Told after each batch.

    Raises:
        Cancelled: the user asked to stop.
    """
    import torch

    progress = progress or Silent()
    progress.fraction(0.0)
    places = places_in(first.numpy())
    total, count = torch.zeros_like(first), torch.zeros_like(first)
    done = 0
    for size in sorted({one.size for one in places}):
        alike = [one for one in places if one.size == size]
        part = Part(progress, done / len(places), (done + len(alike)) / len(places))
        answers = forward(Shown(alike, (*volumes, first)), second, device, part)
        for place, answer in zip(alike, answers):
            _put_back(answer.sigmoid(), place, total, count)
        done += len(alike)
    return torch.where(count > 0, total / count.clamp(min=1), first)


def _put_back(answer: Tensor, place: Place, total: Tensor, count: Tensor) -> None:
    """Add an answer [slices, rows, columns] where the place may be drawn."""
    import torch

    shown = tuple(slice(one.start - start, one.stop - start) for one, start in zip(place.region, place.start))
    mask = torch.from_numpy(place.mask)
    total[place.region] += answer[shown] * mask
    count[place.region] += mask
