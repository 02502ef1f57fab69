"""The parts of the registration beside what they stand for: ITK's spline, derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.registration.correlation import Explained
from LymphNodeSegLib.registration.quality import normalized_mutual_information
from LymphNodeSegLib.registration.resample import Resampler, displacement_on
from LymphNodeSegLib.registration.separable import smoothed
from LymphNodeSegLib.registration.space import points_of, sitk_grid
from LymphNodeSegLib.registration.spline import SmoothField
from LymphNodeSegLib.registration.threads import in_threads
from LymphNodeSegLib.registration.transform import compose, spline_transform

SHAPE, SPACING_MM = (5, 11, 14), (4.0, 3.0, 3.5)


def chance() -> np.random.Generator:
    return np.random.default_rng(11)


def test_the_smooth_field_is_itks_spline_on_an_oblique_left_handed_grid() -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1.0]])
    grid = Geometry(SHAPE[::-1], (10.0, -20.0, 30.0), SPACING_MM[::-1], tuple(turn.ravel()))
    space = SmoothField(SHAPE, SPACING_MM, 12.0)
    coefficients = chance().normal(0.0, 2.0, space.shape).astype(np.float32)
    transform = spline_transform(coefficients, space, 1, grid)
    inner = (slice(1, -1),) * 3  # ITK leaves the last face out
    points = points_of(grid)[inner].reshape(-1, 3)
    moved = np.array([transform.TransformPoint(point.tolist()) for point in points]) - points
    np.testing.assert_allclose(moved @ turn[:, 1], space.values(coefficients)[inner].ravel(), atol=1e-4)
    np.testing.assert_allclose(moved @ turn[:, [0, 2]], 0.0, atol=1e-9)


def test_gathering_is_the_transpose_and_roughness_its_own_derivative() -> None:
    space = SmoothField(SHAPE, SPACING_MM, 12.0)
    coefficients = chance().normal(size=space.shape)
    weights = chance().normal(size=SHAPE)
    assert np.vdot(space.values(coefficients), weights) == pytest.approx(
        np.vdot(coefficients, space.gathered(weights)), rel=1e-6
    )
    other = chance().normal(size=space.shape)[::-1, ::-1, ::-1]
    assert np.vdot(space.roughness(coefficients), other) == pytest.approx(
        np.vdot(coefficients, space.roughness(other)), rel=1e-4
    )
    assert np.vdot(coefficients, space.roughness(coefficients)) > 0.0
    np.testing.assert_allclose(space.roughness(np.ones(space.shape)), 0.0, atol=1e-12)


def test_local_fit_ignores_contrast_and_its_pull_is_the_derivative() -> None:
    rng = chance()
    wanted = rng.normal(size=(6, 20, 20))
    explained = Explained(wanted, np.ones(wanted.shape, dtype=bool))
    turned_round = explained.by(5.0 - 3.0 * wanted)
    assert turned_round.mismatch < 0.02 < explained.by(rng.normal(size=wanted.shape)).mismatch
    given = wanted + rng.normal(size=wanted.shape)
    way = rng.normal(size=wanted.shape)
    fit, step = explained.by(given), 1e-4
    high, low = (explained.by(given + sign * step * way).mismatch for sign in (1.0, -1.0))
    slope = (high - low) / (2.0 * step) * wanted.size
    assert slope == pytest.approx(-2.0 * np.vdot(fit.pull, way), rel=0.05)


def test_threads_keep_the_order() -> None:
    assert in_threads(lambda n: n * n, range(50)) == [n * n for n in range(50)]


def test_a_signal_is_sampled_as_by_itks_cubic_spline() -> None:
    from scipy.ndimage import gaussian_filter

    grain = gaussian_filter(chance().normal(size=(8, 30, 40)), (0.5, 1.0, 1.0)).astype(np.float32)
    turn = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    image = Image(
        500.0 + 100.0 * grain / grain.std(), Geometry((40, 30, 8), (0.0, 0.0, 0.0), (2.0, 2.5, 4.0), turn)
    )
    fine = Geometry((150, 160, 10), (-8.0, -90.0, -3.0), (0.6, 0.6, 4.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    moved = sitk.TranslationTransform(3, (0.7, -1.3, 1.6))
    sampler = Resampler(displacement_on(moved, fine), fine)
    wanted = sitk.GetArrayFromImage(
        sitk.Resample(image.to_sitk(), sitk_grid(fine), moved, sitk.sitkBSpline, 0.0, sitk.sitkFloat32)
    )
    index = image.geometry.ijk_from_lps(points_of(fine) + moved.GetOffset())
    between_voxels = np.all((index >= 0.0) & (index <= np.array(image.geometry.size_ijk) - 1.0), axis=-1)
    assert 0.1 < between_voxels.mean() < 0.9
    off, off_linear = (
        float(np.sqrt(np.mean((sampled.array - wanted)[between_voxels] ** 2)))
        for sampled in (sampler.signals([image])[0], sampler.quantity(image))
    )
    assert off < 0.1 * off_linear
    assert not sampler.signals([image])[0].array[~sampler.known(image)].any()


def test_a_smoothing_by_matrices_is_scipys() -> None:
    from scipy.ndimage import gaussian_filter

    array = chance().normal(size=(2, 7, 30, 40)).astype(np.float32)
    wanted = [gaussian_filter(one, (0.0, 1.5, 2.0), truncate=2.5, mode="nearest") for one in array]
    np.testing.assert_allclose(smoothed(array, (0.0, 1.5, 2.0), "nearest"), wanted, atol=1e-6)


def test_the_displacement_between_the_points_asked_for_is_the_transforms() -> None:
    grid = Geometry((120, 90, 24), (-60.0, -40.0, -30.0), (0.7, 0.9, 3.0))
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.02, -0.01, 0.03, (2.0, -1.0, 0.5))
    around = Geometry((70, 60, 40), (-80.0, -60.0, -45.0), (2.4, 2.4, 3.0))
    space = SmoothField(around.size_ijk[::-1], around.spacing_mm[::-1], 24.0)
    bend = spline_transform(chance().normal(0.0, 4.0, space.shape), space, 1, around)
    exact = sitk.TransformToDisplacementField(
        compose(turn, bend), sitk.sitkVectorFloat64, grid.size_ijk, grid.origin_lps_mm, grid.spacing_mm
    )
    wanted = np.moveaxis(sitk.GetArrayFromImage(exact), -1, 0)
    assert np.abs(wanted[1]).max() > 3.0
    assert np.abs(displacement_on(compose(turn, bend), grid) - wanted).max() < 0.05


def test_similarity_of_few_independent_values_is_one() -> None:
    found = [
        normalized_mutual_information(*np.random.default_rng(seed).normal(size=(2, 20_000)))
        for seed in range(5)
    ]
    assert max(found) < 1.001


def test_images_of_several_grids_are_sampled_each_by_its_own() -> None:
    first = Image(chance().uniform(size=(6, 20, 24)).astype(np.float32), Geometry((24, 20, 6)))
    half = Geometry((24, 20, 6), (0.5, 0.0, 0.0))
    images = [first, first.with_array(2.0 * first.array), Image(first.array, half)]
    grid = Geometry((40, 30, 6), (2.0, 2.0, 0.0), (0.4, 0.4, 1.0))
    sampler = Resampler(np.zeros((3, 6, 30, 40), dtype=np.float32), grid)
    together = sampler.signals(images)
    for image, found in zip(images, together):
        np.testing.assert_array_equal(found.array, sampler.signals([image])[0].array)
    assert np.abs(together[2].array - together[0].array).max() > 0.1
