"""Which series are chosen where several would do, and what the user is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.console_tables import print_series
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.choose import Choice, Wanted, choose_series
from LymphNodeSegLib.images.study import load_study, scan_study

DIS2D, ND = (["ORIGINAL", "PRIMARY", "M", "NORM", last] for last in ("DIS2D", "ND"))
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def choice(maker: Any, **wanted: Any) -> Choice:
    return choose_series(scan_study(maker.folder), Wanted(**wanted))


def dwi(maker: Any, number: int, description: str = "ep2d_diff", b_value: float = 800.0, **more: Any) -> Any:
    return maker.series(number, description, diffusion=True, DiffusionBValue=b_value, **more)


def t2(maker: Any, number: int, description: str = "t2_tse", **more: Any) -> Any:
    return maker.series(number, description, **more)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"description": "t2_tse_tra"}, {"description": "t2_tse_sag", "orientation": SAGITTAL}),
        (
            {"description": "t2_tse_sag", "orientation": SAGITTAL, "origin": (0.0, -30.0, 35.0)},
            {"description": "t2_tse_cor", "orientation": CORONAL, "origin": (-20.0, 0.0, 35.0)},
        ),
        ({"description": "t2_tse_tra"}, {"description": "t2_tse_fs_tra"}),
        ({"description": "t2_tse_tra"}, {"description": "t2_haste_tra"}),
        ({"description": "t2 whole pelvis"}, {"description": "t2 small", "rows": 8, "columns": 6}),
        ({"description": "t2 fine"}, {"description": "t2 coarse", "pixel_spacing": (3.0, 4.0)}),
        ({"description": "t2 acquired"}, {"description": "t2 mpr", "ImageType": ["DERIVED", "MPR"]}),
        ({"description": "t2 dis2d", "ImageType": DIS2D}, {"description": "t2", "ImageType": ND}),
        ({"description": "t2 good"}, {"description": "t2 gap", "depths": [0, 4, 8, 16, 20, 24]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("better_first", [True, False])
def test_better_t2(maker: Any, better: Any, worse: Any, better_first: bool) -> None:
    for number, options in enumerate((better, worse) if better_first else (worse, better), 1):
        t2(maker, number, **options)
    dwi(maker, 5)
    chosen = choice(maker)
    assert chosen.t2.description == better["description"]
    assert any(f"'{better['description']}'" in reason for reason in chosen.reasons)


def test_the_later_of_two_equal_ones_is_the_repeat(maker: Any) -> None:
    for number in (1, 2, 3):
        t2(maker, number)
    dwi(maker, 5)
    assert choice(maker).t2.number == 3


def test_the_reason_says_what_the_user_chose(maker: Any) -> None:
    t2(maker, 1)
    for b_value in (400.0, 800.0):
        dwi(maker, 2, b_value=b_value)
    dwi(maker, 3, "ep2d_diff_CALC_BVAL", 1400.0)
    series = {one.number: one.uid for one in scan_study(maker.folder)}
    for wanted, how in (
        ({}, "measured;"),
        ({"b_value_s_mm2": 400.0}, "measured, b-value as you chose;"),
        ({"dwi": series[2]}, "measured, series as you chose;"),
        ({"dwi": series[2], "b_value_s_mm2": 800.0}, "measured, series and b-value as you chose;"),
        ({"dwi": series[3]}, "computed by the scanner, series as you chose."),
    ):
        (reason,) = (reason for reason in choice(maker, **wanted).reasons if reason.startswith("DWI"))
        assert how in reason


def test_measured_beats_computed_from_b500_on(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, b_value=600.0)
    dwi(maker, 3, "ep2d_diff_CALC_BVAL", 1400.0)
    chosen = choice(maker)
    assert (chosen.dwi.number, chosen.b_value_s_mm2) == (2, 600.0)
    assert any("not the computed 'ep2d_diff_CALC_BVAL'" in reason for reason in chosen.reasons)


def test_computed_is_better_than_too_low(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, b_value=50.0)
    dwi(maker, 2, b_value=400.0)
    dwi(maker, 3, "ep2d_diff_CALC_BVAL", 1400.0)
    chosen = choice(maker)
    assert (chosen.dwi.computed, chosen.b_value_s_mm2) == (True, 1400.0)
    assert any("computed by the scanner" in reason for reason in chosen.reasons)


def test_low_b_value_alone_is_taken_with_a_warning(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, b_value=0.0)
    dwi(maker, 2, b_value=400.0)
    assert choice(maker).b_value_s_mm2 == 400.0
    assert any("below 500" in reason for reason in choice(maker).reasons)


def test_b_values_of_diffusion_spectra_are_too_high(maker: Any) -> None:
    t2(maker, 1)
    for b_value in (0.0, 1000.0, 2000.0, 3000.0):
        dwi(maker, 2, b_value=b_value)
    assert choice(maker).b_value_s_mm2 == 1000.0


def test_larger_field_of_view_beats_higher_b(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, "whole pelvis", 800.0)
    dwi(maker, 3, "small field", 1000.0, rows=8, columns=6)
    assert choice(maker).dwi.description == "whole pelvis"


def test_adc_that_belongs_to_the_dwi(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, "dwi one", rows=14)
    maker.series(3, "one_ADC", diffusion=True, rows=14)
    dwi(maker, 4, "dwi two")
    maker.series(5, "two_ADC", diffusion=True)
    chosen = choice(maker)
    assert chosen.adc is not None
    assert (chosen.dwi.description, chosen.adc.description) == ("dwi two", "two_ADC")
    assert choice(maker, dwi=f"{maker.study}.2").adc.description == "one_ADC"  # type: ignore[union-attr]


def test_no_adc_is_said(maker: Any) -> None:
    maker.pair()
    assert choice(maker).adc is None
    assert any("no ADC map" in reason for reason in choice(maker).reasons)


def test_same_frame_of_reference_is_preferred(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 5)
    t2(maker, 7, "t2 after getting up again", FrameOfReferenceUID="1.2.3.4")
    assert choice(maker).t2.number == 1


def test_the_user_decides(maker: Any) -> None:
    tra = t2(maker, 1, "t2_tra")
    sag = t2(maker, 2, "t2_sag", orientation=SAGITTAL, origin=(0.0, -30.0, 35.0))
    arrays = {b_value: dwi(maker, 3, b_value=b_value) for b_value in (400.0, 800.0)}
    study = load_study(maker.folder, wanted=Wanted(t2=f"{maker.study}.2", b_value_s_mm2=400.0))
    assert np.array_equal(study.t2.array, sag)
    assert not np.array_equal(study.t2.array, tra)
    assert np.array_equal(study.dwi.array, arrays[400.0])
    assert [image.acquisition.b_value_s_mm2 for image in study.dwi_series] == [400.0, 800.0]


def test_the_user_may_call_any_series_t2(maker: Any) -> None:
    maker.series(1, "nameless", ScanningSequence="GR", EchoTime=5, RepetitionTime=10)
    dwi(maker, 2)
    with pytest.raises(InputError, match="no T2 series"):
        choice(maker)
    assert choice(maker, t2=f"{maker.study}.1").t2.role == "T2"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"t2": "1.2.3"}, "no series 1.2.3"),
        ({"b_value_s_mm2": 50.0}, "no volume at b = 50: choose one of 800"),
    ],
)
def test_wishes_that_cannot_be_met(maker: Any, wanted: dict[str, Any], says: str) -> None:
    maker.pair()
    with pytest.raises(InputError, match=says):
        choice(maker, **wanted)


def test_dwi_elsewhere(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, origin=(-20.0, -30.0, 900.0))
    with pytest.raises(InputError, match="No T2-weighted series lies where a DWI series lies"):
        choice(maker)


def test_two_studies_are_refused(maker: Any) -> None:
    maker.pair()
    maker.study = "1.2.3.4.5"
    maker.pair()
    with pytest.raises(InputError, match="2 studies with T2 and DWI: give the folder of one"):
        choice(maker)


def test_patients_under_one_study_uid_are_not_mixed(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, PatientID="another")
    with pytest.raises(InputError, match="No T2-weighted series lies where a DWI series lies"):
        choice(maker)
    dwi(maker, 3)
    assert choice(maker).dwi.number == 3
    t2(maker, 4, PatientID="another")
    with pytest.raises(InputError, match="2 studies with T2 and DWI"):
        choice(maker)


def test_a_header_without_a_patient_fits_any(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, PatientID="")
    assert choice(maker).dwi.number == 2


def test_one_slice_of_another_plane_does_not_spoil_its_series(maker: Any, capsys: Any) -> None:
    maker.pair()
    maker.series(1, "t2_tse_tra", slices=1, orientation=SAGITTAL)
    series = scan_study(maker.folder)
    print_series(series, choose_series(series))
    lines = [line for line in capsys.readouterr().out.splitlines() if "t2_tse" in line]
    assert [line[0] for line in lines[:2]] == ["*", " "]


def test_only_broken_dwi_says_why(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, depths=[0, 4, 8, 16, 20, 24])
    with pytest.raises(InputError, match=r"DWI series cannot be used: 'ep2d_diff': .*1 slice is missing"):
        choice(maker)


def test_only_b0_is_no_dwi_to_work_on(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, b_value=0.0)
    with pytest.raises(InputError, match="no DWI series"):
        choice(maker)


def test_different_acquisitions_are_not_mixed(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, "dwi_b50", 50.0)
    dwi(maker, 3, "dwi_b800", 800.0)
    dwi(maker, 4, "dwi_navigated_b400", 400.0)
    study = load_study(maker.folder)
    assert [image.acquisition.b_value_s_mm2 for image in study.dwi_series] == [50.0, 800.0]


def test_b_values_on_another_grid_are_left_out(maker: Any) -> None:
    t2(maker, 1)
    dwi(maker, 2, b_value=50.0, slices=5)
    dwi(maker, 2, b_value=400.0)
    dwi(maker, 2, b_value=800.0)
    study = load_study(maker.folder)
    assert [image.acquisition.b_value_s_mm2 for image in study.dwi_series] == [400.0, 800.0]
    assert any(image is study.dwi for image in study.dwi_series)


def test_what_was_left_out_is_said(maker: Any) -> None:
    maker.pair()
    t2(maker, 3, "t2 with a gap", depths=[0, 4, 8, 16, 20, 24])
    dwi(maker, 2, b_value=400.0, depths=[0, 4, 8, 16, 20, 24])
    left = [reason for reason in choice(maker).reasons if reason.startswith("Left out")]
    assert len(left) == 2
    assert "'ep2d_diff', DWI: b = 400: 1 slice is missing" in left[0]
    assert "'t2 with a gap', T2: 1 slice is missing" in left[1]
