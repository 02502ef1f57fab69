"""The network over every slice of a study: images in, probability of "lymph node" on the T2's grid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..errors import InputError
from ..progress import Part, Progress, Silent
from .fusion import COARSE_MM, fuse, normalized_pair
from .runner import forward
from .suspects import looked_again

if TYPE_CHECKING:
    from torch import Tensor

    from ..images.image import Image
    from .fusion import Preprocessing
    from .model_file import Model

FIRST_SHARE = 0.85
"""Of the time that both looks take, ERU-Net's: for the progress."""
MARGIN_MM = 8.0
"""Air kept around the body, so that the network sees its edge."""


@dataclass(frozen=True)
class Prepared:
    """A study as the network takes it.

    Attributes:
        t2, dwi, known: What `fuse` takes, [k, H, W], float32; H and W fit the model's stride.
        adc: ADC in um2/s, the same; 0 where it is not known.
        preprocessing: The model's.
        box: Rows and columns of the working grid that they show (start and end of rows, of columns).
        working_size: Rows and columns of the whole working grid.
    """

    t2: Tensor = field(repr=False)
    dwi: Tensor = field(repr=False)
    known: Tensor = field(repr=False)
    adc: Tensor = field(repr=False)
    preprocessing: Preprocessing
    box: tuple[int, int, int, int]
    working_size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the network's input of every slice: [k, channels, H, W]."""
        count, height, width = self.t2.shape
        return count, self.preprocessing.channels, height, width

    def __len__(self) -> int:
        """Number of slices."""
        return len(self.t2)

    def __getitem__(self, wanted: slice) -> Tensor:
        """The network's input of some slices; see `runner.Batches`."""
        return fuse(self.t2, self.dwi, self.known, self.preprocessing, wanted)


def devices() -> list[str]:
    """The devices that are there, the quickest first."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, is_there in there.items() if is_there]


def pick_device(wanted: str = "auto") -> str:
    """The device that inference runs on: "cuda", "mps" or "cpu".

    Raises:
        InputError: a device was asked for by name and is not there.
    """
    there = devices()
    if wanted == "auto":
        return there[0]
    if wanted not in there:
        raise InputError(f"Device '{wanted}' is not available on this computer: choose auto or cpu.")
    return wanted


def segment_image(
    t2: Image,
    dwi: Image,
    known: np.ndarray,
    model: Model,
    device: str = "cpu",
    progress: Optional[Progress] = None,
    adc: Optional[Image] = None,
) -> Image:
    """Probability that a voxel belongs to a lymph node.

    Slices are taken in the T2's acquisition plane and seen at the model's own pixel size, whatever the
    input's. Where memory runs out, the batch is halved, and at last the CPU takes over; the user is told.

    Args:
        t2: The T2; any orientation and pixel size.
        dwi: DWI on the T2's grid.
        known: Boolean [k, j, i]; False where the DWI is not known.
        model: The network.
        device: As `pick_device` gives it.
        progress: Told after each batch.
        adc: ADC in um2/s on the T2's grid, where there is one: the second look, if the model has it, sees it.

    Returns:
        Calibrated probability, float32, 0 to 1, on the T2's grid.

    Raises:
        Cancelled: the user asked to stop.
    """
    import torch

    progress = progress or Silent()
    with torch.inference_mode():
        prepared = prepare(t2, dwi, known, model, adc)
        share = FIRST_SHARE if model.second is not None else 1.0
        logits = forward(prepared, model.network, device, Part(progress, 0.0, share))
        probability = logits.div_(model.temperature).add_(model.offset).sigmoid_()[:, 0]
        if model.second is not None:
            volumes = (prepared.t2, prepared.dwi, prepared.known, prepared.adc)
            probability = looked_again(volumes, probability, model.second, device, Part(progress, share, 1.0))
        probability = restore(probability[:, None], prepared, t2.array.shape)
    progress.fraction(1.0)
    return t2.with_array(probability.numpy())


def prepare(t2: Image, dwi: Image, known: np.ndarray, model: Model, adc: Optional[Image] = None) -> Prepared:
    """Resample in the slice plane, normalize, cut off the air, pad to the model's stride.

    Args:
        t2: See `segment_image`.
        dwi: The same.
        known: The same.
        model: The same.
        adc: The same.
    """
    import torch
    from torch.nn import functional

    preprocessing = model.preprocessing
    size, pixel_mm = working_grid(t2, preprocessing.pixel_mm)
    t2_fine = to_working_grid(t2.array, size)
    # The DWI came from larger pixels than the T2's: there is nothing in it to alias.
    dwi_fine = to_working_grid(dwi.array, size, antialias=False)
    mask = torch.from_numpy(np.ascontiguousarray(known, dtype=bool).view(np.uint8))[:, None]
    known_fine = functional.interpolate(mask, size=size, mode="nearest-exact")[:, 0].float()
    t2_signal, dwi_signal, body = normalized_pair(t2_fine, dwi_fine, known_fine, pixel_mm)
    adc_fine = torch.zeros_like(t2_fine) if adc is None else to_working_grid(adc.array, size, antialias=False)
    rows, columns = _body_box(body, size)
    pad = (0, (columns[0] - columns[1]) % model.stride, 0, (rows[0] - rows[1]) % model.stride)
    volumes = (t2_signal, dwi_signal, known_fine, adc_fine)
    cut = (one[:, rows[0] : rows[1], columns[0] : columns[1]] for one in volumes)
    padded = [functional.pad(one, pad, mode="replicate") if any(pad) else one for one in cut]
    return Prepared(padded[0], padded[1], padded[2], padded[3], preprocessing, (*rows, *columns), size)


def working_grid(t2: Image, pixel_mm: float) -> tuple[tuple[int, int], tuple[float, float]]:
    """Rows and columns of the working grid, and the height and width of its pixel.

    It covers the same area as the T2, so its pixel is the wanted one within rounding to whole pixels.
    """
    extent_mm = [n * mm for n, mm in zip(t2.array.shape[1:], t2.geometry.spacing_mm[1::-1])]
    size = [max(1, round(one / pixel_mm)) for one in extent_mm]
    return (size[0], size[1]), (extent_mm[0] / size[0], extent_mm[1] / size[1])


def to_working_grid(array: np.ndarray, size: tuple[int, int], antialias: bool = True) -> Tensor:
    """A volume [k, j, i] with its slices resampled to a size; float32."""
    import torch
    from torch.nn import functional

    volume = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[:, None]
    return functional.interpolate(volume, size=size, mode="bilinear", antialias=antialias)[:, 0]


def _body_box(body: Tensor, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of the working grid that hold the body, with a margin.

    Args:
        body: Coarse mask [k, j, i] of the whole field of view.
        size: Rows and columns of the working grid.
    """
    ranges = []
    for inside, fine in ((body.any(0).any(1), size[0]), (body.any(0).any(0), size[1])):
        found = inside.nonzero()[:, 0]
        scale, margin = fine / len(inside), MARGIN_MM / COARSE_MM
        first, last = float(found[0]) - margin, float(found[-1]) + 1 + margin
        ranges.append((max(0, int(first * scale)), min(fine, int(np.ceil(last * scale)))))
    return ranges[0], ranges[1]


def restore(probability: Tensor, prepared: Prepared, shape: tuple[int, ...]) -> Tensor:
    """Probability of the slices [k, 1, H, W] back on the T2's grid [k, j, i]; 0 where the air was cut off.

    Args:
        probability: What the network found.
        prepared: What it was given.
        shape: The T2's [k, j, i].
    """
    import torch
    from torch.nn import functional

    top, bottom, left, right = prepared.box
    whole = torch.zeros(len(probability), 1, *prepared.working_size)
    whole[:, :, top:bottom, left:right] = probability[:, :, : bottom - top, : right - left]
    fine = functional.interpolate(whole, size=list(shape[1:]), mode="bilinear", align_corners=False)
    return fine[:, 0].clamp_(0, 1)
