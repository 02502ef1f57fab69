from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.outputs.contours import area, fill, is_inside, outlines


def turns_around(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How often a polygon runs around each point, by the angles that its edges span there."""
    start = polygon[None] - points[:, None]
    end = np.roll(start, -1, axis=1)
    cross = start[..., 0] * end[..., 1] - start[..., 1] * end[..., 0]
    return np.arctan2(cross, (start * end).sum(axis=-1)).sum(axis=1) / (2 * np.pi)


@pytest.mark.parametrize("seed", range(25))
def test_outlines_enclose_exactly_the_pixels_of_a_random_mask(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 14, 2)) < rng.uniform(0.2, 0.9)
    j, i = np.indices(mask.shape)
    centers = np.stack([i, j], axis=-1).reshape(-1, 2).astype(float)
    turns = sum((turns_around(polygon, centers) for polygon in outlines(mask)), np.zeros(len(centers)))
    np.testing.assert_allclose(turns, mask.ravel(), atol=1e-9)


@pytest.mark.parametrize("seed", range(25))
def test_outlines_have_the_area_of_the_pixels_and_no_degenerate_polygon(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    mask = rng.random((17, 11)) < rng.uniform(0.2, 0.9)
    polygons = outlines(mask)
    assert sum(area(polygon) for polygon in polygons) == pytest.approx(mask.sum())
    assert all(len(polygon) >= 4 and area(polygon) >= 1.0 for polygon in polygons)


def test_a_ring_is_one_keyhole_polygon() -> None:
    mask = np.ones((7, 9), dtype=bool)
    mask[2:5, 3:6] = False
    (polygon,) = outlines(mask)
    assert area(polygon) == mask.sum()


def test_an_island_in_a_hole_is_a_polygon_of_its_own() -> None:
    mask = np.ones((9, 9), dtype=bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    assert sorted(area(polygon) for polygon in outlines(mask)) == [1.0, 81.0 - 25.0]


def test_pieces_that_touch_at_a_corner_are_two_polygons() -> None:
    assert [area(polygon) for polygon in outlines(np.eye(2, dtype=bool))] == [1.0, 1.0]


def test_an_empty_mask_has_no_outline() -> None:
    assert outlines(np.zeros((4, 5), dtype=bool)) == []


def test_fill_takes_the_pixels_whose_centers_lie_inside_a_triangle() -> None:
    triangle = np.array([(0.5, 0.5), (6.5, 0.5), (0.5, 6.5)])
    j, i = np.indices((8, 8))
    inside = (i > 0.5) & (j > 0.5) & (i + j < 7.0)
    np.testing.assert_array_equal(fill(triangle - 1e-3, (8, 8)), inside)
    np.testing.assert_array_equal(
        is_inside(np.stack([i, j], -1).reshape(-1, 2), triangle - 1e-3), inside.ravel()
    )


def test_fill_cuts_off_what_reaches_beyond_the_grid() -> None:
    everything = np.array([(-9.0, -9.0), (30.0, -9.0), (30.0, 30.0), (-9.0, 30.0)])
    assert fill(everything, (4, 6)).all()
    beside = everything + 100.0
    assert not fill(beside, (4, 6)).any()
