"""A node divided because the reader says that it is two."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.nodes.divide import SMALLEST_HALF, halves


def boxed(mask: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut to the bounding box of the first."""
    index = np.nonzero(mask)
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in index)
    return tuple(array[box] for array in (mask, *others))


SPACING_KJI_MM = [(3.0, 0.5, 0.5), (1.0, 1.0, 1.0), (3.5, 0.9, 0.6)]


def grid(spacing: tuple[float, ...], extent_mm: float = 40.0) -> tuple[np.ndarray, ...]:
    axes = [(np.arange(int(extent_mm / s)) - int(extent_mm / s) / 2 + 0.3) * s for s in spacing]
    return tuple(np.meshgrid(*axes, indexing="ij"))


def ball(spacing: tuple[float, ...], center_zyx: tuple[float, ...], radius: float) -> np.ndarray:
    return sum((x - c) ** 2 for x, c in zip(grid(spacing), center_zyx)) <= radius**2


@pytest.mark.parametrize("spacing", SPACING_KJI_MM, ids=str)
@pytest.mark.parametrize("radii", [(7.0, 7.0), (8.0, 5.0)], ids=str)
@pytest.mark.parametrize("along", [1, 2])
def test_two_balls_that_run_into_each_other_come_apart_at_their_neck(spacing, radii, along):
    distance = 0.75 * sum(radii)
    centers = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    centers[0][along], centers[1][along] = -distance / 2, distance / 2
    first, second = (ball(spacing, center, radius) for center, radius in zip(centers, radii))
    both, first, second = boxed(first | second, first, second)
    parts = halves(both, spacing)
    assert set(np.unique(parts)) == {0, 1, 2}
    assert np.array_equal(parts > 0, first | second)
    alone = (first & ~second, second & ~first)
    share = [max(np.mean(parts[one] == 1), np.mean(parts[one] == 2)) for one in alone]
    assert min(share) > 0.93
    assert {int(np.median(parts[one])) for one in alone} == {1, 2}


@pytest.mark.parametrize("spacing", SPACING_KJI_MM, ids=str)
def test_a_node_without_a_neck_is_cut_across_its_middle(spacing):
    z, y, x = grid(spacing)
    ellipsoid = (x / 12) ** 2 + (y / 5) ** 2 + (z / 6) ** 2 <= 1
    ellipsoid, x = boxed(ellipsoid, x)
    parts = halves(ellipsoid, spacing)
    assert set(np.unique(parts)) == {0, 1, 2}
    assert np.mean(parts[ellipsoid] == 1) == pytest.approx(0.5, abs=0.1)
    assert abs(x[parts == 1].mean() - x[parts == 2].mean()) > 6.0


def test_pieces_that_do_not_touch_are_told_apart():
    spacing = (3.0, 0.5, 0.5)
    first, second = ball(spacing, (0, 0, -9), 5.0), ball(spacing, (0, 0, 9), 6.0)
    both, first, second = boxed(first | second, first, second)
    parts = halves(both, spacing)
    np.testing.assert_array_equal(parts == 1, second)
    np.testing.assert_array_equal(parts == 2, first)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 2, 2), (1, 1, 5)])
def test_the_smallest_masks(shape):
    parts = halves(np.ones(shape, bool), (3.0, 0.5, 0.5))
    assert set(np.unique(parts)) == {1, 2}


def test_a_single_voxel_is_no_two_nodes():
    with pytest.raises(ValueError, match="single voxel"):
        halves(np.ones((1, 1, 1), bool), (3.0, 0.5, 0.5))


def test_rough_outlines_give_no_crumbs():
    spacing = (3.0, 0.5, 0.5)
    z, y, x = grid(spacing)
    noise = np.random.default_rng(4).normal(0, 0.12, x.shape)
    rough = (x / 9) ** 2 + (y / 6) ** 2 + (z / 7) ** 2 + noise <= 1
    (rough,) = boxed(rough)
    parts = halves(rough, spacing)
    assert np.mean(parts[rough] == 2) >= SMALLEST_HALF
