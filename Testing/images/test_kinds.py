"""What a series is, by its header: roles, maps, computed b-values, dynamic series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.study import load_series, scan_study


def image_type(last: str) -> dict[str, Any]:
    b_value = 1400.0 if "CALC" in last else 800.0
    return {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", last], "DiffusionBValue": b_value}


def timed(sequence: str, echo_ms: float, repetition_ms: float) -> dict[str, Any]:
    return {"ScanningSequence": sequence, "EchoTime": echo_ms, "RepetitionTime": repetition_ms}


@pytest.mark.parametrize(
    ("description", "header", "role", "kind"),
    [
        ("ep2d_diff_CALC_BVAL", {"DiffusionBValue": 1400.0}, "DWI", "computed DWI"),
        ("dwi", {"DiffusionBValue": 1400.0, "SequenceName": "*ep_b50_800"}, "DWI", "computed DWI"),
        ("dwi", image_type("CALC_BVALUE"), "DWI", "computed DWI"),
        ("cDWI b1500", {"DiffusionBValue": 1500.0}, "DWI", "computed DWI"),
        ("DWI b800", {}, "DWI", "DWI"),
        ("ep2d_FA", image_type("FA"), "other", "FA map"),
        ("ep2d_TRACEW", image_type("TRACEW"), "DWI", "DWI"),
        ("ADC", {"SequenceName": "*ep_b50_800"}, "ADC", "ADC map"),
        ("localizer", {"ScanningSequence": "GR"}, "other", "localizer"),
        ("t1_vibe_fs_tra", timed("GR", 2, 5), "other", "T1"),
        ("t1_tse_tra", timed("SE", 12, 600), "other", "T1"),
        ("t2star", timed("GR", 20, 600), "other", "T2* or T2 map"),
        ("pd_tse", timed("SE", 30, 3000), "other", "proton density"),
        ("Becken tra", {"ScanningSequence": "SE"}, "T2", "T2"),
        ("t2_tse_fs", {"ScanningSequence": "SE"}, "T2", "T2, fat-suppressed"),
        ("t2_haste_fast", timed("SE", 90, 800), "T2", "T2, single shot"),
        ("t2_haste", {"ScanningSequence": "SE"}, "T2", "T2, single shot"),
        ("secondary", {"Modality": "OT"}, "other", "no MR image (OT)"),
    ],
)  # fmt: skip
def test_kinds(maker: Any, description: str, header: dict[str, Any], role: str, kind: str) -> None:
    base = timed("EP", 100, 4000)
    maker.series(3, description, **{**base, **header})
    (series,) = scan_study(maker.folder)
    assert (series.role, series.kind, series.computed) == (role, kind, kind == "computed DWI")


def test_acquisition_that_is_called_adc(maker: Any) -> None:
    for b_value in (50.0, 800.0):
        maker.series(3, "Ax DWI ADC", **timed("EP", 60, 5000), DiffusionBValue=b_value)
    (series,) = scan_study(maker.folder)
    assert (series.role, series.b_values) == ("DWI", (50.0, 800.0))


def test_b0_without_a_b_value(maker: Any) -> None:
    maker.series(3, "dwi", **timed("EP", 60, 5000), DiffusionDirectionality="NONE")
    maker.series(
        3, "dwi", **timed("EP", 60, 5000), DiffusionDirectionality="ISOTROPIC", DiffusionBValue=800.0
    )
    (series,) = scan_study(maker.folder)
    assert series.b_values == (0.0, 800.0)


def test_dixon_in_one_series(maker: Any) -> None:
    for name in ("W", "F", "IP", "OP"):
        header = {"ImageType": ["DERIVED", "PRIMARY", name, name, "DERIVED"], "Manufacturer": "Philips"}
        maker.series(3, "T2W mDIXON", **timed("SE", 80, 4000), **header)
    kinds = sorted((series.role, series.kind, series.problem) for series in scan_study(maker.folder))
    assert kinds == [
        ("T2", "T2", None),
        ("T2", "T2, fat-suppressed", None),
        ("other", "fat image", None),
        ("other", "opposed-phase image", None),
    ]


def test_phase_images_are_no_volume_twice(maker: Any) -> None:
    stored = maker.series(3, "t2_tse", ImageType=["ORIGINAL", "PRIMARY", "M"])
    maker.series(3, "t2_tse", ImageType=["ORIGINAL", "PRIMARY", "P"])
    (t2,) = (series for series in scan_study(maker.folder) if series.role == "T2")
    assert np.array_equal(load_series(t2).array, stored)


def test_dynamic_series(maker: Any) -> None:
    for time in range(5):
        maker.series(
            3, "tra", ScanningSequence="GR", EchoTime=2, RepetitionTime=5, TemporalPositionIdentifier=time + 1
        )
    (series,) = scan_study(maker.folder)
    assert (series.role, series.kind) == ("other", "dynamic series")


def test_b_values_close_together_are_one_shell(maker: Any) -> None:
    for index, b_value in enumerate((0.0, 795.0, 800.0, 805.0)):
        array = np.full((4, 16, 12), 100 * 2**index)
        array[0, 0, 0] += 1
        maker.series(3, "dti", diffusion=True, DiffusionBValue=b_value, values=array)
    (series,) = scan_study(maker.folder)
    assert series.b_values == (0.0, 800.0)
    assert float(load_series(series).array[1, 1, 1]) == pytest.approx(
        400.0
    )  # geometric mean of 200, 400, 800
