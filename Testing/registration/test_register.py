"""Registration of a small synthetic pelvis whose movement and distortion are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import Cancelled
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image, StudyImages
from LymphNodeSegLib.progress import Silent
from LymphNodeSegLib.registration.register import register
from LymphNodeSegLib.registration.transform import write_transform

PHASE_AXIS = 0
SHIFT_MM = np.array([1.5, -2.0, 0.0])


def signal(points: np.ndarray, contrast: int) -> np.ndarray:
    """Ellipsoids in fat: 0 as T2 shows them, 1 as DWI does; points (..., 3) in the anatomy's mm."""
    rng = np.random.default_rng(7)
    radius = np.sqrt((points[..., 0] / 78.0) ** 2 + (points[..., 1] / 62.0) ** 2)
    body = 1.0 / (1.0 + np.exp((radius - 1.0) * 40.0))
    value = body * (0.75, 0.05)[contrast]
    for _ in range(45):
        center = rng.uniform((-60, -48, -25), (60, 48, 25))
        size = rng.uniform(4.0, 14.0, 3)
        brightness = ((0.1, 0.35), (0.45, 0.9), (1.0, 0.1), (0.3, 0.5))[rng.integers(4)][contrast]
        distance = np.sqrt((((points - center) / size) ** 2).sum(axis=-1))
        share = body / (1.0 + np.exp((distance - 1.0) * 8.0))
        value = value * (1.0 - share) + brightness * share
    return value


def off_resonance_mm(points: np.ndarray) -> np.ndarray:
    """The distortion along the phase encoding, 1 to 6 mm."""
    x, y, z = (points[..., axis] for axis in range(3))
    return 3.0 + 2.0 * np.sin(x / 25.0) + 1.5 * np.cos(y / 22.0 + z / 30.0)


def grid(
    size: tuple[int, int, int], spacing_mm: tuple[float, float, float], direction: np.ndarray
) -> Geometry:
    origin = -direction @ ((np.array(size) - 1) / 2 * np.array(spacing_mm))
    return Geometry(size, tuple(origin), spacing_mm, tuple(direction.ravel()))


def points_of(geometry: Geometry) -> np.ndarray:
    k, j, i = np.indices(geometry.size_ijk[::-1])
    return geometry.lps_from_ijk(np.stack([i, j, k], axis=-1))


def to_dwi(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where a point of the T2 is found in the DWI; the truth of these tests."""
    moved = points + SHIFT_MM
    return moved + off_resonance_mm(moved)[..., None] * direction[:, PHASE_AXIS]


def make_study(direction: np.ndarray, distorted: bool = True) -> StudyImages:
    rng = np.random.default_rng(3)
    t2_grid, dwi_grid = (
        grid((176, 144, 16), (1.0, 1.0, 4.0), direction),
        grid((88, 72, 16), (2.2, 2.2, 4.0), direction),
    )
    t2 = 400.0 * signal(points_of(t2_grid), 0) + rng.normal(0, 6, t2_grid.size_ijk[::-1])
    seen = points_of(dwi_grid)
    if distorted:
        still = seen
        for _ in range(20):
            still = seen - off_resonance_mm(still)[..., None] * direction[:, PHASE_AXIS]
        seen = still - SHIFT_MM
    noise = rng.normal(0, 6, (2, *dwi_grid.size_ijk[::-1]))
    dwi = np.hypot(300.0 * signal(seen, 1) + noise[0], noise[1])
    about = Acquisition("DWI", 50.0, phase_encoding_lps=tuple(direction[:, PHASE_AXIS]))
    low = Image(dwi.astype(np.float32), dwi_grid, about)
    high = Image((0.5 * dwi).astype(np.float32), dwi_grid, replace(about, b_value_s_mm2=800.0))
    adc = Image((2.0 * dwi).astype(np.float32), dwi_grid, Acquisition("ADC"))
    return StudyImages(
        Image(np.abs(t2).astype(np.float32), t2_grid, Acquisition("T2")), high, (low, high), adc
    )


def errors_mm(registration, study: StudyImages, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the mapped from the true points inside the body: after, and before registration."""
    points = points_of(study.t2.geometry)[2:-2, ::8, ::8].reshape(-1, 3)
    points = points[(points @ direction)[:, 0] ** 2 + (points @ direction)[:, 1] ** 2 < 50.0**2]
    truth = to_dwi(points, direction)
    mapped = np.array([registration.transform.TransformPoint(p.tolist()) for p in points])
    return np.linalg.norm(mapped - truth, axis=1), np.linalg.norm(points - truth, axis=1)


STRAIGHT = np.eye(3)


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
    angle = np.radians(25.0)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    direction = turn @ np.diag([1.0, 1.0, -1.0])
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
