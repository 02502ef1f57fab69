"""Spread under mirroring: none for a network without sides, all for one that knows only one side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.flips import flip_spread
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.model_file import Model
from torch import Tensor, nn


class NoSides(nn.Module):
    """The same answer however a slice is turned: a probability of its own for each pixel."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, :1] * 0.3


class OneSide(nn.Module):
    """Sure of everything in the first columns that it sees, of nothing in the last."""

    def forward(self, inputs: Tensor) -> Tensor:
        columns = torch.arange(inputs.shape[3]) < inputs.shape[3] / 2
        return torch.where(columns, 50.0, -50.0).expand(len(inputs), 1, *inputs.shape[2:]).to(inputs.dtype)


def study(geometry: Geometry) -> tuple[Image, Image, np.ndarray]:
    """T2, DWI and three nodes: in the middle, at the rim of the image, and larger than what is looked at."""
    size = geometry.size_ijk[::-1]
    rng = np.random.default_rng(0)
    labels = np.zeros(size, np.uint16)
    labels[1:4, 60:70, 50:64] = 1
    labels[2, 60:72, 50:66] = 1
    labels[0, :6, :5] = 2
    labels[4, 20:30, 4:110] = 3
    images = (Image(rng.uniform(50, 150, size).astype(np.float32), geometry) for _ in range(2))
    return (*images, labels)


GEOMETRY = Geometry((120, 110, 6), (3.0, -4.0, 5.0), (0.9, 0.7, 4.0))


def spread_of(network: nn.Module, stride: int = 16) -> tuple[np.ndarray, np.ndarray]:
    t2, dwi, labels = study(GEOMETRY)
    model = Model(network, Preprocessing(), stride)
    known = np.ones(labels.shape, bool)
    return flip_spread(t2, dwi, known, labels, model).array, labels


@pytest.mark.parametrize("stride", [1, 16, 32])
def test_known_inside_each_node_on_its_largest_slice_and_nowhere_else(stride: int) -> None:
    spread, labels = spread_of(NoSides(), stride)
    expected = np.zeros(labels.shape, bool)
    for label, k in ((1, 2), (2, 0), (3, 4)):
        expected[k] |= labels[k] == label
    np.testing.assert_array_equal(np.isfinite(spread), expected)
    assert np.nanmax(spread) < 1e-3


def test_a_network_that_knows_one_side_is_not_steady() -> None:
    spread, labels = spread_of(OneSide())
    inside = spread[2][labels[2] == 1]
    assert inside == pytest.approx(0.5, abs=1e-3)  # two views say yes, two say no


def test_no_node_no_spread() -> None:
    t2, dwi, labels = study(GEOMETRY)
    model = Model(OneSide(), Preprocessing(), 16)
    spread = flip_spread(t2, dwi, np.ones(labels.shape, bool), np.zeros_like(labels), model)
    assert np.isnan(spread.array).all()
