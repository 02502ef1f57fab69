"""Where slices lie: sorted by position, exact in space; what makes no volume is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.series import Series
from LymphNodeSegLib.images.study import load_series, scan_study
from scipy.spatial.transform import Rotation

PLANES = {
    "axial": ([1, 0, 0], [0, 1, 0]),
    "axial, head to feet": ([1, 0, 0], [0, -1, 0]),
    "prone": ([-1, 0, 0], [0, -1, 0]),
    "sagittal": ([0, 1, 0], [0, 0, -1]),
    "coronal": ([1, 0, 0], [0, 0, -1]),
}


def only(folder: Path) -> Series:
    (series,) = scan_study(folder)
    return series


def referee(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("plane", list(PLANES))
@pytest.mark.parametrize("tilt_degrees", [0.0, 23.0])
def test_every_voxel_lies_where_simpleitk_says(maker: Any, plane: str, tilt_degrees: float) -> None:
    rotation = Rotation.from_euler(
        "xyz", [tilt_degrees, -0.7 * tilt_degrees, 0.4 * tilt_degrees], degrees=True
    )
    axes = [rotation.apply(np.array(axis, float)) for axis in PLANES[plane]]
    stored = maker.series(
        3, "t2_tse", orientation=np.concatenate(axes), spacing_mm=3.3, pixel_spacing=(0.9, 0.6)
    )
    ours = load_series(only(maker.folder))
    theirs = referee(maker.folder)
    values = sitk.GetArrayFromImage(theirs)
    assert np.array_equal(ours.array, stored)
    for index in np.ndindex(2, 2, 2):
        corner = [int(n * (size - 1)) for n, size in zip(index, theirs.GetSize())]
        point = theirs.TransformIndexToPhysicalPoint(corner)
        ijk = ours.geometry.ijk_from_lps(np.array(point))
        assert np.allclose(ijk, np.round(ijk), atol=1e-6)
        i, j, k = (round(float(value)) for value in ijk)
        assert ours.array[k, j, i] == values[corner[2], corner[1], corner[0]]
    assert ours.geometry.spacing_mm == pytest.approx(theirs.GetSpacing(), abs=1e-6)
    assert ours.geometry.spacing_mm == pytest.approx((0.6, 0.9, 3.3), abs=1e-6)  # not SliceThickness 3


def test_source_files_are_in_the_order_of_k(maker: Any) -> None:
    maker.series(3, "t2_tse", orientation=(1, 0, 0, 0, 0, -1))
    image = load_series(only(maker.folder))
    for k, path in enumerate(image.acquisition.source_files):
        position = pydicom.dcmread(path).ImagePositionPatient
        assert image.geometry.ijk_from_lps(np.array(position, float)) == pytest.approx((0, 0, k), abs=1e-6)


@pytest.mark.parametrize(
    ("direction", "expected"), [("ROW", (0.8, 0.6, 0.0)), ("COL", (-0.6, 0.8, 0.0)), ("", None)]
)
def test_phase_encoding(maker: Any, direction: str, expected: Any) -> None:
    maker.series(
        3, "t2_tse", orientation=(0.8, 0.6, 0, -0.6, 0.8, 0), InPlanePhaseEncodingDirection=direction
    )
    assert load_series(only(maker.folder)).acquisition.phase_encoding_lps == (
        expected if expected is None else pytest.approx(expected)
    )


def refused(maker: Any, says: str) -> None:
    series = only(maker.folder)
    assert series.problem is not None
    assert says in series.problem
    assert "\n" not in series.problem
    with pytest.raises(InputError, match="cannot be used"):
        load_series(series)


def test_missing_slices(maker: Any) -> None:
    maker.series(3, "t2_tse", depths=[0, 4, 8, 20, 24, 28])
    refused(maker, "2 slices are missing: instances 3 and 4 lie 12.0 mm apart instead of 4.0 mm")


def test_missing_slice_whose_number_is_missing_too(maker: Any) -> None:
    def edit(dataset: pydicom.Dataset, k: int) -> None:
        dataset.InstanceNumber = 20 - (k if k < 3 else k + 1)

    maker.series(3, "t2_tse", depths=[0, 4, 8, 16, 20, 24], edit=edit)
    refused(maker, "1 slice is missing (instance 17)")


def test_uneven_spacing(maker: Any) -> None:
    maker.series(3, "t2_tse", depths=[0, 4, 8, 13, 17, 21])
    refused(maker, "unevenly spaced: 4.00 to 5.00 mm")


def test_double_slices(maker: Any) -> None:
    maker.series(3, "t2_tse", depths=[0, 4, 8, 8, 12, 16])
    refused(maker, "Double slices: 1 of 5 positions are there more than once (instances 3 and 4)")


def test_a_copied_file_is_no_double_slice(maker: Any) -> None:
    stored = maker.series(3, "t2_tse")
    first = next(iter(maker.folder.iterdir()))
    (maker.folder / "copy of it").write_bytes(first.read_bytes())
    assert np.array_equal(load_series(only(maker.folder)).array, stored)


def test_one_uid_for_all_images(maker: Any) -> None:
    stored = maker.series(3, "t2_tse", SOPInstanceUID="1.2.3")
    assert np.array_equal(load_series(only(maker.folder)).array, stored)


def test_all_slices_twice(maker: Any) -> None:
    for _ in range(2):
        maker.series(3, "t2_tse")
    refused(maker, "Every slice is there 2 times")


def test_one_slice(maker: Any) -> None:
    maker.series(3, "t2_tse", slices=1)
    refused(maker, "only one slice")


def test_sheared_volume(maker: Any) -> None:
    def edit(dataset: pydicom.Dataset, k: int) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y + 0.7 * k, z]

    maker.series(3, "t2_tse", edit=edit)
    refused(maker, "shifted sideways against each other by up to 3.5 mm")


def test_mixed_orientations_are_told_apart(maker: Any) -> None:
    arrays = [
        maker.series(3, "t2_tse", orientation=np.concatenate(PLANES[plane]))
        for plane in ("axial", "sagittal")
    ]
    found = {series.plane: series for series in scan_study(maker.folder)}
    assert set(found) == {"axial", "sagittal"}
    for array, series in zip(arrays, (found["axial"], found["sagittal"])):
        assert np.array_equal(load_series(series).array, array)


def test_localizer_in_three_planes(maker: Any) -> None:
    for plane in ("axial", "sagittal", "coronal"):
        maker.series(3, "localizer", orientation=np.concatenate(PLANES[plane]), ScanningSequence="GR")
    refused(maker, "differ in orientation")


@pytest.mark.parametrize(
    ("keyword", "says"),
    [
        ("ImagePositionPatient", "where the slices lie"),
        ("ImageOrientationPatient", "where the slices lie"),
        ("PixelSpacing", "how large the pixels are"),
        ("Rows", "no pixel data"),
    ],
)
def test_missing_header_values(maker: Any, keyword: str, says: str) -> None:
    maker.series(3, "t2_tse", edit=lambda dataset, k: delattr(dataset, keyword))
    refused(maker, says)


def test_different_matrix(maker: Any) -> None:
    maker.series(3, "t2_tse", slices=3)
    maker.series(3, "t2_tse", slices=3, rows=20, origin=(-20, -30, 22))
    refused(maker, "number of pixels")


def test_orientation_that_is_no_rotation(maker: Any) -> None:
    maker.series(3, "t2_tse", orientation=(1, 0, 0, 0.5, 0.8, 0))
    refused(maker, "not at right angles")


def test_file_cut_off(maker: Any) -> None:
    maker.series(3, "t2_tse", rows=64, columns=64)
    path = next(iter(maker.folder.iterdir()))
    path.write_bytes(path.read_bytes()[:2000])
    refused(maker, "cut off")


def test_a_broken_file_at_the_end_is_not_passed_over_in_silence(maker: Any) -> None:
    def edit(dataset: pydicom.Dataset, k: int) -> None:
        if k == 5:
            del dataset.ImageOrientationPatient, dataset.ImagePositionPatient

    maker.series(3, "t2_tse", edit=edit)
    refused(maker, "1 of its 6 images cannot be used")


def test_impossible_pixel_size(maker: Any) -> None:
    maker.series(3, "t2_tse", pixel_spacing=(900.0, 900.0))
    refused(maker, "pixel size of 900 x 900 mm cannot be true")


def test_color_pictures(maker: Any) -> None:
    maker.series(3, "t2_tse", edit=lambda dataset, k: setattr(dataset, "SamplesPerPixel", 3))
    refused(maker, "color")


def test_one_bad_b_value_leaves_the_others(maker: Any) -> None:
    maker.series(3, "dwi", diffusion=True, DiffusionBValue=400.0, depths=[0, 4, 8, 16, 20, 24])
    stored = maker.series(3, "dwi", diffusion=True, DiffusionBValue=800.0)
    series = only(maker.folder)
    assert series.problem is not None
    assert series.problem.startswith("b = 400: 1 slice is missing")
    assert np.array_equal(load_series(series).array, stored)
