"""What an ideal of one part would bring."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.phantom import make_phantom

from Training.limits import _at_level, _at_t2_edges

GRID = Geometry((90, 80, 3), spacing_mm=(0.5, 0.7, 3.0))


def disk(x_mm: float, y_mm: float, radius_mm: float) -> np.ndarray:
    k, j, i = np.meshgrid(*(np.arange(n) for n in GRID.size_ijk[::-1]), indexing="ij")
    return (np.hypot(i * 0.5 - x_mm, j * 0.7 - y_mm) < radius_mm) & (k == 1)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("signal", [40.0, 160.0])
def test_a_clear_edge_gives_the_truth_back(signal: float) -> None:
    one, other = disk(18.0, 25.0, 4.0), disk(27.0, 25.0, 4.5)  # they nearly touch
    t2 = np.where(one | other, signal, 100.0) + np.random.default_rng(0).normal(0, 5, one.shape)
    found = _at_t2_edges(Image(t2, GRID), one * 1 + other * 2)
    assert overlap(found, one | other) > 0.97


def test_the_outline_is_where_the_image_has_it() -> None:
    truth, seen = disk(20.0, 25.0, 5.0), disk(21.0, 25.0, 5.0)
    found = _at_t2_edges(Image(np.where(seen, 40.0, 100.0), GRID), truth * 1)
    assert overlap(found, seen) > 0.97 > 0.85 > overlap(found, truth)


def test_without_contrast_there_is_no_edge() -> None:
    truth = disk(20.0, 25.0, 4.0)
    noise = np.random.default_rng(0).normal(100, 5, truth.shape)
    assert overlap(_at_t2_edges(Image(noise, GRID), truth * 1), truth) < 0.8


def test_an_error_in_the_level_moves_outlines_the_farther_the_larger_it_is() -> None:
    phantom = make_phantom(5)
    truth = phantom.labels > 0
    assert np.array_equal(_at_level(phantom, 0.0), truth)
    small, large = (overlap(_at_level(phantom, error), truth) for error in (0.1, 0.3))
    assert 0.98 > small > large + 0.05
