"""Nodes from a probability: touching ones apart, long ones whole, small ones gone, ids in reading order."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.separate import MINIMUM_VOLUME_MM3, find_nodes

GRIDS = {
    "fine": (0.5, 0.5, 3.0),
    "coarse": (0.8, 0.8, 4.0),
    "non-square": (0.6, 0.9, 3.5),
    "cubic": (1.0, 1.0, 1.0),
}


def probability(spacing: tuple[float, float, float], inside: object, extent_mm: float = 44.0) -> Image:
    """0.9 where `inside(x, y, z)` (mm from the middle, each below 1), falling off over about a voxel."""
    size = tuple(int(extent_mm / s) for s in spacing)
    axes = [(np.arange(n) - (n - 1) / 2 + 0.3) * s for n, s in zip(size, spacing)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    level = inside(x, y, z)  # type: ignore[operator]
    array = 0.95 / (1 + np.exp(np.clip((level - 1) * 12, -50, 50))) * 1.0
    array[level > 1] = np.minimum(array[level > 1], 0.49)
    array[level <= 1] = np.maximum(array[level <= 1], 0.51)
    return Image(array.astype(np.float32), Geometry(size, spacing_mm=spacing))


def ball(center: tuple[float, float, float], radius: float) -> object:
    def level(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        squared = (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2
        return np.asarray(np.sqrt(squared) / radius)

    return level


def both(*shapes: object) -> object:
    return lambda x, y, z: np.minimum.reduce([shape(x, y, z) for shape in shapes])  # type: ignore[operator]


def tube(points: np.ndarray, radius: float) -> object:
    """Everything within a radius of a curve given by many points."""

    def level(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        from scipy.spatial import cKDTree

        grid = np.stack([x, y, z], axis=-1)
        return np.asarray(cKDTree(points).query(grid.reshape(-1, 3))[0].reshape(x.shape) / radius)

    return level


def line(direction: tuple[float, float, float], length: float) -> np.ndarray:
    unit = np.array(direction) / np.linalg.norm(direction)
    return np.linspace(-length / 2, length / 2, 200)[:, None] * unit


DIRECTIONS = [(1, 0, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (1, 1, 1), (0, 2, 1), (3, 1, 0.5)]


@pytest.mark.parametrize("spacing", GRIDS.values(), ids=GRIDS.keys())
@pytest.mark.parametrize("direction", DIRECTIONS, ids=str)
def test_long_nodes_stay_whole(
    spacing: tuple[float, float, float], direction: tuple[float, float, float]
) -> None:
    labels = find_nodes(probability(spacing, tube(line(direction, 26.0), 4.0)))
    assert labels.max() == 1


@pytest.mark.parametrize("spacing", GRIDS.values(), ids=GRIDS.keys())
@pytest.mark.parametrize("plane", [(0, 1), (1, 2), (0, 2)])
def test_beans_stay_whole(spacing: tuple[float, float, float], plane: tuple[int, int]) -> None:
    angles = np.linspace(-1.2, 1.2, 200)
    curve = np.zeros((200, 3))
    curve[:, plane[0]], curve[:, plane[1]] = 9 * np.sin(angles), 9 * np.cos(angles) - 6
    assert find_nodes(probability(spacing, tube(curve, 3.5))).max() == 1


@pytest.mark.parametrize(
    ("grid", "direction"),
    # Through slices of 4 mm the neck between nodes that lie obliquely cannot be seen.
    [
        (g, d)
        for g in GRIDS
        for d in [(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0.3, 0.3)]
        if (g, d[2]) != ("coarse", 0.3)
    ],
)
@pytest.mark.parametrize("radii", [(5.0, 5.0), (6.0, 4.0), (3.5, 3.5)])
def test_touching_nodes_come_apart(
    grid: str,
    direction: tuple[float, float, float],
    radii: tuple[float, float],
) -> None:
    """Two balls that overlap by a tenth of the smaller one's diameter."""
    unit = np.array(direction) / np.linalg.norm(direction)
    apart = sum(radii) - 0.2 * min(radii)
    first, second = -unit * apart / 2, unit * apart / 2
    image = probability(GRIDS[grid], both(ball(tuple(first), radii[0]), ball(tuple(second), radii[1])))
    labels = find_nodes(image)
    assert labels.max() == 2
    for label, volume in zip(sorted((1, 2), key=lambda n: -np.sum(labels == n)), sorted(radii)[::-1]):
        found = np.sum(labels == label) * image.geometry.voxel_volume_mm3
        assert found == pytest.approx(4 / 3 * np.pi * volume**3, rel=0.25)


def test_every_voxel_of_a_component_belongs_to_a_node() -> None:
    image = probability(GRIDS["fine"], both(ball((-5, 0, 0), 5), ball((4, 0, 1), 5)))
    assert np.array_equal(find_nodes(image) > 0, image.array >= 0.5)


def test_a_valley_in_probability_alone_does_not_divide_a_ball() -> None:
    image = probability(GRIDS["fine"], ball((0, 0, 0), 6))
    array = image.array.copy()
    array[:, :, array.shape[2] // 2] *= 0.7
    array = np.where(image.array >= 0.5, np.maximum(array, 0.51), array)
    assert find_nodes(image.with_array(array)).max() == 1


def hollow(hole_mm: float, middle: float = 0.1) -> Image:
    """A ball of 16 mm that is not called a node in its middle."""
    image = probability((0.7, 0.7, 3.0), ball((0, 0, 0), 8.0))
    core = probability((0.7, 0.7, 3.0), ball((0, 0, 0), hole_mm)).array > 0.5
    return image.with_array(np.where(core, np.float32(middle), image.array))


def test_a_fatty_hilum_and_a_necrosis_belong_to_the_node() -> None:
    whole = find_nodes(probability((0.7, 0.7, 3.0), ball((0, 0, 0), 8.0)))
    np.testing.assert_array_equal(find_nodes(hollow(5.0)), whole)


def test_a_core_of_its_own_is_part_of_the_node_around_it() -> None:
    image = hollow(6.0)
    core = probability((0.7, 0.7, 3.0), ball((0, 0, 0), 3.0)).array > 0.5
    labels = find_nodes(image.with_array(np.where(core, np.float32(0.95), image.array)))
    assert labels.max() == 1
    assert labels[core].all()


def test_what_is_open_to_one_side_is_not_filled() -> None:
    image = hollow(5.0)
    open_side = image.array.copy()
    open_side[:, :, image.array.shape[2] // 2 - 2 : image.array.shape[2] // 2 + 2][:, 30:] = 0.1
    labels = find_nodes(image.with_array(open_side))
    assert not (labels > 0)[open_side < 0.5].any()


def test_smallest_node() -> None:
    geometry = Geometry((40, 40, 10), spacing_mm=(1.0, 1.0, 2.0))
    array = np.zeros((10, 40, 40), np.float32)
    array[3, 5:8, 5:8] = 0.9  # 18 mm3
    array[3, 20:22, 20:23] = 0.9  # 12 mm3
    assert 12 < MINIMUM_VOLUME_MM3 < 18
    labels = find_nodes(Image(array, geometry))
    assert labels.max() == 1
    assert labels[3, 6, 6] == 1


@pytest.mark.parametrize("seed", range(6))
def test_no_part_is_smaller_than_the_smallest_node(seed: int) -> None:
    """Ragged clumps in thick slices: wherever they are cut, each piece is a node by its voxels."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    geometry = Geometry((60, 60, 8), spacing_mm=(0.7, 0.7, 4.5))
    field = ndimage.gaussian_filter(rng.normal(size=(8, 60, 60)), (0.5, 2.0, 2.0))
    inside = field > np.percentile(field, 88)
    labels = find_nodes(Image(inside.astype(np.float32), geometry))
    volumes_mm3 = np.bincount(labels.ravel())[1:] * geometry.voxel_volume_mm3
    assert len(volumes_mm3) > 5
    assert volumes_mm3.min() >= MINIMUM_VOLUME_MM3


def test_hysteresis_drops_what_is_nowhere_sure() -> None:
    geometry = Geometry((40, 40, 10), spacing_mm=(1.0, 1.0, 2.0))
    array = np.zeros((10, 40, 40), np.float32)
    array[3:6, 5:10, 5:10] = 0.55
    array[3:6, 20:25, 20:25] = 0.55
    array[4, 22, 22] = 0.95
    labels = find_nodes(Image(array, geometry))
    assert labels.max() == 1
    assert np.sum(labels) == 75


def test_unknown_voxels_are_background() -> None:
    geometry = Geometry((20, 20, 10), spacing_mm=(1.0, 1.0, 2.0))
    array = np.full((10, 20, 20), np.nan, np.float32)
    assert find_nodes(Image(array, geometry)).max() == 0
    array[3:6, 5:10, 5:10] = 0.9
    assert find_nodes(Image(array, geometry)).sum() == 75


@pytest.mark.parametrize("flip", [False, True])
def test_ids_run_from_superior_to_inferior_then_right_to_left(flip: bool) -> None:
    direction = (-1.0, 0, 0, 0, 1, 0, 0, 0, -1.0) if flip else (1.0, 0, 0, 0, 1, 0, 0, 0, 1.0)
    geometry = Geometry((60, 30, 20), (0, 0, 0), (1.0, 1.0, 2.0), direction)
    array = np.zeros((20, 30, 60), np.float32)
    places = [(4, 10, 10), (4, 10, 40), (14, 10, 10), (14, 10, 40)]
    for k, j, i in places:
        array[k : k + 3, j : j + 5, i : i + 5] = 0.9
    labels = find_nodes(Image(array, geometry))
    order = [int(labels[place]) for place in places]
    # LPS: small x is right, large z superior.
    assert order == ([2, 1, 4, 3] if flip else [3, 4, 1, 2])
    assert labels.dtype == np.uint16


def test_the_user_can_stop() -> None:
    from LymphNodeSegLib.errors import Cancelled
    from LymphNodeSegLib.progress import Silent

    class Stop(Silent):
        def fraction(self, done: float) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_nodes(probability(GRIDS["coarse"], ball((0, 0, 0), 5)), Stop())
