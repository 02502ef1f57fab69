"""Odd masks: a number or a stated reason, in bounded time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes

from Testing.ellipsoids import grid, label_map, turn


def test_one_voxel() -> None:
    geometry = Geometry((20, 20, 10), (0, 0, 0), (0.8, 0.6, 4.0), tuple(turn(0, 30).ravel().tolist()))
    array = np.zeros((10, 20, 20), np.uint16)
    array[5, 10, 10] = 1
    (node,) = measure_nodes(Image(array, geometry))
    assert node.volume_mm3 == 0.8 * 0.6 * 4.0 * 1
    assert (node.long_axis_mm, node.short_axis_mm) == pytest.approx((0.8, 0.6), abs=1e-6)
    assert node.axial_short_axis_mm is not None
    assert any("single voxel" in note for note in node.notes)


def test_one_slice() -> None:
    geometry = Geometry((40, 40, 10), (0, 0, 0), (0.5, 0.5, 4.0))
    (node,) = measure_nodes(label_map(geometry, ((10, 10, 20), (4, 2.5, 1))))
    assert (node.long_axis_mm, node.short_axis_mm) == pytest.approx((8, 5), abs=0.3)
    assert any("one slice" in note for note in node.notes)


def test_one_pixel_wide_line() -> None:
    array = np.zeros((10, 40, 40), np.uint16)
    array[5, 10, 10:30] = 1
    (node,) = measure_nodes(Image(array, Geometry((40, 40, 10), (0, 0, 0), (0.5, 0.5, 4.0))))
    assert node.long_axis_mm == pytest.approx(10, abs=0.5)
    assert node.short_axis_mm == pytest.approx(0.5, abs=0.25)


def test_a_hole_does_not_shorten_the_axes() -> None:
    geometry = Geometry((60, 60, 9), (0, 0, 0), (0.5, 0.5, 3.0))
    labels = label_map(geometry, ((15, 15, 12), (7, 5, 9)))
    (whole,) = measure_nodes(labels)
    holed = labels.array.copy()
    holed[3:6, 27:33, 27:33] = 0
    (node,) = measure_nodes(labels.with_array(holed))
    assert (node.long_axis_mm, node.short_axis_mm) == (whole.long_axis_mm, whole.short_axis_mm)
    assert node.volume_mm3 < whole.volume_mm3


def test_two_pieces_in_a_slice_are_not_measured_across() -> None:
    array = np.zeros((5, 40, 80), np.uint16)
    array[1, 10:20, 10:70] = 1  # a bridge
    array[2, 10:20, 10:20] = array[2, 10:20, 60:70] = 1  # two feet
    geometry = Geometry((80, 40, 5), (0, 0, 0), (0.5, 0.5, 4.0))
    array[1, 14:16, 10:70] = 1
    (node,) = measure_nodes(Image(array, geometry))
    assert node.long_axis is not None
    assert node.long_axis.start_ras_mm[2] == pytest.approx(4.0)


def test_the_whole_image() -> None:
    geometry = Geometry((160, 160, 20), (0, 0, 0), (0.8, 0.8, 4.0), tuple(turn(0, 15).ravel().tolist()))
    start = time.process_time()
    (node,) = measure_nodes(Image(np.ones((20, 160, 160), np.uint16), geometry))
    assert time.process_time() - start < 20
    assert node.volume_mm3 == 20 * 160 * 160 * geometry.voxel_volume_mm3
    assert node.long_axis_mm == pytest.approx(0.8 * 160 * np.sqrt(2), abs=2)
    assert any("field of view" in note for note in node.notes)


def test_three_thousand_components() -> None:
    array = np.zeros((30, 200, 200), np.uint16)
    centers = [(k, j, i) for k in range(2, 30, 4) for j in range(4, 196, 9) for i in range(4, 196, 9)]
    for number, (k, j, i) in enumerate(centers[:3000], start=1):
        array[k - 1 : k + 2, j - 2 : j + 3, i - 1 : i + 3] = number
    start = time.process_time()
    nodes = measure_nodes(Image(array, Geometry((200, 200, 30), (0, 0, 0), (0.8, 0.8, 3.0))))
    assert time.process_time() - start < 20
    assert len(nodes) == 3000
    assert all(node.short_axis_mm is not None for node in nodes)


def test_no_node() -> None:
    assert measure_nodes(Image(np.zeros((4, 5, 6), np.uint16), Geometry((6, 5, 4)))) == ()


def test_edge_of_the_image_is_noted() -> None:
    labels = label_map(grid(np.eye(3)), ((0.0, 15.0, 16.0), (5, 5, 8)), ((20.0, 20.0, 20.0), (4, 4, 6)))
    cut, whole = measure_nodes(labels)
    assert cut.notes == ("Cut by the field of view: it may be larger than measured.",)
    assert whole.notes == ()


def test_ragged_mask_is_not_measured_beyond_its_pixels() -> None:
    """The smooth outline of a ragged mask stays within a pixel of it."""
    from LymphNodeSegLib.nodes.outline import outer_loops, smooth_outlines
    from LymphNodeSegLib.nodes.packed import packed
    from scipy import ndimage

    rng = np.random.default_rng(3)
    for _ in range(20):
        field = ndimage.gaussian_filter(rng.normal(size=(1, 30, 30)), (0, 1.5, 1.5))
        mask = field > np.percentile(field, 55)
        loops = outer_loops(packed([mask]))
        for outline in smooth_outlines(loops):
            apart = np.sqrt(((outline[:, None] - loops.points[None]) ** 2).sum(axis=2)).min(axis=1)
            assert apart.max() <= 1.05
