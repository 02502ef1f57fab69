"""Roles and b-values as each maker writes them, on synthetic headers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.images.study import load_series, scan_study
from pydicom.dataset import Dataset

from .conftest import found

# --- GE


def ge(maker: Any, b_raw: str, **more: Any) -> Callable[[Dataset, int], None]:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.Manufacturer = "GE MEDICAL SYSTEMS"
        maker.private(dataset, 0x0043, "GEMS_PARM_01", x39=("IS", [b_raw, "8", "0", "0"]))
        for keyword, value in more.items():
            setattr(dataset, keyword, value)

    return edit


def test_ge_b_value_with_offset_and_no_standard_attribute(maker: Any) -> None:
    low = maker.series(3, "Ax DWI", diffusion=True, edit=ge(maker, "0"))
    high = maker.series(3, "Ax DWI", diffusion=True, edit=ge(maker, "1000000800"))
    series = found(maker)["Ax DWI"]
    assert (series.role, series.b_values, series.problem) == ("DWI", (0.0, 800.0), None)
    assert np.array_equal(load_series(series).array, high)
    assert np.array_equal(load_series(series, 0.0).array, low)


def test_ge_propeller_dwi_is_no_echo_planar_one(maker: Any) -> None:
    maker.series(3, "Ax DWI PROPELLER", ScanningSequence="SE", edit=ge(maker, "800"))
    assert found(maker)["Ax DWI PROPELLER"].b_values == (800.0,)


@pytest.mark.parametrize("raw", ["800", "1000000800", "10000"])
def test_ge_b_values_up_to_ten_thousand(maker: Any, raw: str) -> None:
    maker.series(3, "Ax DWI", diffusion=True, edit=ge(maker, raw))
    assert found(maker)["Ax DWI"].b_values == (float(raw) % 1e9,)


def test_ge_integers_of_a_t2_are_no_b_value(maker: Any) -> None:
    maker.series(3, "Ax T2 FRFSE", edit=ge(maker, "900"))
    series = found(maker)["Ax T2 FRFSE"]
    assert (series.role, series.b_values) == ("T2", ())


def test_ge_maps(maker: Any) -> None:
    for number, name in enumerate(("ADC (10^-6 mm2/s)", "eADC", "Fractional Aniso."), 3):
        maker.series(number, name, diffusion=True, edit=ge(maker, "800", ImageType=["DERIVED", "SECONDARY"]))
    roles = {name: (series.role, series.kind) for name, series in found(maker).items()}
    assert roles["ADC (10^-6 mm2/s)"][0] == "ADC"
    assert roles["eADC"] == ("other", "exponential ADC map")
    assert roles["Fractional Aniso."] == ("other", "FA map")


# --- Philips


def philips(maker: Any, b_value: float, direction: str, **more: Any) -> Callable[[Dataset, int], None]:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.Manufacturer = "Philips Medical Systems"
        maker.private(dataset, 0x2001, "Philips Imaging DD 001", x03=("FL", b_value), x04=("CS", direction))
        for keyword, value in more.items():
            setattr(dataset, keyword, value)

    return edit


def test_philips_trace_is_taken_and_adc_of_the_same_series_is_told_apart(maker: Any) -> None:
    options: dict[str, Any] = {"diffusion": True}
    maker.series(3, "dwi", edit=philips(maker, 0.003, "N"), **options)
    for axis in "PMS":
        maker.series(3, "dwi", edit=philips(maker, 800.0, axis), **options)
    trace = maker.series(3, "dwi", edit=philips(maker, 800.0, "I"), **options)
    adc_type = ["ORIGINAL", "PRIMARY", "ADC", "ADC", "UNSPECIFIED"]
    adc = maker.series(
        3,
        "dwi",
        edit=philips(maker, 800.0, "N", ImageType=adc_type, RescaleSlope="0.001", RescaleIntercept="0"),
        **options,
    )
    dwi, map_ = sorted(scan_study(maker.folder), key=lambda series: series.role == "ADC")
    assert (dwi.role, dwi.b_values, map_.role) == ("DWI", (0.0, 800.0), "ADC")
    assert np.array_equal(load_series(dwi).array, trace)
    assert np.allclose(load_series(map_).array, adc, rtol=1e-5)  # 1e-3 mm2/s in the file


def test_philips_t2_with_b_zero_in_its_header_is_no_dwi(maker: Any) -> None:
    maker.series(3, "T2W_TSE_ax", edit=philips(maker, 0.0, "N", DiffusionBValue=0.0))
    series = found(maker)["T2W_TSE_ax"]
    assert (series.role, series.b_values) == ("T2", ())


def test_philips_scale_slope_makes_slices_comparable(maker: Any) -> None:
    truth = np.random.default_rng(0).integers(100, 1000, (4, 16, 12)).astype(float)
    scale_slopes = (4.0, 2.0, 1.0, 3.0)  # stored = truth * scale slope

    def edit(dataset: Dataset, k: int) -> None:
        philips(maker, 0.0, "N")(dataset, k)
        dataset.RescaleSlope, dataset.RescaleIntercept = "1.7", "0"
        maker.private(dataset, 0x2005, "Philips MR Imaging DD 001", x0E=("FL", scale_slopes[k]))

    maker.series(3, "T2W_TSE_ax", values=truth * np.reshape(scale_slopes, (4, 1, 1)), edit=edit)
    ratio = load_series(found(maker)["T2W_TSE_ax"]).array / truth
    assert np.allclose(ratio, ratio.mean(), rtol=1e-5)


def test_rescale_of_each_slice(maker: Any) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = str(0.5 * (k + 1)), str(10 * k)

    stored = maker.series(3, "t2_tse_tra", edit=edit)
    slopes = 0.5 * (np.arange(6) + 1)[:, None, None]
    truth = stored * slopes + 10 * np.arange(6)[:, None, None]
    assert np.allclose(load_series(found(maker)["t2_tse_tra"]).array, truth)


# --- Hitachi, and numbers that came through implicit VR


def test_hitachi_b_value(maker: Any) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        maker.private(dataset, 0x0029, "MMCPrivate", x30=("FD", 800.0))

    maker.series(3, "DWI", diffusion=True, Manufacturer="Hitachi Medical Corporation", edit=edit)
    maker.series(4, "T2 FSE", Manufacturer="Hitachi Medical Corporation", edit=edit)
    assert {name: series.b_values for name, series in found(maker).items()} == {"DWI": (800.0,), "T2 FSE": ()}


@pytest.mark.parametrize("b_value", [50.0, 800.0, 1000.0])
@pytest.mark.parametrize(
    ("maker_name", "group", "creator", "element", "form"),
    [("UIH", 0x0065, "Image Private Header", "x09", "<d"), ("Philips", 0x2001, "", "x03", "<f")],
)
def test_binary_numbers_whose_vr_was_lost(
    maker: Any, maker_name: str, group: int, creator: str, element: str, form: str, b_value: float
) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.Manufacturer = maker_name
        maker.private(dataset, group, creator or "lost", **{element: ("UN", struct.pack(form, b_value))})

    maker.series(3, "dwi", diffusion=True, edit=edit)
    assert found(maker)["dwi"].b_values == (b_value,)


# --- headers without a maker


def test_a_removed_manufacturer_is_known_by_what_only_it_writes(maker: Any) -> None:
    private = {
        "GE": (0x0043, "GEMS_PARM_01", {"x39": ("IS", ["1000000800", "8", "0", "0"])}),
        "Philips": (0x2001, "Philips Imaging DD 001", {"x03": ("FL", 800.0)}),
        "Siemens": (0x0019, "SIEMENS MR HEADER", {"x0C": ("IS", "800")}),
        "UIH": (0x0065, "Image Private Header", {"x09": ("FD", 800.0)}),
    }

    def edit_of(name: str) -> Callable[[Dataset, int], None]:
        def edit(dataset: Dataset, k: int) -> None:
            group, creator, elements = private[name]
            del dataset.Manufacturer
            maker.private(dataset, group, creator, **elements)

        return edit

    for number, name in enumerate(private, 3):
        maker.series(number, name, diffusion=True, edit=edit_of(name))
    assert {name: series.b_values for name, series in found(maker).items()} == dict.fromkeys(
        private, (800.0,)
    )


# --- Canon, enhanced files


def test_toshiba_writes_the_b_value_of_weighted_images_only(maker: Any) -> None:
    options = {"diffusion": True, "Manufacturer": "TOSHIBA"}
    low = maker.series(3, "DTI ortho", **options)
    high = maker.series(3, "DTI ortho", DiffusionBValue=1500.0, **options)
    series = found(maker)["DTI ortho"]
    assert (series.b_values, series.problem) == ((0.0, 1500.0), None)
    assert np.array_equal(load_series(series, 0.0).array, low)
    assert np.array_equal(load_series(series, 1500.0).array, high)


def test_b_values_that_some_slices_lost_are_not_taken_for_b_zero(maker: Any) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        if k < 2:
            del dataset.DiffusionBValue

    maker.series(3, "dwi", diffusion=True, DiffusionBValue=800.0, edit=edit)
    assert found(maker)["dwi"].b_values == (800.0,)


@pytest.mark.parametrize("several", [False, True])
def test_classic_files_that_were_converted_to_one_multi_frame_file(maker: Any, several: bool) -> None:
    legacy = pytest.importorskip("highdicom").legacy
    b_values = (50.0, 800.0) if several else (800.0,)

    def edit(dataset: Dataset, k: int) -> None:
        dataset.PatientBirthDate, dataset.PatientSex, dataset.ReferringPhysicianName = "", "", ""
        dataset.PatientPosition, dataset.PositionReferenceIndicator = "HFS", ""

    stored = [
        maker.series(3, "ep2d_diff", diffusion=True, edit=edit, SequenceName=f"*ep_b{b_value:.0f}t")
        for b_value in b_values
    ]
    paths = sorted(maker.folder.iterdir())
    classic = sorted((pydicom.dcmread(path) for path in paths), key=lambda one: one.InstanceNumber)
    for path in paths:
        path.unlink()
    converted = legacy.LegacyConvertedEnhancedMRImage(
        classic, f"{maker.study}.7", 7, f"{maker.study}.7.1", instance_number=1
    )
    converted.SeriesDescription = "ep2d_diff"
    converted.save_as(maker.folder / "converted")
    (series,) = scan_study(maker.folder)
    assert (series.role, series.b_values, series.problem) == ("DWI", b_values, None)
    for b_value, array in zip(b_values, stored):
        assert np.array_equal(load_series(series, b_value).array, array)


def test_canon_b_value_in_the_comment(maker: Any) -> None:
    options = {"diffusion": True, "Manufacturer": "CANON_MEC"}
    maker.series(3, "DWI", ImageComments="b=0", **options)
    maker.series(3, "DWI", ImageComments="b=1000(0.445,0.000,0.895)", **options)
    assert found(maker)["DWI"].b_values == (0.0, 1000.0)
