"""Whole pelvic studies as five makers name and mark them: what each series is, and which are chosen.

Names, image types and sequence values follow the makers' conformance statements and public headers.
"""

from __future__ import annotations

from typing import Any

import pytest
from LymphNodeSegLib.images.choose import choose_series
from LymphNodeSegLib.images.study import scan_study

SE, GR, EP = ("SE", 100, 4500), ("GR", 2, 5), ("EP", 65, 5200)
TRACE, SPIN_ECHO = r"DERIVED\PRIMARY\DIFFUSION\TRACEW", r"ORIGINAL\PRIMARY\M_SE\M\SE"

Series = tuple[str, tuple[str, float, float], dict[str, Any], str]

SIEMENS: list[Series] = [
    ("localizer_cor+tra+sag", ("GR", 3, 7), {}, "other"),
    ("t2_tse_sag_320", SE, {"PlaneOf": "sagittal"}, "T2"),
    ("t2_tse_tra_p2_320", SE, {}, "T2"),
    ("t2_tirm_tra", ("IR", 62, 4800), {}, "T2"),
    ("t1_tse_tra", ("SE", 11, 600), {}, "other"),
    ("ep2d_diff_b50_400_800_tra", EP, {"b": (50, 400, 800), "ImageType": TRACE}, "DWI"),
    ("ep2d_diff_b50_400_800_tra_ADC", EP, {"ImageType": r"DERIVED\PRIMARY\DIFFUSION\ADC"}, "ADC"),
    ("ep2d_diff_b50_400_800_tra_CALC_BVAL", EP, {"b": (1400,), "ImageType": TRACE}, "DWI"),
    ("t1_vibe_dixon_dyn_W", GR, {"ImageType": r"DERIVED\PRIMARY\DIXON\WATER"}, "other"),
    ("t1_vibe_dyn_SUB", GR, {"ImageType": r"DERIVED\PRIMARY\M\SUB"}, "other"),
]
GE: list[Series] = [
    ("3-Plane Loc SSFSE", ("SE", 80, 1400), {}, "other"),
    ("Calibration Scan", ("GR", 1, 150), {}, "other"),
    ("Sag T2 frFSE", SE, {"PlaneOf": "sagittal"}, "T2"),
    ("Ax T2 FRFSE HR", SE, {}, "T2"),
    ("WATER: Ax T2 FLEX", SE, {"ImageType": r"DERIVED\PRIMARY\DIXON\WATER"}, "T2"),
    ("FAT: Ax T2 FLEX", SE, {"ImageType": r"DERIVED\PRIMARY\DIXON\FAT"}, "other"),
    ("Ax DWI b=0,800", EP, {"b": (0, 800)}, "DWI"),
    ("ADC (10^-6 mm²/s):Sep 01 2025", EP, {"ImageType": r"DERIVED\SECONDARY\ADC"}, "ADC"),
    ("eADC:Sep 01 2025", EP, {"ImageType": r"DERIVED\SECONDARY"}, "other"),
    ("DW_Synthetic: Ax DWI b=1500", EP, {"b": (1500,), "ImageType": r"DERIVED\SECONDARY"}, "DWI"),
    ("Ax LAVA DCE", GR, {}, "other"),
]
PHILIPS: list[Series] = [
    ("Survey", ("GR", 2, 10), {}, "other"),
    ("T2W_TSE_sag", SE, {"PlaneOf": "sagittal", "ImageType": SPIN_ECHO}, "T2"),
    ("T2W_TSE_tra_HR", SE, {"ImageType": SPIN_ECHO}, "T2"),
    ("T2W_SPAIR_cor", ("SE", 70, 4200), {"PlaneOf": "coronal", "ImageType": SPIN_ECHO}, "T2"),
    ("DWI_3b_tra", EP, {"b": (0, 100, 800), "ImageType": SPIN_ECHO}, "DWI"),
    ("dDWI_3b_tra", EP, {"b": (800,), "ImageType": r"ORIGINAL\PRIMARY\ADC\ADC\UNSPECIFIED"}, "ADC"),
    ("dsDWI_3b_tra eADC", EP, {"b": (800,), "ImageType": r"ORIGINAL\PRIMARY\EADC\EADC\UNSPECIFIED"}, "other"),
    ("THRIVE_dyn_5", GR, {"ImageType": r"ORIGINAL\PRIMARY\M_FFE\M\FFE"}, "other"),
    ("sDWI b1500", EP, {"b": (1500,), "ImageType": r"DERIVED\PRIMARY\M_SE\M\SE"}, "DWI"),
]
UIH: list[Series] = [
    ("scout", ("GR", 2, 8), {}, "other"),
    ("t2_fse_sag", SE, {"PlaneOf": "sagittal"}, "T2"),
    ("t2_fse_tra", SE, {}, "T2"),
    ("t2_fse_tra_fs", SE, {}, "T2"),
    ("epi_dwi_tra_b50_800", EP, {"b": (50, 800)}, "DWI"),
    ("epi_dwi_tra_b50_800_ADC", EP, {"ImageType": r"DERIVED\PRIMARY\ADC\NONE"}, "ADC"),
    ("epi_dwi_tra_cb1500", EP, {"b": (1500,), "ImageType": r"DERIVED\PRIMARY\CDWI\NONE"}, "DWI"),
    ("t1_quick3d_tra_fs_dyn", GR, {}, "other"),
]
CANON: list[Series] = [
    ("Locator", ("GR", 5, 20), {}, "other"),
    ("T2W FSE SG", SE, {"PlaneOf": "sagittal"}, "T2"),
    ("T2W FSE AX", SE, {}, "T2"),
    ("STIR AX", ("IR", 60, 5000), {}, "T2"),
    ("DWI b0-800 AX", EP, {"b": (0, 800)}, "DWI"),
    ("ADC AX", EP, {"ImageType": r"DERIVED\SECONDARY\ADC"}, "ADC"),
    ("Quick3Ds Dyn", GR, {}, "other"),
]
PLANES = {"sagittal": (0, 1, 0, 0, 0, -1), "coronal": (1, 0, 0, 0, 0, -1), "axial": (1, 0, 0, 0, 1, 0)}
MAKERS = {
    "SIEMENS": (SIEMENS, "t2_tse_tra_p2_320", "ep2d_diff_b50_400_800_tra"),
    "GE MEDICAL SYSTEMS": (GE, "Ax T2 FRFSE HR", "Ax DWI b=0,800"),
    "Philips Medical Systems": (PHILIPS, "T2W_TSE_tra_HR", "DWI_3b_tra"),
    "UIH": (UIH, "t2_fse_tra", "epi_dwi_tra_b50_800"),
    "CANON_MEC": (CANON, "T2W FSE AX", "DWI b0-800 AX"),
}
ORIGINS = {"sagittal": (0, -30, 40), "coronal": (-30, 0, 40), "axial": (-30, -30, 10)}


@pytest.mark.parametrize("name", list(MAKERS))
def test_roles_and_choice(maker: Any, name: str) -> None:
    listed, t2, dwi = MAKERS[name]
    for number, (description, (sequence, echo_ms, repetition_ms), header, _) in enumerate(listed, 2):
        plane = header.get("PlaneOf", "axial")
        values = {key: value for key, value in header.items() if key not in ("PlaneOf", "b")}
        if "ImageType" in values:
            values["ImageType"] = values["ImageType"].split("\\")
        for b_value in header.get("b", (None,)):
            more = {} if b_value is None else {"DiffusionBValue": float(b_value)}
            maker.series(
                number,
                description,
                orientation=PLANES[plane],
                origin=ORIGINS[plane],
                slices=6,
                rows=16,
                columns=16,
                pixel_spacing=(3.0, 3.0),
                Manufacturer=name,
                SpecificCharacterSet="ISO_IR 192",
                ScanningSequence=sequence,
                EchoTime=echo_ms,
                RepetitionTime=repetition_ms,
                **values,
                **more,
            )
    series = scan_study(maker.folder)
    assert {one.description: one.role for one in series} == {
        description: role for description, _, _, role in listed
    }
    assert [one.description for one in series if one.problem] == []
    choice = choose_series(series)
    assert (choice.t2.description, choice.dwi.description, choice.b_value_s_mm2) == (t2, dwi, 800.0)
    assert choice.adc is not None
    assert not choice.dwi.computed
