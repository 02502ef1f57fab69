"""Crops for training: which slice of which case, and where; cut where the case lies, on disk or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from LymphNodeSegLib.network.fusion import Preprocessing, fuse
from torch import Tensor
from torch.utils.data import Dataset

from .cases import Case


class Crops(Dataset):
    """Crops of one epoch; the same seed, epoch and index give the same crop.

    Each item is (fused input [channels, crop, crop], nodes [1, crop, crop]), both float32.

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
        return self._cut(case, int(chance.integers(len(case.dwi))), slice_k, corner)

    def _cut(self, case: Case, variant: int, slice_k: int, corner: list[int]) -> tuple[Tensor, Tensor]:
        # fuse() works on volumes: hand it the slice and its neighbors.
        reach, count = self._preprocessing.neighbors, len(case.t2)
        first, last = max(0, slice_k - reach), min(slice_k + reach + 1, count)
        rows = slice(corner[0], corner[0] + self._crop)
        columns = slice(corner[1], corner[1] + self._crop)
        t2, dwi, known = (
            volume[first:last, rows, columns].float()
            for volume in (case.t2, case.dwi[variant], case.known[variant])
        )
        nodes = case.nodes[slice_k, rows, columns].float()
        wanted = slice(slice_k - first, slice_k - first + 1)
        inputs = fuse(t2, dwi, known, self._preprocessing, wanted)[0]
        missing = (self._crop - inputs.shape[2], self._crop - inputs.shape[1])
        if any(missing):
            pad = (0, missing[0], 0, missing[1])
            inputs = torch.nn.functional.pad(inputs[None], pad, mode="replicate")[0]
            nodes = torch.nn.functional.pad(nodes, pad)
        return inputs, nodes[None]


def _corner(center: float, crop: int, length: int) -> int:
    """First row or column of a crop about a center that stays inside the image where it can."""
    return int(np.clip(round(center - crop / 2), 0, max(0, length - crop)))
