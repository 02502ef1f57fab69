"""Siemens's b-values and mosaics."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.study import load_series, load_study
from pydicom.dataset import Dataset

from .conftest import found, planes


def test_siemens_b_value_only_in_the_sequence_name_each_its_own_series(maker: Any) -> None:
    arrays = {}
    for number, b_value in enumerate((10, 400, 800), 3):
        name = f"*ep_b{b_value}t"
        arrays[b_value] = maker.series(number, "ep2d_diff_tra", diffusion=True, SequenceName=name)
    maker.series(9, "t2_tse_tra")
    study = load_study(maker.folder)
    assert [image.acquisition.b_value_s_mm2 for image in study.dwi_series] == [10.0, 400.0, 800.0]
    for image in study.dwi_series:
        assert np.array_equal(image.array, arrays[int(image.acquisition.b_value_s_mm2 or 0)])
    assert np.array_equal(study.dwi.array, arrays[800])


VRS = {"AcquisitionMatrixText": b"SH\0\0", "NumberOfImagesInMosaic": b"US\0\0", "B_value": b"IS\0\0"}


def csa(**elements: tuple[str, ...]) -> bytes:
    """A Siemens CSA2 header."""
    data = b"SV10\4\3\2\1" + struct.pack("<II", len(elements), 77)
    for name, values in elements.items():
        data += name.encode().ljust(64, b"\0") + struct.pack(
            "<i4siii", len(values), VRS.get(name, b"FD\0\0"), 4, max(6, len(values)), 77
        )
        for index in range(max(6, len(values))):
            text = values[index].encode() + b"\0" if index < len(values) else b""
            data += struct.pack("<iiii", len(text), len(text), 77, len(text)) + text.ljust(
                (len(text) + 3) // 4 * 4, b"\0"
            )
    return data


def test_siemens_b_value_only_in_the_csa_header(maker: Any) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        maker.private(dataset, 0x0029, "SIEMENS MEDCOM HEADER", x10=("OB", b"other"))
        maker.private(
            dataset, 0x0029, "SIEMENS CSA HEADER", x10=("OB", csa(EchoLinePosition=("64",), B_value=("800",)))
        )

    maker.series(3, "resolve", diffusion=True, edit=edit)
    assert found(maker)["resolve"].b_values == (800.0,)


@pytest.mark.parametrize("reversed_normal", [False, True])
def test_siemens_mosaic_lies_where_nibabel_says(maker: Any, reversed_normal: bool) -> None:
    wrapper = pytest.importorskip("nibabel.nicom.dicomwrappers")
    tilt = np.deg2rad(20)
    orientation = [1.0, 0.0, 0.0, 0.0, np.cos(tilt), np.sin(tilt)]
    normal = np.cross(orientation[:3], orientation[3:]) * (-1 if reversed_normal else 1)
    stored = planes(1, 7)
    mosaic = np.zeros((48, 36), np.uint16)
    for index, plane in enumerate(stored):
        row, column = divmod(index, 3)
        mosaic[16 * row : 16 * row + 16, 12 * column : 12 * column + 12] = plane
    dataset = maker.dataset(3, "ep2d_diff_mosaic", ScanningSequence="EP", DiffusionBValue=800.0)
    dataset.ImageType = ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND", "MOSAIC"]
    dataset.Rows, dataset.Columns = mosaic.shape
    dataset.PixelData = mosaic.tobytes()
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = (
        [-80, -90, 12],
        [f"{v:.12g}" for v in orientation],
    )
    dataset.PixelSpacing, dataset.SpacingBetweenSlices, dataset.SliceThickness = [1.5, 2.0], 4.2, 4
    header = csa(
        AcquisitionMatrixText=("16*12",),
        NumberOfImagesInMosaic=("7",),
        SliceNormalVector=tuple(f"{value:.8f}" for value in normal),
        ImageOrientationPatient=tuple(f"{value:.8f}" for value in orientation),
        B_value=("800",),
    )
    maker.private(dataset, 0x0019, "SIEMENS MR HEADER", x0A=("US", 7))
    maker.private(dataset, 0x0029, "SIEMENS CSA HEADER", x10=("OB", header))
    path = maker.save(dataset)
    image = load_series(found(maker)["ep2d_diff_mosaic"])
    referee = wrapper.wrapper_from_file(str(path))
    data = np.asarray(referee.get_data())  # [row, column, slice]
    assert np.array_equal(np.sort(image.array.ravel()), np.sort(data.ravel()))
    # Any voxel: the same value at the same place in LPS, whichever way the slices are counted.
    for r, c, k in ((0, 0, 0), (3, 5, 6), (15, 11, 2)):
        lps = (referee.affine @ [r, c, k, 1])[:3]
        i, j, index = image.geometry.ijk_from_lps(lps)
        assert np.allclose([i, j, index], np.round([i, j, index]), atol=1e-3)
        assert image.array[round(index), round(j), round(i)] == data[r, c, k]
