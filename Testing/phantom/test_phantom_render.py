"""The painter against the plain definition: every layer over every pixel, from the bottom up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry
from LymphNodeSegLib.phantom.cells import PLANE_OFFSET
from LymphNodeSegLib.phantom.curves import random_rotation, rotation_from_degrees
from LymphNodeSegLib.phantom.layers import Layer, Texture
from LymphNodeSegLib.phantom.places import Points
from LymphNodeSegLib.phantom.render import paint
from LymphNodeSegLib.phantom.sampling import Sampling
from LymphNodeSegLib.phantom.shapes import Capsule, Cut, Ellipsoid, HalfSpace, Shape, Tube, Union
from LymphNodeSegLib.phantom.tissues import Signal
from LymphNodeSegLib.phantom.trunk import Trunk

SLANTED = rotation_from_degrees(12, -9, 21)
GEOMETRY = Geometry((61, 47, 9), (-26.0, -30.0, -18.0), (1.0, 1.1, 4.0), tuple(SLANTED.ravel()))


def signal(level: float) -> Signal:
    return Signal(level, np.array([level, 2.0 * level]))


def shapes(rng: np.random.Generator) -> list[Shape]:
    path = np.column_stack([rng.uniform(-25, 25, (6, 3)), rng.uniform(2, 5, 6)])
    bean = Ellipsoid((4, -5, 2), (11, 7, 5), random_rotation(rng), 0.02)
    return [
        Trunk(38, 33),
        Tube(path),
        Tube(path[::-1] * [1, 1, -1, 1], (1.0, 0.6, 1.3)),
        bean,
        Union(Capsule((-9, 8, -6), (6, 12, 5), 4, 2), Cut(bean, HalfSpace((0, 0, 0), (1, 1, 0)))),
        Ellipsoid((-12, -6, 3), (9, 8, 3), random_rotation(rng)),
    ]


def plain(layers: list[Layer], points: np.ndarray) -> np.ndarray:
    """Layers without roughness on points (3, k, j, i) of the slices' middles."""
    half = (PLANE_OFFSET * GEOMETRY.spacing_mm[2] * GEOMETRY.normal_lps)[:, None, None, None]
    image = np.zeros((2, *points.shape[1:]))
    for layer in layers:
        distances = [layer.shape.distance(*(points + sign * half)) for sign in (-1, 1)]
        width = np.sqrt(1.1) + layer.soft_mm + 0.5 * np.abs(distances[0] - distances[1])
        depths = [layer.depth(distance) for distance in distances]
        alpha = sum(np.clip(0.5 - depth / width, 0.0, layer.opacity) for depth in depths) / 2.0
        factor = layer.texture.factor(Points(*points)) if layer.texture else 1.0
        for channel, value in zip(image, layer.signal.dwi):
            channel += alpha * (value * factor - channel)
    return image


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("move", [lambda points: points, lambda points: 1.03 * points + [1.0, -2.0, 0.5]])
def test_same_as_the_definition(seed: int, move: Callable[[np.ndarray], np.ndarray]) -> None:
    rng = np.random.default_rng(seed)
    layers = []
    for n, shape in enumerate(shapes(rng)):
        layers.append(Layer(shape, signal(0.5 + 0.2 * n), grow_mm=rng.uniform(-0.5, 1.5), soft_mm=0.5))
        layers.append(Layer(shape, signal(2.0 - 0.3 * n), grow_mm=-1.5, opacity=rng.uniform(0.3, 1.0)))
    layers.append(Layer(layers[2].shape, signal(3.0), grow_mm=2.0, shell_mm=1.5, opacity=0.7))
    layers.append(Layer(layers[0].shape, signal(1.5), grow_mm=250.0, shell_mm=500.0))
    painted = paint(Sampling(GEOMETRY, None, move), layers, lambda s: s.dwi, 0)
    grid = np.stack(np.meshgrid(*map(np.arange, GEOMETRY.size_ijk), indexing="ij")).T
    points = move(GEOMETRY.lps_from_ijk(grid).reshape(-1, 3)).T.reshape(3, *painted.shape[1:])
    off = np.abs(painted - plain(layers, points))
    # Beside the rim of a flat ellipsoid its distance is less than the way: a cell may miss a faint pixel.
    assert np.mean(off > 2e-3) < 5e-4
    assert off.max() < 0.05


def test_texture_is_the_one_at_the_place() -> None:
    texture = Texture(0.3, (9.0, 12.0, 15.0), SLANTED, streak_amount=0.5, streak_width=0.3, patchy=True)
    layers = [Layer(Ellipsoid((0, 0, 0), (60, 60, 60)), signal(1.0), texture=texture)]
    painted = paint(Sampling(GEOMETRY, None, lambda points: points), layers, lambda s: s.dwi, 0)
    grid = np.stack(np.meshgrid(*map(np.arange, GEOMETRY.size_ijk), indexing="ij")).T
    points = GEOMETRY.lps_from_ijk(grid).reshape(-1, 3).T.reshape(3, *painted.shape[1:])
    off = np.abs(painted - plain(layers, points))
    # The nearest sample of the noise may be another one where two are equally near.
    assert np.mean(off > 1e-3) < 0.002


def test_roughness_moves_the_edge_and_nothing_else() -> None:
    ball = Ellipsoid((0, 0, 0), (14, 14, 14))
    sampling = Sampling(GEOMETRY, None, lambda points: points)
    smooth, rough = (
        paint(sampling, [Layer(ball, signal(1.0), rough_mm=mm)], lambda s: s.dwi, 5)[0] for mm in (0.0, 1.0)
    )
    changed = np.abs(rough - smooth) > 0.01
    grid = np.stack(np.meshgrid(*map(np.arange, GEOMETRY.size_ijk), indexing="ij")).T
    distance = np.linalg.norm(GEOMETRY.lps_from_ijk(grid), axis=-1) - 14.0
    assert changed.any()
    assert np.abs(distance[changed]).max() < 7.0
    assert rough.sum() == pytest.approx(smooth.sum(), rel=0.1)
