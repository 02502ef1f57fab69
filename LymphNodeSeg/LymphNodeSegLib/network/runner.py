"""A network on a device: batches that fit, the quickest number format, the CPU where memory runs out."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Optional, Protocol, Union

from ..errors import InputError
from ..progress import Progress, Silent

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

BATCH_PIXELS = {"cuda": 2**22, "mps": 2**20, "cpu": 2**19}
"""Pixels of one batch: enough to keep a device busy, within a small one's memory."""


class Batches(Protocol):
    """A network's input that is made when it is needed: all at once would fill the caches, or the memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole: [N, channels, H, W] for ERU-Net, [N, slices, channels, H, W] for the second look."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, wanted: slice) -> Tensor:
        """A part."""


def forward(
    inputs: Union[Tensor, Batches], network: nn.Module, device: str, progress: Optional[Progress] = None
) -> Tensor:
    """A network's logits, float32, on the CPU; smaller batches and then the CPU where memory runs out.

    Args:
        inputs: What the network takes, as a tensor or in parts.
        network: ERU-Net or a second look.
        device: As `pick_device` gives it.
        progress: Told after each batch.
    """
    import torch

    progress = progress or Silent()
    batch = batch_size(inputs, device)
    runner, dtype = runner_for(network, device)
    done: list[Tensor] = []
    start = 0
    while start < len(inputs):
        part = inputs[start : start + batch]
        try:
            there = part.to(device, dtype)
            if there.dim() == 4:
                there = there.to(memory_format=torch.channels_last)
            done.append(runner(there).float().cpu())
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if batch > 1:
                batch //= 2
                progress.message(f"Memory of the {device} ran out: {batch} at a time now.")
            elif device != "cpu":
                device = "cpu"
                runner, dtype = runner_for(network, device)
                progress.message("The graphics memory is too small: the CPU takes over.")
            else:
                raise InputError("Not enough memory: close other programs and run again.") from None
            continue
        start += len(part)
        progress.fraction(min(start / len(inputs), 0.99))
    return torch.cat(done)


def batch_size(inputs: Union[Tensor, Batches], device: str) -> int:
    """How many slices, or places, to give to a device at a time.

    Args:
        inputs: As `forward` takes them.
        device: As `pick_device` gives it.
    """
    *more, _, height, width = inputs.shape
    most = max(1, BATCH_PIXELS[device] // (math.prod(more[1:]) * height * width))
    # Of nearly equal size: a last batch of one would take longer than its share.
    return -(-len(inputs) // -(-len(inputs) // most))


@lru_cache(maxsize=4)
def runner_for(network: nn.Module, device: str) -> tuple[nn.Module, torch.dtype]:
    """A copy of the network on a device, in the number format that is quickest there without harm.

    Kept for the next study: a network that has run once is quicker.
    """
    import copy

    import torch

    # bfloat16 pays where the CPU multiplies matrices of it in hardware (AMX): 2 times as fast as float32.
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    quick = {"cuda": torch.float16, "mps": torch.float32}.get(device)
    dtype = quick or (torch.bfloat16 if amx() else torch.float32)
    moved = copy.deepcopy(network).to(device, dtype)
    return moved.to(memory_format=torch.channels_last).eval(), dtype  # type: ignore[call-overload]


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
