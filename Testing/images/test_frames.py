"""Many slices in one file: enhanced multi-frame MR, UIH's mosaics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.series import Series
from LymphNodeSegLib.images.study import load_series, scan_study
from pydicom.dataset import Dataset

from .conftest import planes

ORIGIN = np.array([-20.0, -30.0, 10.0])


def at(k: int) -> np.ndarray:
    return ORIGIN + np.array([0.0, 0.0, 4.0 * k])


def only(maker: Any) -> Series:
    (series,) = scan_study(maker.folder)
    return series


@pytest.mark.parametrize("count", [4, 7, 20])
def test_uih_mosaic(maker: Any, count: int) -> None:
    """20 tiles lie 5 across and 4 down, as on a real uMR 770."""
    stored = planes(1, count)
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    mosaic = np.zeros((16 * down, 12 * across), np.uint16)
    for index, plane in enumerate(stored):
        row, column = divmod(index, across)
        mosaic[16 * row : 16 * row + 16, 12 * column : 12 * column + 12] = plane
    dataset = maker.dataset(3, "dwi", ScanningSequence="EP", Manufacturer="UIH")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
    dataset.Rows, dataset.Columns = mosaic.shape
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [1.5, 2.0]
    tiles = []
    for k in range(count):
        tile = Dataset()
        tile.ImagePositionPatient = list(at(k))
        tiles.append(tile)
    maker.private(dataset, 0x0065, "Image Private Header", x09=("FD", 803.2), x51=("SQ", tiles))
    dataset.PixelData = mosaic.tobytes()
    maker.save(dataset)
    series = only(maker)
    image = load_series(series)
    assert (series.role, series.b_values, series.files) == ("DWI", (803.2,), 1)
    assert np.array_equal(image.array, stored)
    assert image.geometry.origin_lps_mm == pytest.approx(tuple(ORIGIN))
    assert image.geometry.spacing_mm == pytest.approx((2.0, 1.5, 4.0))


def test_philips_enhanced_scale_slope(maker: Any, enhanced: Any) -> None:
    truth = planes(1) // 8
    scales = np.array([1.0, 2.0, 4.0, 8.0])
    stored = truth * scales[:, None, None]
    frames = [{"plane": plane, "position": at(k), "slope": 1.7} for k, plane in enumerate(stored)]
    dataset = enhanced(maker, 3, "t2_tse", frames, EchoPlanarPulseSequence="NO")
    dataset.Manufacturer, dataset.ImageType = "Philips Medical Systems", ["ORIGINAL", "PRIMARY", "T2", "NONE"]
    for group, scale in zip(dataset.PerFrameFunctionalGroupsSequence, scales):
        private = Dataset()
        maker.private(private, 0x2005, "Philips MR Imaging DD 001", x0E=("FL", float(scale)))
        maker.private(group, 0x2005, "Philips MR Imaging DD 005", x0F=("SQ", [private]))
    maker.save(dataset)
    ratio = load_series(only(maker)).array / np.maximum(truth, 1)
    inside = truth > 0
    assert np.allclose(ratio[inside], ratio[inside].mean(), rtol=1e-5)


def test_enhanced_time_series_is_dynamic(maker: Any, enhanced: Any) -> None:
    frames = [
        {"plane": plane, "position": at(k), "time": time}
        for time in range(1, 6)
        for k, plane in enumerate(planes(time))
    ]
    dataset = enhanced(maker, 3, "tra", frames, EchoPlanarPulseSequence="NO", EchoPulseSequence="GRADIENT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"]
    maker.save(dataset)
    assert only(maker).kind == "dynamic series"


def test_enhanced_with_frames_missing(maker: Any, enhanced: Any) -> None:
    frames = [{"plane": plane, "position": at(k), "b_value": 800.0} for k, plane in enumerate(planes(1))]
    dataset = enhanced(maker, 3, "dwi", frames)
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:3]
    maker.save(dataset)
    assert only(maker).problem == "The number of frames and their descriptions disagree."


def test_frames_without_places(maker: Any) -> None:
    maker.series(3, "t2_tse", values=planes(1), edit=lambda dataset, k: repeat_frame(dataset))
    assert only(maker).problem == "It holds several frames and does not say where they lie."


def repeat_frame(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2


@pytest.mark.parametrize("manufacturer", ["Philips Medical Systems", "CANON_MEC", "Siemens Healthineers"])
def test_enhanced_frames_in_any_order(maker: Any, enhanced: Any, manufacturer: str) -> None:
    low, trace, directional, adc = planes(1), planes(2), planes(3), planes(4)
    frames = []
    for k in range(4):
        position = at(k)
        plain = {"position": position}
        frames += [
            {**plain, "plane": low[k], "directionality": "NONE"},
            {**plain, "plane": trace[k], "b_value": 800.0, "directionality": "ISOTROPIC", "slope": 2.0},
            {**plain, "plane": directional[k], "b_value": 800.0, "directionality": "DIRECTIONAL"},
            {**plain, "plane": adc[k], "frame_type": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]},
        ]
    np.random.default_rng(5).shuffle(frames)  # type: ignore[arg-type]
    path = maker.save(enhanced(maker, 3, "DWI_ALL", frames, Manufacturer=manufacturer))
    by_role = {series.role: series for series in scan_study(maker.folder)}
    dwi = load_series(by_role["DWI"])
    assert by_role["DWI"].b_values == (0.0, 800.0)
    assert np.array_equal(dwi.array, 2 * trace)
    assert np.array_equal(load_series(by_role["DWI"], 0.0).array, low)
    assert np.array_equal(load_series(by_role["ADC"]).array, adc)
    assert dwi.geometry.origin_lps_mm == pytest.approx(tuple(ORIGIN))
    assert dwi.geometry.spacing_mm == pytest.approx((2.0, 1.5, 4.0))
    assert dwi.acquisition.source_files == (path,)
    assert dwi.acquisition.phase_encoding_lps == (0.0, 1.0, 0.0)


def test_enhanced_t2(maker: Any, enhanced: Any) -> None:
    frames = [{"plane": plane, "position": at(k)} for k, plane in enumerate(planes(1))]
    dataset = enhanced(maker, 3, "t2_tse_tra", frames, EchoPlanarPulseSequence="NO")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "T2", "NONE"]
    maker.save(dataset)
    series = only(maker)
    assert (series.role, series.files, series.problem) == ("T2", 1, None)
