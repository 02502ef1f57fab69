"""Fusion of T2 and DWI into the network's input, and into a picture for the reader.

All functions take volumes that share one grid, indexed [k, j, i] (slice, row, column).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ..images.image import Image

FUSIONS = ("weighted", "stack", "t2", "dwi")
COARSE_MM = 4.0
"""Pixel of the coarse copy on which body and percentiles are found: quick, and noise averages out."""
BODY_FROM = 0.1
"""Share of a bright tissue's signal (90th percentile) from which a coarse pixel counts as body."""
FAINTEST = 0.05
"""Share of the usual signal under which a pixel says nothing of the coil."""
FAR, STRONGEST, EVENING_STEPS = 0.5, 1.0, 6
"""Of the logarithm of shading: the deviation beyond which a pixel counts no more, the largest; the fits."""
LOWEST, HIGHEST = -4.0, 8.0
"""Limits of normalized signal, so that an artefact cannot dominate."""


@dataclass(frozen=True)
class Preprocessing:
    """What is done to T2 and DWI before the network sees them; stored in the model file.

    Attributes:
        fusion: "weighted", the weighted sum of both as one channel (the paper's); or "stack", T2, DWI and
            their neighboring slices as channels, and a last one that is 1 where the DWI is known; "t2" and
            "dwi", one of the two alone, stacked in the same way, to compare with.
        pixel_mm: In-plane pixel at which the network works.
        neighbors: For stacked channels, how many slices on each side are added.
        dwi_weight: For "weighted", the share of the DWI.
    """

    fusion: str = "stack"
    pixel_mm: float = 0.8
    neighbors: int = 1
    dwi_weight: float = 0.5

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise InputError(f"Unknown fusion '{self.fusion}': choose one of {', '.join(FUSIONS)}.")
        if not (0.1 <= self.pixel_mm <= 10.0 and 0 <= self.neighbors <= 10 and 0.0 <= self.dwi_weight <= 1.0):
            raise InputError("The preprocessing's pixel, neighbors or weight are out of range.")

    @property
    def t2_channels(self) -> int:
        """How many of the channels, the first ones, show the T2 alone."""
        return 2 * self.neighbors + 1 if self.fusion in ("stack", "t2") else 0

    @property
    def dwi_channels(self) -> int:
        """How many of the channels, after those of the T2, show the DWI alone; where it is known follows."""
        return 2 * self.neighbors + 1 if self.fusion in ("stack", "dwi") else 0

    @property
    def channels(self) -> int:
        """Number of channels that `fuse` makes."""
        return self.t2_channels + self.dwi_channels + (self.fusion != "t2")

    def as_dict(self) -> dict[str, Any]:
        """The values as JSON holds them."""
        return asdict(self)


def coarse(volume: Tensor, pixel_mm: tuple[float, float]) -> Tensor:
    """Area means of each slice at about `COARSE_MM`.

    Args:
        volume: [k, j, i], float.
        pixel_mm: Height and width of a pixel.
    """
    from torch.nn import functional

    size = [max(1, round(n * mm / COARSE_MM)) for n, mm in zip(volume.shape[1:], pixel_mm)]
    return functional.interpolate(volume[:, None], size=size, mode="area")[:, 0]


def body_mask(coarse_t2: Tensor) -> Tensor:
    """Where the body is, holes (gas, cortical bone, flow voids) filled, as a boolean of the same shape."""
    import torch
    from scipy import ndimage

    values = coarse_t2.numpy()
    mask = values > BODY_FROM * float(np.percentile(values, 90))
    in_plane = np.ones((1, 3, 3), dtype=bool)
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    closed = ndimage.binary_closing(padded, in_plane, iterations=1)
    beside = ndimage.generate_binary_structure(3, 1)[1:2]
    filled = ndimage.binary_fill_holes(closed, beside)[:, 1:-1, 1:-1]
    opened = ndimage.binary_opening(np.pad(filled, ((0, 0), (2, 2), (2, 2)), mode="edge"), in_plane)
    result = opened[:, 2:-2, 2:-2]
    return torch.from_numpy(result if result.any() else np.ones_like(mask))


def normalized(volume: Tensor, coarse_volume: Tensor, inside: Tensor) -> Tensor:
    """Signal with the median at 0 and the middle 60 % one unit wide, limited to `LOWEST` ... `HIGHEST`.

    The middle of the distribution is used because its tails belong to bladder, coil and artefacts.

    Args:
        volume: The volume to normalize, [k, j, i].
        coarse_volume: Its coarse copy.
        inside: Boolean of the coarse copy's shape: the voxels that count.
    """
    values = coarse_volume.numpy()[inside.numpy()]
    if not values.size:
        return volume * 0.0
    low, middle, high = np.percentile(values, (20, 50, 80))
    return (volume - float(middle)).div_(max(float(high - low), 1e-6)).clamp_(LOWEST, HIGHEST)


def normalized_pair(
    t2: Tensor, dwi: Tensor, known: Tensor, pixel_mm: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """T2 and DWI normalized inside the body, and the coarse body mask.

    Args:
        t2: [k, j, i], float.
        dwi: The same.
        known: 1.0 where the DWI is known, else 0.0; the DWI is 0 (its median) where it is not.
        pixel_mm: Height and width of a pixel.
    """
    small_t2, small_known = coarse(t2, pixel_mm), coarse(known, pixel_mm)
    body = body_mask(small_t2)
    seen = body & (small_known > 0.99)
    return (
        normalized(t2, small_t2, body),
        normalized(dwi, coarse(dwi, pixel_mm), seen) * (known > 0.5),
        body,
    )


def fuse(
    t2: Tensor,
    dwi: Tensor,
    known: Tensor,
    preprocessing: Preprocessing,
    wanted: Optional[slice] = None,
    out: Optional[Tensor] = None,
) -> Tensor:
    """The network's input of every slice, or of some.

    Args:
        t2: Normalized T2 [k, j, i].
        dwi: Normalized DWI, the same.
        known: 1 where the DWI is known, else 0.
        preprocessing: Which fusion.
        wanted: Start and stop of the slices k to make; all by default.
        out: Where to put the result; by default it is made.

    Returns:
        [k, channels, j, i], float32. Beyond the first and last slice, that slice is repeated.
    """
    import torch

    start, stop, _ = (wanted or slice(None)).indices(len(t2))
    if out is None:
        shape = (stop - start, preprocessing.channels, *t2.shape[1:])
        out = torch.empty(shape, dtype=torch.float32, device=t2.device)
    if preprocessing.fusion == "weighted":
        # Where there is no DWI, T2 stands alone rather than darkened.
        weight = preprocessing.dwi_weight * (known[start:stop] > 0.5)
        out[:, 0] = (1.0 - weight) * t2[start:stop] + weight * dwi[start:stop]
        return out
    first, last = start - preprocessing.neighbors, stop + preprocessing.neighbors
    around: Union[slice, Tensor] = slice(first, last)
    if first < 0 or last > len(t2):
        around = torch.arange(first, last, device=t2.device).clamp(0, len(t2) - 1)
    place = 0
    for volume, width in ((t2, preprocessing.t2_channels), (dwi, preprocessing.dwi_channels)):
        if width:
            out[:, place : place + width] = volume[around].unfold(0, width, 1).permute(0, 3, 1, 2)
        place += width
    if preprocessing.dwi_channels:
        out[:, -1] = known[start:stop]
    return out


def fused_picture(t2: Image, dwi: Image, known: np.ndarray) -> np.ndarray:
    """T2 in gray with bright DWI signal laid over it from red to yellow; both freed of coil shading before.

    Args:
        t2: The T2.
        dwi: DWI on the T2's grid.
        known: Boolean [k, j, i], where the DWI is known.

    Returns:
        uint8 [k, j, i, 3], red, green, blue.
    """
    import torch

    pixel_mm = (t2.geometry.spacing_mm[1], t2.geometry.spacing_mm[0])
    signal, hot, seen = (
        torch.from_numpy(np.asarray(array, dtype=np.float32)) for array in (t2.array, dwi.array, known)
    )
    small = coarse(signal, pixel_mm)
    body = body_mask(small)
    signal = evened(signal, small, body)
    hot = evened(hot, coarse(hot, pixel_mm), body & (coarse(seen, pixel_mm) > 0.99))
    gray, hot, _ = normalized_pair(signal, hot, seen, pixel_mm)
    gray = ((gray + 1.2) / 3.5).clamp(0, 1)
    heat = ((hot - 1.4) / 3.0).clamp(0, 1)
    colors = torch.stack([torch.ones_like(heat), heat, torch.zeros_like(heat)], -1)
    opacity = (0.65 * heat.sqrt())[..., None]
    picture = gray[..., None] * (1 - opacity) + colors * opacity
    return (picture * 255).round().to(torch.uint8).numpy()


def evened(volume: Tensor, coarse_volume: Tensor, inside: Tensor) -> Tensor:
    """A volume without the slow rise of signal towards the coil.

    The rise is linear in the slice plane, fitted to the logarithm of the signal; what is far from it, such as
    bladder, fat or metal, counts as little more. A curved fit would take a bladder for the coil.

    Args:
        volume: [k, j, i].
        coarse_volume: Its coarse copy.
        inside: Boolean of the coarse copy's shape: the voxels that count.
    """
    import torch

    values = coarse_volume.numpy()
    usual = float(np.median(values[inside.numpy()])) if inside.any() else 0.0
    if usual <= 0.0:
        return volume
    at = inside.numpy() & (values > FAINTEST * usual)
    log = np.log(values[at] / usual)
    terms = np.stack([term[at] for term in _plane(values.shape)], axis=1)
    trend = np.zeros_like(log)
    for _ in range(EVENING_STEPS):
        wanted = trend + np.clip(log - trend, -FAR, FAR)
        weights, *_ = np.linalg.lstsq(terms, wanted, rcond=None)
        trend = terms @ weights
    rise = sum(float(w) * term for w, term in zip(weights, _plane(tuple(volume.shape))))
    return volume * torch.from_numpy(np.exp(-np.clip(rise, -STRONGEST, STRONGEST)).astype(np.float32))


def _plane(shape: tuple[int, ...]) -> list[np.ndarray]:
    """1, row and column, -1 to 1 across the slice plane, each of the shape [k, j, i]."""
    rows, columns = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in shape[1:])
    terms = (np.ones((1, 1), dtype=np.float32), rows[:, None], columns)
    return [np.broadcast_to(term, shape) for term in terms]
