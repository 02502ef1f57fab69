"""Slices as long as each other and of different width: all slices together tell which one is longest."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.packed import packed
from LymphNodeSegLib.nodes.solid import moments_of, surface_of
from LymphNodeSegLib.nodes.ties import BentEllipsoid, bent_ellipsoid

from Benchmarks.measurement_shapes import inside

SPACING = (0.7, 0.7, 3.0)


def bean(half: tuple[float, float, float], bend: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bean's mask [k, j, i], turned at random, and its rotation."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    size = [int(2 * 1.6 * max(half) / step) + 3 for step in SPACING]
    axes = [(np.arange(n) - (n - 1) / 2 + rng.uniform(-0.5, 0.5)) * s for n, s in zip(size, SPACING)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    return inside(np.stack([x, y, z], axis=-1), np.array(half), bend, rotation), rotation


def fitted(mask: np.ndarray) -> BentEllipsoid | None:
    return bent_ellipsoid(surface_of(mask), moments_of(packed([mask])).covariances[0], SPACING)


def test_a_bean_is_found_again_from_its_mask() -> None:
    """In most orientations; what is found is right."""
    half, bend = (11.0, 6.0, 4.5), 0.035
    found = 0
    for seed in range(12):
        mask, rotation = bean(half, bend, seed)
        shape = fitted(mask)
        if shape is not None:
            found += 1
            assert shape.half == pytest.approx(half, abs=0.15)
            assert abs(shape.bend) == pytest.approx(bend, abs=0.004)
            assert abs(shape.rotation[:, 0] @ rotation[:, 0]) > 0.999
    assert found >= 9


def test_what_is_no_bean_is_left_as_measured() -> None:
    cross = np.zeros((5, 41, 41), bool)
    cross[:, 18:23, 3:38] = cross[:, 3:38, 18:23] = True
    assert fitted(cross) is None
    (node,) = measure_nodes(Image(cross.astype(np.uint16), Geometry((41, 41, 5), spacing_mm=SPACING)))
    assert node.short_axis_mm == pytest.approx(35 * 0.7, abs=1.5)
