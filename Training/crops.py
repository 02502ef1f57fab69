"""Crops for training: which slice of which case, and where; cut where the case lies, on disk or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from LymphNodeSegLib.network.fusion import Preprocessing, fuse
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from .cases import Case


class Crops(Dataset):
    """Crops of one epoch, batch by batch; the same seed, epoch and index give the same crop.

    A batch is (fused input [N, channels, crop, crop], nodes [N, 1, crop, crop]), both float32. Crops are cut
    right into it: `batch_of` is the loader's `collate_fn`.

    Args:
        cases: Where from.
        preprocessing: Which fusion.
        crop: Side in pixels.
        node_share: Share of crops that are laid over a node.
        count: Number of crops.
        seed: With `epoch`, decides everything.
        epoch: See `seed`.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        preprocessing: Preprocessing,
        crop: int,
        node_share: float,
        count: int,
        seed: int,
        epoch: int,
    ) -> None:
        self._cases, self._preprocessing = cases, preprocessing
        self._crop, self._node_share = crop, node_share
        self._count, self._seed, self._epoch = count, seed, epoch

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, nodes = self.__getitems__([index])
        return inputs[0], nodes[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        device, side = self._cases[0].t2.device, self._crop
        inputs = torch.empty(len(indices), self._preprocessing.channels, side, side, device=device)
        nodes = torch.empty(len(indices), 1, side, side, device=device)
        for n, index in enumerate(indices):
            self._cut(*self._draw(index), inputs[n : n + 1], nodes[n, 0])
        return inputs, nodes

    def _draw(self, index: int) -> tuple[Case, int, int, list[int]]:
        """Which case, variant and slice, and the first row and column."""
        chance = np.random.default_rng((self._seed, self._epoch, index))
        case = self._cases[chance.integers(len(self._cases))]
        on_node = chance.random() < self._node_share and len(case.node_pixels) > 0
        slice_k = int(chance.choice(list(case.node_pixels)) if on_node else chance.integers(len(case.t2)))
        centers = case.node_pixels[slice_k] if on_node else np.array([case.t2.shape[1:]]) / 2
        center = centers[chance.integers(len(centers))] if on_node else centers[0]
        # Anywhere that keeps the node in the crop; without a node, anywhere.
        reach = self._crop // 2 - 8 if on_node else max(case.t2.shape[1:]) // 2
        corner = [
            _corner(float(middle) + chance.uniform(-reach, reach), self._crop, length)
            for middle, length in zip(center, case.t2.shape[1:])
        ]
        return case, int(chance.integers(len(case.dwi))), slice_k, corner

    def _cut(
        self, case: Case, variant: int, slice_k: int, corner: list[int], inputs: Tensor, nodes: Tensor
    ) -> None:
        """Fill `inputs` [1, channels, crop, crop] and `nodes` [crop, crop]."""
        # fuse() works on volumes: hand it the slice and its neighbors.
        reach, count = self._preprocessing.neighbors, len(case.t2)
        first, last = max(0, slice_k - reach), min(slice_k + reach + 1, count)
        rows = slice(corner[0], corner[0] + self._crop)
        columns = slice(corner[1], corner[1] + self._crop)
        t2, dwi, known = (
            volume[first:last, rows, columns] for volume in (case.t2, case.dwi[variant], case.known[variant])
        )
        shown = case.nodes[slice_k, rows, columns]
        wanted = slice(slice_k - first, slice_k - first + 1)
        missing = (self._crop - shown.shape[1], self._crop - shown.shape[0])
        if any(missing):
            pad = (0, missing[0], 0, missing[1])
            fused = fuse(t2, dwi, known, self._preprocessing, wanted)
            inputs.copy_(functional.pad(fused, pad, mode="replicate"))
            nodes.copy_(functional.pad(shown, pad))
        else:
            fuse(t2, dwi, known, self._preprocessing, wanted, inputs)
            nodes.copy_(shown)


def batch_of(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A batch as `Crops` gives it; a loader would stack crops."""
    return batch


def _corner(center: float, crop: int, length: int) -> int:
    """First row or column of a crop about a center that stays inside the image where it can."""
    return min(max(round(center - crop / 2), 0), max(0, length - crop))
