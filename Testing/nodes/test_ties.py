"""Slices as long as each other and of different width: all slices together tell which one is longest."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.packed import packed
from LymphNodeSegLib.nodes.solid import moments_of, surface_of
from LymphNodeSegLib.nodes.ties import WarpedEllipsoid, warped_ellipsoid

from Benchmarks.measurement_shapes import IdealNode, Solid, grid, true_axes
from Benchmarks.measurement_undecidable import other_truth

SPACING = (0.7, 0.7, 3.0)


def fitted(mask: np.ndarray) -> WarpedEllipsoid | None:
    return warped_ellipsoid(surface_of(mask), moments_of(packed([mask])).covariances[0], SPACING)


@pytest.mark.parametrize(("bend", "taper"), [(0.0, 0.0), (0.035, 0.0), (0.0, 0.4), (0.02, 0.3)])
def test_a_smooth_solid_is_found_again_from_its_mask(bend: float, taper: float) -> None:
    """Plain, bent, tapered, and both, in any orientation: the surface found is that of the solid."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        solid = Solid(np.array([11.0, 6.0, 4.5]), bend, rotation, taper)
        size = [int(2 * solid.reach / step) + 3 for step in SPACING[::-1]]
        planes, rows, columns = (
            (np.arange(n) - (n - 1) / 2 + rng.uniform(-0.5, 0.5)) * s for n, s in zip(size, SPACING[::-1])
        )
        found = fitted(solid.inside(grid((planes, rows, columns))))
        assert found is not None
        rays = rng.normal(size=(500, 3))
        surface = rays / solid.radius(rays)[:, None]
        for _ in range(30):  # a bent solid's radius does not grow evenly along a ray
            surface /= solid.radius(surface)[:, None] ** 0.5
        indices = surface - [columns[0], rows[0], planes[0]]
        value, by = found.value(indices.T)
        off_mm = np.abs(value) / np.linalg.norm(by, axis=0)
        assert np.median(off_mm) <= 0.15
        assert np.percentile(off_mm, 95) <= 0.6


def test_what_no_smooth_solid_follows_is_left_as_measured() -> None:
    cross = np.zeros((5, 41, 41), bool)
    cross[:, 18:23, 3:38] = cross[:, 3:38, 18:23] = True
    assert fitted(cross) is None
    (node,) = measure_nodes(Image(cross.astype(np.uint16), Geometry((41, 41, 5), spacing_mm=SPACING)))
    assert node.short_axis_mm == pytest.approx(35 * 0.7, abs=1.5)


def test_two_beans_of_one_mask_have_different_short_axes() -> None:
    """Why a short axis may be a pixel off: 16.6 mm is true of the one, 12.4 of the other."""
    rotation = [[0.2063, -0.4911, -0.8463], [-0.9777, -0.1374, -0.1586], [-0.0384, 0.8602, -0.5085]]
    solid = Solid(np.array([13.179, 6.023, 10.008]), 0.01737, np.array(rotation))
    spacing = (5.148, 0.763, 0.96)
    starts = zip((-19.402, -16.688, -16.676), (9, 45, 36), spacing)
    planes, rows, columns = (start + np.arange(count) * step for start, count, step in starts)
    ((long_mm, short_mm),) = true_axes(solid, planes, 0.0)
    mask = solid.inside(grid((planes, rows, columns)))
    node = IdealNode("bean", solid, (planes, rows, columns), mask, spacing, long_mm, short_mm, ())
    assert short_mm == pytest.approx(16.57, abs=0.05)
    other = other_truth(node, 12.43)
    assert other is not None
    bean, center = other
    ((_, other_short_mm),) = true_axes(bean, planes - center[2], 0.0)
    assert other_short_mm == pytest.approx(12.43, abs=node.pixel_mm)
    every = grid(node.centers_mm)
    np.testing.assert_array_equal(bean.inside(every - center), node.solid.inside(every))
