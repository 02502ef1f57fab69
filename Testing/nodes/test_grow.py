"""A node grown from one point: on images with a known node, and on a phantom."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.grow import REACH_MM, grow_node
from LymphNodeSegLib.nodes.node import NodeMask

from Testing.balls import ball, ras

COSINE, SINE = np.cos(0.4), np.sin(0.4)
GRIDS = {
    "cubic": Geometry((60, 60, 60), (-31.0, -20.0, 8.0)),
    "axial": Geometry((120, 100, 16), (-31.0, -20.0, 8.0), (0.5, 0.6, 3.0)),
    "left-handed oblique": Geometry(
        (120, 100, 16),
        (-31.0, -20.0, 8.0),
        (0.5, 0.6, 3.0),
        (1.0, 0.0, 0.0, 0.0, COSINE, SINE, 0.0, SINE, -COSINE),
    ),
}


def images(grid: Geometry, inside: np.ndarray, noise: float = 1.0) -> tuple[Image, Image]:
    rng = np.random.default_rng(6)
    t2 = np.where(inside, 300.0, 600.0) + rng.normal(0, 30 * noise, inside.shape)
    dwi = np.where(inside, 500.0, 120.0) + rng.normal(0, 25 * noise, inside.shape)
    return Image(t2.astype(np.float32), grid), Image(dwi.astype(np.float32), grid)


def whole(mask: NodeMask) -> np.ndarray:
    array = np.zeros(mask.geometry.size_ijk[::-1], bool)
    i, j, k = mask.start_ijk
    depth, rows, columns = mask.array.shape
    array[k : k + depth, j : j + rows, i : i + columns] = mask.array
    return array


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
@pytest.mark.parametrize("radius_mm", [4.0, 6.0, 9.0])
@pytest.mark.parametrize("off_mm", [(0.0, 0.0), (1.5, -1.0)], ids=["middle", "beside it"])
def test_the_images_alone_show_the_node(grid, radius_mm, off_mm):
    center = tuple(n // 2 for n in grid.size_ijk)
    inside = ball(grid, center, radius_mm)
    t2, dwi = images(grid, inside)
    column, row, slice_ = center
    click = (column + off_mm[0] / grid.spacing_mm[0], row + off_mm[1] / grid.spacing_mm[1], slice_)
    nothing = Image(np.zeros(inside.shape, np.float32), grid)
    grown = grow_node(ras(grid, click), t2, dwi=dwi, probability=nothing)
    assert dice(whole(grown), inside) > 0.85
    alone = grow_node(ras(grid, click), t2)
    assert dice(whole(alone), inside) > 0.85


def test_a_faint_hill_of_the_probability_is_taken_as_it_is():
    grid = GRIDS["axial"]
    center = (60, 50, 8)
    inside = ball(grid, center, 5.0)
    flat = Image(np.full(inside.shape, 100.0, np.float32), grid)
    faint = Image(np.where(inside, 0.3, 0.02).astype(np.float32), grid)
    grown = grow_node(ras(grid, (62, 49, 8)), flat, probability=faint)
    np.testing.assert_array_equal(whole(grown), inside)


def test_other_nodes_are_left_alone():
    grid = GRIDS["axial"]
    inside, neighbor = ball(grid, (54, 50, 8), 5.0), ball(grid, (70, 50, 8), 5.0)
    t2, dwi = images(grid, inside | neighbor)
    grown = whole(grow_node(ras(grid, (53, 50, 8)), t2, dwi=dwi, taken=neighbor))
    assert not (grown & neighbor).any()
    assert dice(grown, inside & ~neighbor) > 0.85
    assert grow_node(ras(grid, (72, 50, 8)), t2, dwi=dwi, taken=neighbor) is None


def test_a_vessel_that_leaves_the_node_is_cut_off():
    grid = GRIDS["axial"]
    node = ball(grid, (60, 50, 8), 6.0)
    vessel = np.zeros_like(node)
    vessel[8, 49:52, 20:110] = True  # 1.8 mm wide, 45 mm long
    t2, dwi = images(grid, node | vessel, noise=0.5)
    grown = whole(grow_node(ras(grid, (60, 50, 8)), t2, dwi=dwi))
    assert dice(grown, node) > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_no_node_none_is_made_up(seed):
    grid = GRIDS["axial"]
    noise = np.random.default_rng(seed).normal(400, 30, grid.size_ijk[::-1]).astype(np.float32)
    assert grow_node(ras(grid, (60, 50, 8)), Image(noise, grid)) is None


def test_outside_the_image_there_is_nothing():
    grid = GRIDS["axial"]
    t2, _ = images(grid, ball(grid, (60, 50, 8), 6.0))
    assert grow_node((1000.0, 0.0, 0.0), t2) is None


def test_at_the_edge_of_the_image_and_of_the_dwi():
    grid = GRIDS["axial"]
    inside = ball(grid, (3, 50, 0), 6.0)
    t2, dwi = images(grid, inside)
    known = np.zeros(inside.shape, bool)
    grown = grow_node(ras(grid, (3, 50, 0)), t2, dwi=dwi.with_array(0 * dwi.array), known=known)
    assert dice(whole(grown), inside) > 0.85


def test_nothing_farther_than_its_reach():
    grid = GRIDS["cubic"]
    t2, dwi = images(grid, ball(grid, (30, 30, 30), 40.0))
    grown = grow_node(ras(grid, (30, 30, 30)), t2, dwi=dwi)
    assert grown is None or max(grown.array.shape) <= 2 * REACH_MM + 1


def test_most_nodes_of_a_phantom_are_met_without_the_network():
    """A held-out seed; the DWI lies where the scanner put it, distortion and all. Phantom figures."""
    import SimpleITK as sitk
    from LymphNodeSegLib.nodes.blocks import blocks_of
    from LymphNodeSegLib.phantom import make_phantom
    from LymphNodeSegLib.phantom.files import segmentation

    phantom = make_phantom(970001)
    truth = sitk.GetArrayFromImage(segmentation(phantom))
    grid = phantom.t2.geometry
    scores = []
    for block in blocks_of(truth):
        voxels = np.argwhere(block.mask) + block.start_ijk[::-1]
        center = voxels[np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))]
        if len(voxels) * grid.voxel_volume_mm3 < 65.0:  # a ball of 5 mm
            continue
        grown = grow_node(ras(grid, center[::-1]), phantom.t2)
        scores.append(0.0 if grown is None else dice(whole(grown), truth == block.label))
    assert len(scores) >= 5
    assert np.median(scores) > 0.6
