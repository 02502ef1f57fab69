"""Registration of a small synthetic pelvis whose movement and distortion are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import Cancelled
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.progress import Silent
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.transform import write_transform

from Testing.registration.pelvis import STRAIGHT, errors_mm, make_study, oblique, points_of


@pytest.fixture(scope="module")
def study() -> StudyImages:
    return make_study(STRAIGHT)


@pytest.fixture(scope="module")
def registered(study: StudyImages):
    return register(study)


def test_known_displacement_is_found(study, registered) -> None:
    after, before = errors_mm(registered, study, STRAIGHT)
    assert before.mean() > 4.0
    assert after.mean() < 0.4 * before.mean()
    assert registered.verdict.decision == "improved"
    assert registered.verdict.method == "deformable"
    assert registered.verdict.similarity_after > registered.verdict.similarity_before
    assert registered.verdict.edge_overlap_after > registered.verdict.edge_overlap_before
    assert registered.verdict.smallest_jacobian > 0.0
    assert set(registered.verdict.regions) == {"left", "right", "anterior", "posterior", "upper", "lower"}


def test_every_image_lies_on_the_t2_grid_and_nothing_is_invented(study, registered) -> None:
    for image in (registered.dwi, registered.adc, *registered.dwi_series):
        assert image.geometry.is_close(study.t2.geometry)
        assert not image.array[~registered.known].any()
    assert [image.acquisition.b_value_s_mm2 for image in registered.dwi_series] == [50.0, 800.0]
    assert registered.adc.array.max() <= study.adc.array.max()
    assert registered.dwi.array.min() >= 0.0
    inside = registered.known & (registered.dwi_series[0].array > 60.0)
    ratio = registered.dwi.array[inside] / registered.dwi_series[0].array[inside]
    assert np.allclose(ratio, 0.5, atol=0.01)  # one transform for all b-values


def test_transform_file_says_the_same_to_simpleitk(registered, tmp_path: Path) -> None:
    write_transform(registered, tmp_path / "registration.tfm")
    read = sitk.ReadTransform(str(tmp_path / "registration.tfm"))
    for point in ((0.0, 0.0, 0.0), (30.0, -20.0, 8.0), (-45.5, 10.0, -12.0)):
        assert read.TransformPoint(point) == pytest.approx(
            registered.transform.TransformPoint(point), abs=1e-6
        )
    assert (tmp_path / "registration.tfm").stat().st_size < 3_000_000


def test_same_input_same_output_bit_for_bit(study, registered) -> None:
    again = register(study)
    assert again.dwi.array.tobytes() == registered.dwi.array.tobytes()
    assert again.verdict == registered.verdict


def test_nothing_to_do_is_kept_nearly_still() -> None:
    aligned = make_study(STRAIGHT, distorted=False)
    registration = register(aligned)
    points = points_of(aligned.t2.geometry)[4:-4, 40:-40:8, 40:-40:8].reshape(-1, 3)
    mapped = np.array([registration.transform.TransformPoint(p.tolist()) for p in points])
    assert np.linalg.norm(mapped - points, axis=1).mean() < 0.8


def test_rigid_and_none_do_as_they_say(study) -> None:
    none = register(study, "none")
    assert none.verdict.method == "none"
    assert np.array_equal(none.dwi.array, none.dwi_unregistered.array)
    assert none.transform.TransformPoint((1.0, 2.0, 3.0)) == pytest.approx((1.0, 2.0, 3.0))
    rigid = register(study, "rigid")
    assert rigid.verdict.method in ("rigid", "none")
    corners = np.array([rigid.transform.TransformPoint(p) for p in ((0.0, 0, 0), (50.0, 0, 0), (0, 40.0, 0))])
    assert np.linalg.norm(corners[1] - corners[0]) == pytest.approx(50.0, abs=1e-6)


def test_oblique_left_handed_grid_without_known_phase_encoding() -> None:
    direction = oblique() @ np.diag([1.0, 1.0, -1.0])
    study = make_study(direction)
    series = tuple(
        replace(image, acquisition=replace(image.acquisition, phase_encoding_lps=None))
        for image in study.dwi_series
    )
    registration = register(replace(study, dwi=series[-1], dwi_series=series))
    after, before = errors_mm(registration, study, direction)
    assert after.mean() < 0.4 * before.mean()


def test_cancel_ends_the_run(study) -> None:
    class Stop(Silent):
        def fraction(self, done: float) -> None:
            if done > 0.3:
                raise Cancelled

    with pytest.raises(Cancelled):
        register(study, "deformable", Stop())
