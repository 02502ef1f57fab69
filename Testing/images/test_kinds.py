"""What a series is, by its header: roles, maps, computed b-values, dynamic series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from LymphNodeSegLib.images.study import load_series, scan_study

from .conftest import AXIAL, CORONAL, SAGITTAL


def image_type(last: str, b_value: float = 800.0) -> dict[str, Any]:
    what = "DIFFUSION" if b_value else "M"
    return {"ImageType": ["DERIVED", "PRIMARY", what, last], "DiffusionBValue": b_value}


def timed(sequence: str, echo_ms: float, repetition_ms: float) -> dict[str, Any]:
    return {"ScanningSequence": sequence, "EchoTime": echo_ms, "RepetitionTime": repetition_ms}


@pytest.mark.parametrize(
    ("description", "header", "role", "kind"),
    [
        ("ep2d_diff_CALC_BVAL", {"DiffusionBValue": 1400.0}, "DWI", "computed DWI"),
        ("dwi", {"DiffusionBValue": 1400.0, "SequenceName": "*ep_b50_800"}, "DWI", "computed DWI"),
        ("dwi", image_type("CALC_BVALUE", 1400.0), "DWI", "computed DWI"),
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
        ("t2_tse_tra FA 150", timed("SE", 100, 4000), "T2", "T2"),
        ("t2_spc_rst_tra_p2", timed("SE", 103, 1700), "T2", "T2"),
        ("Sag CUBE T2", timed("RM", 110, 2500), "T2", "T2"),
        ("T2W_VISTA_SAG", timed("SE", 220, 1500), "T2", "T2"),
        ("T2W_SPAIR_tra", timed("SE", 70, 4500), "T2", "T2, fat-suppressed"),
        ("STIR cor", timed("IR", 60, 5000), "T2", "T2, fat-suppressed"),
        ("T2W_TSE_ax", image_type("W", 0.0) | timed("SE", 80, 4000), "T2", "T2, fat-suppressed"),
        ("SS-FSE T2 cor", timed("SE", 90, 1300), "T2", "T2, single shot"),
        ("becken tra", timed("SE", 25, 3000), "other", "other"),
        ("t2_fl2d_tra_hemo", timed("GR", 20, 700), "other", "other"),
        ("T2 Map Images", timed("SE", 60, 2500), "other", "T2* or T2 map"),
        ("mrcp_3d_t2_spc", timed("SE", 700, 2500), "other", "other"),
        ("t2_trufi_cor", timed("GR", 2, 5), "other", "other"),
        ("dynamic T1 LAVA sub", timed("GR", 2, 5), "other", "T1"),
        ("DCE_30s", timed("GR", 2, 5), "other", "dynamic series"),
        ("3-pl T2* FGRE", timed("GR", 2, 5), "other", "localizer"),
        ("3 Pl Loc SSFSE", timed("SE", 90, 1400), "other", "localizer"),
        ("Übersicht HASTE", timed("SE", 90, 1400), "other", "localizer"),
        ("repérage", timed("SE", 90, 1400), "other", "localizer"),
        ("localizador", timed("SE", 90, 1400), "other", "localizer"),
        ("定位像", timed("SE", 90, 1400), "other", "localizer"),
        ("Diffusion axiale", {}, "DWI", "DWI"),
        ("difusión tra", {}, "DWI", "DWI"),
        ("轴位弥散", {}, "DWI", "DWI"),
        ("拡散強調", {}, "DWI", "DWI"),
        ("Карта ADC", {}, "ADC", "ADC map"),
        ("Coefficient de diffusion apparent", {}, "ADC", "ADC map"),
        ("CDA", {}, "ADC", "ADC map"),
        ("Coeficiente de difusión aparente", {}, "ADC", "ADC map"),
        ("表观扩散系数", {}, "ADC", "ADC map"),
        ("ADC-Karte", {"DiffusionBValue": 800.0}, "ADC", "ADC map"),
        ("Exponential Apparent Diffusion Coefficient", {}, "other", "exponential ADC map"),
        ("轴位T2压脂", timed("SE", 90, 4000), "T2", "T2, fat-suppressed"),
        ("SYN b1400 Ax DWI", {"DiffusionBValue": 1400.0}, "DWI", "computed DWI"),
        ("DWI_b1500_calc", {"DiffusionBValue": 1500.0}, "DWI", "computed DWI"),
        ("DW_Synthetic: Ax DWI", {"DiffusionBValue": 1500.0}, "DWI", "computed DWI"),
        ("DWI b1400 berechnet", {"DiffusionBValue": 1400.0}, "DWI", "computed DWI"),
        ("ep2d_tensor", image_type("TENSOR_B0"), "other", "diffusion tensor"),
        ("dwi MIP", image_type("MIP"), "other", "projection"),
        ("ADC MIP", {"ImageType": ["DERIVED", "SECONDARY", "ADC", "MIP"]}, "other", "projection"),
        ("t2 sub", image_type("SUB", 0.0) | timed("SE", 90, 4000), "other", "subtraction image"),
    ],
)  # fmt: skip
def test_kinds(maker: Any, description: str, header: dict[str, Any], role: str, kind: str) -> None:
    base = timed("EP", 100, 4000) | {"SpecificCharacterSet": "ISO_IR 192"}
    maker.series(3, description, **{**base, **header})
    (series,) = scan_study(maker.folder)
    assert (series.role, series.kind, series.computed) == (role, kind, kind == "computed DWI")


def test_acquisition_that_is_called_adc(maker: Any) -> None:
    for b_value in (50.0, 800.0):
        maker.series(3, "Ax DWI ADC", **timed("EP", 60, 5000), DiffusionBValue=b_value)
    (series,) = scan_study(maker.folder)
    assert (series.role, series.b_values) == ("DWI", (50.0, 800.0))


def test_several_unknown_b_values_are_not_averaged(maker: Any) -> None:
    for _ in range(2):
        maker.series(3, "dwi tra", **timed("EP", 60, 5000))
    (series,) = scan_study(maker.folder)
    assert (series.role, series.b_values) == ("DWI", ())
    assert series.problem == "Every slice is there 2 times (several b-values that no header names)."


def test_both_echoes_of_one_series(maker: Any) -> None:
    maker.series(3, "tse_pd+t2_tra", **timed("SE", 14, 4000))
    stored = maker.series(3, "tse_pd+t2_tra", **timed("SE", 98, 4000))
    found = {series.kind: series for series in scan_study(maker.folder)}
    assert {kind: series.problem for kind, series in found.items()} == {"T2": None, "proton density": None}
    assert np.array_equal(load_series(found["T2"]).array, stored)


def test_many_echoes_are_those_of_a_map(maker: Any) -> None:
    for echo_ms in (20, 60, 100):
        maker.series(3, "se_multi_echo", **timed("SE", echo_ms, 2500))
    (series,) = scan_study(maker.folder)
    assert series.problem is not None
    assert "several echoes" in series.problem


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


def test_an_image_without_a_name_is_known_by_its_times(maker: Any) -> None:
    maker.series(3, "", **timed("SE", 102, 5000))
    (series,) = scan_study(maker.folder)
    assert (series.role, series.kind) == ("T2", "T2")


def test_a_t2_in_three_planes_is_a_localizer_whatever_its_name(maker: Any) -> None:
    for orientation in (AXIAL, SAGITTAL, CORONAL):
        maker.series(3, "haste", orientation=orientation, **timed("SE", 90, 1400))
    (series,) = scan_study(maker.folder)
    assert (series.role, series.kind) == ("other", "localizer")


def test_whole_volumes_in_three_planes_are_no_localizer(maker: Any) -> None:
    for orientation in (AXIAL, SAGITTAL, CORONAL):
        maker.series(3, "t2 3d", orientation=orientation, slices=20, **timed("SE", 90, 1400))
    assert [series.role for series in scan_study(maker.folder)] == ["T2", "T2", "T2"]


def test_a_t2_of_three_oblique_groups_is_none(maker: Any) -> None:
    for degrees in (0, 20, 40):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        maker.series(3, "t2_tse", orientation=(1, 0, 0, 0, cos, sin), **timed("SE", 90, 4000))
    assert [series.role for series in scan_study(maker.folder)] == ["T2", "T2", "T2"]


RAW_DATA, SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.5.1.4.1.1.4.2"
PHILIPS_SERIES_DATA, PHILIPS_EXAM_CARD = "1.3.46.670589.11.0.0.12.2", "1.3.46.670589.11.0.0.12.4"
STRUCTURED_REPORT, SOFTCOPY = "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.11.1"
RT_STRUCTURE_SET, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.88.59"


@pytest.mark.parametrize(
    "sop_class",
    [
        RAW_DATA,
        SPECTROSCOPY,
        PHILIPS_SERIES_DATA,
        PHILIPS_EXAM_CARD,
        STRUCTURED_REPORT,
        SOFTCOPY,
        KEY_OBJECTS,
    ],
)
def test_what_is_no_image_spoils_no_series_that_it_lies_in(maker: Any, sop_class: str) -> None:
    stored = maker.series(3, "t2_tse_tra")
    other = maker.dataset(3, "t2_tse_tra", SOPClassUID=sop_class, Rows=1, Columns=512)
    maker.save(other)
    t2, left = sorted(scan_study(maker.folder), key=lambda series: series.role)
    assert (t2.role, t2.problem, t2.files) == ("T2", None, 6)
    assert np.array_equal(load_series(t2).array, stored)
    assert (left.role, left.files) == ("other", 1)
    assert left.kind.startswith("no image")


def test_objects_in_the_study_folder_are_listed_as_what_they_are(maker: Any) -> None:
    maker.pair()
    for number, (modality, sop_class) in enumerate(
        (("SR", STRUCTURED_REPORT), ("PR", SOFTCOPY), ("KO", KEY_OBJECTS), ("RTSTRUCT", RT_STRUCTURE_SET)), 10
    ):
        maker.save(maker.dataset(number, "", Modality=modality, SOPClassUID=sop_class))
    kinds = [series.kind for series in scan_study(maker.folder) if series.number >= 10]
    assert kinds == [f"no MR image ({name})" for name in ("SR", "PR", "KO", "RTSTRUCT")]
