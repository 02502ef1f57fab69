"""Studies that are put together wrongly, or of which a part is missing: a right result, or a plain word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image, StudyImages
from LymphNodeSegLib.registration.register import register

from Testing.registration.pelvis import STRAIGHT, errors_mm, make_study


def each_dwi(study: StudyImages, change) -> StudyImages:
    """The study with every image of the DWI changed."""
    series = tuple(change(image) for image in study.dwi_series)
    return replace(study, dwi=series[-1], dwi_series=series, adc=None)


@pytest.fixture(scope="module")
def study() -> StudyImages:
    return make_study(STRAIGHT)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flipped_voxels_are_rejected(study, axis: int) -> None:
    verdict = register(
        each_dwi(study, lambda image: image.with_array(np.flip(image.array, axis).copy()))
    ).verdict
    assert verdict.decision == "rejected"
    assert "orientation" in verdict.reason
    assert verdict.method == "none"


def test_voxels_turned_by_90_degrees_are_rejected(study) -> None:
    def turned(image: Image) -> Image:
        i, j, k = image.geometry.size_ijk
        x, y, z = image.geometry.spacing_mm
        corner = image.geometry.lps_from_ijk((np.array([i, j, k]) - 1) / 2.0) - (
            image.geometry.direction @ ((np.array([j, i, k]) - 1) / 2.0 * np.array([y, x, z]))
        )
        grid = Geometry((j, i, k), tuple(corner), (y, x, z), image.geometry.direction_lps)
        return Image(np.rot90(image.array, 1, (1, 2)).copy(), grid, image.acquisition)

    verdict = register(each_dwi(study, turned)).verdict
    assert verdict.decision == "rejected"
    assert verdict.method == "none"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_another_order_of_the_same_voxels_changes_nothing(study, axis: int) -> None:
    """Flipped together with its header, an image shows the same; the grid may become left-handed."""

    def reordered(image: Image) -> Image:
        start = np.zeros(3)
        start[axis] = image.geometry.size_ijk[axis] - 1
        direction = image.geometry.direction.copy()
        direction[:, axis] *= -1.0
        grid = replace(
            image.geometry,
            origin_lps_mm=tuple(image.geometry.lps_from_ijk(start)),
            direction_lps=tuple(direction.ravel()),
        )
        return Image(np.flip(image.array, 2 - axis).copy(), grid, image.acquisition)

    registration = register(each_dwi(study, reordered))
    after, before = errors_mm(registration, study, STRAIGHT)
    assert registration.verdict.decision == "improved"
    assert after.mean() < 0.3 * before.mean()


@pytest.mark.parametrize("shift_mm", [(3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 3.0)])
def test_a_plain_movement_is_found_along_every_axis(shift_mm) -> None:
    still = make_study(STRAIGHT, distorted=False)

    def shifted(image: Image) -> Image:
        origin = tuple(np.array(image.geometry.origin_lps_mm) + shift_mm)
        return Image(image.array, replace(image.geometry, origin_lps_mm=origin), image.acquisition)

    transform = register(each_dwi(still, shifted)).transform
    for point in ((0.0, 0.0, 0.0), (30.0, 20.0, 5.0), (-30.0, -10.0, -8.0)):
        assert np.array(transform.TransformPoint(point)) - point == pytest.approx(shift_mm, abs=0.7)


@pytest.mark.parametrize("offset_mm", [(4.0, -3.0, 2.0), (250.0, -120.0, 300.0)])
def test_another_frame_of_reference_far_off_is_found(study, offset_mm) -> None:
    def elsewhere(image: Image) -> Image:
        origin = tuple(np.array(image.geometry.origin_lps_mm) + offset_mm)
        about = replace(image.acquisition, frame_of_reference_uid="1.2.3")
        return Image(image.array, replace(image.geometry, origin_lps_mm=origin), about)

    known = replace(study.t2, acquisition=replace(study.t2.acquisition, frame_of_reference_uid="1.2.4"))
    registration = register(replace(each_dwi(study, elsewhere), t2=known))
    after, _ = errors_mm(registration, study, STRAIGHT, np.array(offset_mm))
    assert registration.verdict.decision == "improved"
    assert after.mean() < 1.5


def test_half_a_dwi_is_registered_where_it_lies(study) -> None:
    def half(image: Image) -> Image:
        grid = replace(image.geometry, size_ijk=(*image.geometry.size_ijk[:2], 8))
        return Image(image.array[:8].copy(), grid, image.acquisition)

    registration = register(each_dwi(study, half))
    after, before = errors_mm(registration, study, STRAIGHT, slices=slice(1, 7))
    assert after.mean() < 0.5 * before.mean()
    assert not registration.known[10:].any()
    assert not registration.dwi.array[10:].any()


def test_a_metal_void_does_no_harm(study) -> None:
    def void(image: Image) -> Image:
        _, j, i = np.indices(image.array.shape)
        away = np.hypot((i - 55) * 2.2, (j - 40) * 2.2)
        rim = np.exp(-((away - 24.0) ** 2) / 8.0) * 600.0
        return image.with_array(np.where(away < 22.0, 3.0, image.array + rim).astype(np.float32))

    after, before = errors_mm(register(each_dwi(study, void)), study, STRAIGHT)
    assert after.mean() < 0.6 * before.mean()


def test_an_empty_dwi_is_named(study) -> None:
    with pytest.raises(InputError, match="DWI is empty"):
        register(each_dwi(study, lambda image: image.with_array(np.zeros_like(image.array))))


def test_t2_and_dwi_exchanged_are_named(study) -> None:
    low = study.dwi_series[0]
    with pytest.raises(InputError, match="swapped"):
        register(StudyImages(low, study.t2, (study.t2,)))


def test_noise_instead_of_a_patient_is_not_trusted(study) -> None:
    rng = np.random.default_rng(5)
    noisy = each_dwi(
        study, lambda image: image.with_array(rng.rayleigh(20.0, image.array.shape).astype(np.float32))
    )
    assert register(noisy).verdict.decision in ("rejected", "kept")


def test_a_bright_bladder_and_an_uneven_coil_do_not_mislead(study) -> None:
    def spoiled(image: Image) -> Image:
        k, j, i = np.indices(image.array.shape)
        array = image.array * np.exp(1.2 * (i / image.array.shape[2] - 0.5))
        array[(np.hypot(i - 44, j - 30) < 9) & (k > 4)] *= 8.0
        return image.with_array(array.astype(np.float32))

    after, before = errors_mm(register(each_dwi(study, spoiled)), study, STRAIGHT)
    assert after.mean() < 0.5 * before.mean()
