"""The truth of a phantom against independent calculations."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry
from LymphNodeSegLib.phantom.curves import random_rotation, rotation_from_degrees
from LymphNodeSegLib.phantom.layers import Layer
from LymphNodeSegLib.phantom.render import paint
from LymphNodeSegLib.phantom.sampling import Sampling
from LymphNodeSegLib.phantom.scanner import compression_on, displacement_on
from LymphNodeSegLib.phantom.shapes import Ellipsoid
from LymphNodeSegLib.phantom.tissues import Signal
from LymphNodeSegLib.phantom.truth import Draft, label_nodes, recist_axes
from LymphNodeSegLib.phantom.warp import BodyWarp, EpiWarp

OBLIQUE = rotation_from_degrees(18, -7, 31)
LEFT_HANDED = OBLIQUE * np.array([1.0, 1.0, -1.0])
SAGITTAL = rotation_from_degrees(4, 3, 2) @ np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])


def grid(direction: np.ndarray, size: tuple[int, int, int], spacing: tuple[float, float, float]) -> Geometry:
    half = direction @ ((np.array(size) - 1) / 2.0 * np.array(spacing))
    x, y, z = -half + [3.0, -5.0, 7.0]
    return Geometry(size, (float(x), float(y), float(z)), spacing, tuple(float(v) for v in direction.ravel()))


def node(shape: Ellipsoid) -> Draft:
    return Draft(shape, "left", "obturator", "plain", False)


def sampled_axes(shape: Ellipsoid, normal: np.ndarray, step: float = 0.1) -> tuple[float, float]:
    """RECIST axes by brute force: the shape as a cloud of points in a frame of the acquisition."""
    normal = normal / np.linalg.norm(normal)
    first = np.cross(normal, [0.123, 0.9, 0.31])
    first /= np.linalg.norm(first)
    frame = np.column_stack([first, np.cross(normal, first), normal])
    reach = np.linalg.norm(shape.box_mm[1] - shape.box_mm[0]) / 2
    axis = np.arange(-reach, reach, step)
    best = (0.0, 0.0)
    for height in np.arange(-reach, reach, 2 * step):
        u, v = np.meshgrid(axis, axis, indexing="ij")
        points = shape.center_mm + np.stack([u, v, np.full_like(u, height)], axis=-1) @ frame.T
        inside = shape.level(points[..., 0], points[..., 1], points[..., 2]) <= 1.0
        if inside.sum() < 20:
            continue
        flat = np.column_stack([u[inside], v[inside]])
        from scipy.spatial import ConvexHull
        from scipy.spatial.distance import cdist

        hull = flat[ConvexHull(flat).vertices]
        apart = cdist(hull, hull)
        n, m = np.unravel_index(apart.argmax(), apart.shape)
        if apart[n, m] <= best[1]:
            continue
        along = (hull[m] - hull[n]) / apart[n, m]
        strip = np.round((flat @ along) / step).astype(int)
        across = flat @ np.array([-along[1], along[0]])
        widths = [np.ptp(across[strip == s]) for s in np.unique(strip)]
        best = (float(max(widths)), float(apart[n, m]))
    return best


@pytest.mark.parametrize("bend", [0.0, 0.5])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_axes_agree_with_dense_sampling(seed: int, bend: float) -> None:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(2.5, 9.0, 3)
    shape = Ellipsoid((10, -20, 30), radii, random_rotation(rng), bend * radii[1] / radii[0] ** 2)
    normal = rng.normal(size=3)
    short, long = recist_axes(shape, normal)
    sampled_short, sampled_long = sampled_axes(shape, normal)
    assert long == pytest.approx(sampled_long, abs=0.25)
    assert short == pytest.approx(sampled_short, abs=0.35)


def test_axes_of_an_ellipsoid_cut_along_its_axes() -> None:
    shape = Ellipsoid((0, 0, 0), (4.0, 6.0, 12.0))
    assert recist_axes(shape, np.array([0.0, 0, 1])) == pytest.approx((8.0, 12.0))
    assert recist_axes(shape, np.array([1.0, 0, 0])) == pytest.approx((12.0, 24.0))


@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE, LEFT_HANDED, SAGITTAL])
def test_labels_hold_the_exact_volume_at_the_right_place(direction: np.ndarray) -> None:
    geometry = grid(direction, (90, 70, 21), (0.6, 0.8, 3.0))
    radii = np.array([8.0, 6.0, 9.0])
    center = np.array([8.0, -9.0, 12.0])
    bean = Ellipsoid(center, radii, OBLIQUE.T, 0.5 * radii[1] / radii[0] ** 2)
    labels, (found,) = label_nodes([node(bean)], geometry)
    exact = 4 / 3 * np.pi * radii.prod()
    assert found.volume_mm3 == pytest.approx(exact)
    assert found.complete
    assert (labels == 1).sum() * geometry.voxel_volume_mm3 == pytest.approx(exact, rel=0.05)
    ijk = np.argwhere(labels == 1).mean(axis=0)[::-1]
    np.testing.assert_allclose(geometry.lps_from_ijk(ijk), center, atol=0.4)


def test_the_bend_of_a_bean_moves_neither_volume_nor_center() -> None:
    radii = np.array([8.0, 6.0, 5.0])
    bean = Ellipsoid((0, 0, 0), radii, None, 0.5 * radii[1] / radii[0] ** 2)
    axis = np.arange(-14, 14, 0.2)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))
    inside = bean.level(*points) < 1
    assert inside.sum() * 0.2**3 == pytest.approx(4 / 3 * np.pi * radii.prod(), rel=0.01)
    np.testing.assert_allclose(points[:, inside].mean(axis=1), 0, atol=0.05)


def test_a_cut_node_is_known_to_be_incomplete() -> None:
    geometry = grid(np.eye(3), (40, 40, 10), (1.0, 1.0, 3.0))
    edge = geometry.lps_from_ijk(np.array([0, 20, 5]))
    _, (found,) = label_nodes([node(Ellipsoid(edge, (5, 5, 5)))], geometry)
    assert not found.complete


def test_what_touches_keeps_its_own_label() -> None:
    geometry = grid(OBLIQUE, (80, 80, 20), (0.7, 0.7, 3.0))
    drafts = [node(Ellipsoid((x, 0, 5), (5, 5, 5))) for x in (-2.0, 8.0)]
    labels, found = label_nodes(drafts, geometry)
    assert len(found) == 2
    for one in found:
        volume = (labels == one.label).sum() * geometry.voxel_volume_mm3
        assert volume == pytest.approx(one.volume_mm3, rel=0.08)


@pytest.mark.parametrize("direction", [OBLIQUE, LEFT_HANDED, SAGITTAL])
def test_dwi_content_lies_where_the_displacement_says(direction: np.ndarray) -> None:
    """A bright ball on the T2 is found, with its whole signal, at its center plus the displacement."""
    rng = np.random.default_rng(7)
    t2 = grid(direction, (80, 64, 20), (2.0, 2.5, 4.0))
    dwi = grid(direction, (100, 80, 26), (2.2, 2.2, 4.0))
    gas = [np.array([20.0, 20.0, 10.0, 12.0])]
    epi = EpiWarp(rng, dwi.direction[:, 1], 4.0, 80.0, gas, 8.0, 1.5)
    displacement = displacement_on(t2, epi)
    assert np.abs(displacement).max() > 4.0
    for ijk in ([40, 32, 10], [30, 40, 8], [52, 22, 12]):
        center = t2.lps_from_ijk(np.array(ijk))
        ball = Layer(Ellipsoid(center, (5, 5, 6)), Signal(1.0, np.ones(1)), in_patient=True)
        sampling = Sampling(dwi, epi.to_t2, lambda points: points)
        image = paint(sampling, [ball], lambda signal: signal.dwi, 0)[0] * compression_on(dwi, epi)
        weights = image.ravel()
        where = np.indices(image.shape)[::-1].reshape(3, -1) @ weights / weights.sum()
        expected = center + displacement[ijk[2], ijk[1], ijk[0]]
        np.testing.assert_allclose(dwi.lps_from_ijk(where), expected, atol=0.5)
        total = weights.sum() * dwi.voxel_volume_mm3
        assert total == pytest.approx(4 / 3 * np.pi * 150, rel=0.12)


def test_warps_invert() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(-120, 120, (200, 3))
    body = BodyWarp(rng, 6.0)
    np.testing.assert_allclose(body.to_anatomy(body.to_patient(points)), points, atol=0.05)
    epi = EpiWarp(rng, np.array([0.0, 1.0, 0.0]), 5.0, 70.0, [], 0.0, 1.0)
    np.testing.assert_allclose(epi.to_dwi(epi.to_t2(points)), points, atol=0.05)
