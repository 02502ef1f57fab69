"""What the second look learns from: the places that ERU-Net suspects in prepared cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from LymphNodeSegLib.network.inference import Prepared
from LymphNodeSegLib.network.model_file import Model
from LymphNodeSegLib.network.runner import forward
from LymphNodeSegLib.network.suspects import (
    SIDE_PIXELS,
    SLICES,
    channels_of,
    cut,
    looked_again,
    places_in,
)
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from .cases import Case

MARGIN_PIXELS = 36
"""Cut beyond what is shown, so that turning it brings in no repeated edge."""
STRAY_PIXELS, STRAY_SLICES = 8.0, 1.0
"""How far from its middle a place is shown in training."""
WRONG_SHARE, WRONG_POWER = 0.4, 0.75
"""So many of the places are drawn the oftener, the more of them is wrong so far; the others evenly.

An ovary or a loop of bowel that is taken for a node is one place of some twenty-five, and costs as much as
ten small nodes.
"""


class SuspectCase:
    """One variant of a prepared case, ERU-Net's probability of it, and the places that it suspects.

    Args:
        case: The prepared case.
        variant: Which of its DWIs.
        first: File of ERU-Net's probability [k, j, i], as `first_look` left it.

    Attributes:
        nodes: [k, j, i].
        file: See `first`.
        places: See `suspects.places_in`.
        odds: How likely each of them is where wrong ones are drawn the oftener; their sum is 1. At first
            wrong is what ERU-Net has wrong, see `prefer`.
    """

    def __init__(self, case: Case, variant: int, first: Path) -> None:
        adc = torch.from_numpy(np.load(case.folder / "adc.npy", mmap_mode="c"))
        probability = torch.from_numpy(np.load(first, mmap_mode="c"))
        self.patient, self.nodes, self.file = case.patient, case.nodes, first
        self.volumes = (case.t2, case.dwi[variant], case.known[variant], adc[variant], probability)
        self.places = places_in(probability.float().numpy())
        self.prefer(self.wrong(probability))

    def wrong(self, probability: Tensor) -> np.ndarray:
        """How many voxels of each place a probability [k, j, i] has wrong, weighted by how sure it is."""
        wrong = np.zeros(len(self.places))
        for number, place in enumerate(self.places):
            found, nodes = (one[place.region].float().numpy() for one in (probability, self.nodes))
            wrong[number] = np.abs(found - nodes)[place.mask].sum()
        return wrong

    def prefer(self, wrong: np.ndarray) -> None:
        """Let places be drawn the oftener, the more of them is wrong; see `WRONG_SHARE`."""
        odds = 1.0 + wrong**WRONG_POWER
        self.odds = odds / odds.sum()

    def answer(self, second: nn.Module, device: str, adc: bool = True) -> Tensor:
        """Probability of the whole case after a second look, [k, j, i]; without the ADC if not `adc`."""
        with torch.inference_mode():
            t2, dwi, known, diffusion, first = (one.float() for one in self.volumes)
            diffusion = diffusion if adc else torch.zeros_like(diffusion)
            return looked_again((t2, dwi, known, diffusion), first, second, device)

    def shown(self, start: Sequence[int], size: Sequence[int]) -> Tensor:
        """What the second look sees, the nodes, and where it may draw: [slices, channels, rows, columns]."""
        seen = channels_of(*(cut(one, start, size).float() for one in self.volumes))
        last = [cut(self.nodes, start, size).float(), self.drawn(start, size).float()]
        return torch.cat([seen, torch.stack(last, 1)], 1)

    def drawn(self, start: Sequence[int], size: Sequence[int]) -> Tensor:
        """Where in a window the second look may draw, boolean [slices, rows, columns]."""
        drawn = torch.zeros(tuple(size), dtype=torch.bool)
        for place in self.places:
            inner, outer = [], []
            for here, first, length in zip(place.region, start, size):
                low, high = max(here.start, first), min(here.stop, first + length)
                inner.append(slice(low - here.start, max(low, high) - here.start))
                outer.append(slice(low - first, max(low, high) - first))
            drawn[tuple(outer)] |= torch.from_numpy(place.mask[tuple(inner)])
        return drawn


def first_look(case: Case, model: Model, device: str) -> list[SuspectCase]:
    """The suspects in each variant of a case; ERU-Net's probability is kept in the case's folder.

    Args:
        case: The prepared case.
        model: Whose first look it is; the cases were prepared as it wants them.
        device: As `pick_device` gives it.
    """
    result = []
    for variant in range(len(case.dwi)):
        file = case.folder / f"first-{model.sha256[:12]}-{variant}.npy"
        if not file.exists():
            part = file.with_suffix(".part.npy")
            np.save(part, _probability(case, variant, model, device).half().numpy())
            part.rename(file)
        result.append(SuspectCase(case, variant, file))
    return result


def prefer_what_is_wrong(case: SuspectCase, second: nn.Module, sha256: str, device: str) -> None:
    """Let places be drawn by what a trained second look still has wrong, with the ADC and without.

    What ERU-Net has wrong it has mostly learned to mend: a training that goes on from it learns from what is
    left. How wrong each place is is kept in the case's folder.

    Args:
        case: Its odds are changed.
        second: The trained second look.
        sha256: Of its model file.
        device: As `pick_device` gives it.
    """
    file = case.file.with_name(f"wrong-{sha256[:12]}-{case.file.name}")
    if not file.exists():
        answers = [case.answer(second, device, adc) for adc in (True, False)]
        part = file.with_suffix(".part.npy")
        np.save(part, np.mean([case.wrong(one) for one in answers], 0))
        part.rename(file)
    case.prefer(np.load(file))


def _probability(case: Case, variant: int, model: Model, device: str) -> Tensor:
    """ERU-Net's probability [k, j, i]."""
    t2, dwi, known = (one.float() for one in (case.t2, case.dwi[variant], case.known[variant]))
    height, width = t2.shape[1:]
    pad = (0, -width % model.stride, 0, -height % model.stride)
    padded = [functional.pad(one[:, None], pad, mode="replicate")[:, 0] for one in (t2, dwi, known)]
    whole = (0, height, 0, width)
    prepared = Prepared(*padded, torch.zeros(0), model.preprocessing, whole, (height, width))
    with torch.inference_mode():
        logits = forward(prepared, model.network, device)[:, 0, :height, :width]
        return logits.div(model.temperature).add_(model.offset).sigmoid_()


class PlaceCrops(Dataset):
    """Places of one epoch, batch by batch; the same seed, epoch and index give the same place.

    A batch is [N, slices, channels, rows, columns] as `SuspectCase.shown` gives it, larger by `MARGIN_PIXELS`
    than what the network will see.

    Args:
        cases: Where from.
        count: Number of places.
        seed: With `epoch`, decides everything.
        epoch: See `seed`.
    """

    def __init__(self, cases: Sequence[SuspectCase], count: int, seed: int, epoch: int) -> None:
        self._cases, self._count, self._seed, self._epoch = cases, count, seed, epoch

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Tensor:
        chance = np.random.default_rng((self._seed, self._epoch, index))
        case = self._cases[chance.integers(len(self._cases))]
        odds = case.odds if chance.random() < WRONG_SHARE else None
        region = case.places[chance.choice(len(case.places), p=odds)].region
        size = (SLICES, SIDE_PIXELS + MARGIN_PIXELS, SIDE_PIXELS + MARGIN_PIXELS)
        stray = (STRAY_SLICES, STRAY_PIXELS, STRAY_PIXELS)
        # A large suspect is shown from all over it, not from its middle alone.
        start = [
            round(
                (one.start + one.stop) / 2
                + chance.uniform(-0.25, 0.25) * (one.stop - one.start - 1)
                + chance.uniform(-1, 1) * reach
                - length / 2
            )
            for one, reach, length in zip(region, stray, size)
        ]
        return case.shown(start, size)
