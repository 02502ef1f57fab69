"""The real patient and real headers of all vendors: roles, b-values, choice, geometry."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.checks import check_pair
from LymphNodeSegLib.images.choose import Wanted, choose_series, series_as_dict
from LymphNodeSegLib.images.study import load_study, scan_study
from LymphNodeSegLib.job import Job
from LymphNodeSegLib.pipeline import read_study
from LymphNodeSegLib.progress import Silent

from Benchmarks.scan import make_large_study, read_headers, seconds

T2_AXIAL = "1.3.6.1.4.1.14519.5.2.1.7311.5101.160028252338004527274326500702"
DWI_MEASURED = "1.3.6.1.4.1.14519.5.2.1.7311.5101.193930593885836732899229869284"
ADC_MAP = "1.3.6.1.4.1.14519.5.2.1.7311.5101.339319789559896104041345048780"
MISSING_SLICE = "prostatex_missing_slice"
# The expected file speaks of ADC maps only; the rest of the roles as a radiologist would name them.
ROLES = {
    "t2_tse_sag": "T2",
    "t2_tse_tra": "T2",
    "t2_tse_cor": "T2",
    "tfl_3d PD ref_tra_1.5x1.5_t3": "other",
    "AXIAL T2 COVER PROSTATE 3mm 0gap at iso": "T2",
    "AX TSE T2 GUIDANCE FOR NEEDLE at FIX _H0": "T2",
}


def itk_volume(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def series_folder(study: Path, number: int) -> Path:
    return next((study / "07-07-2011").glob(f"{number}.*"))


def test_axial_t2_measured_b800_and_adc_are_chosen(prostatex: Path) -> None:
    series = scan_study(prostatex)
    choice = choose_series(series)
    chosen = series_as_dict(series, choice)["chosen"]
    assert chosen == {"t2": T2_AXIAL, "dwi": DWI_MEASURED, "b_value": 800.0, "adc": ADC_MAP}
    assert not choice.dwi.computed
    assert any("computed" in reason and "CALC_BVAL" in reason for reason in choice.reasons)
    json.dumps(series_as_dict(series, choice))


def test_every_series_has_the_expected_role_b_values_and_files(shared_data: Path) -> None:
    expected = json.loads((shared_data / "expected_bvalues.json").read_text())
    folders = {key.split(" #")[0] for key in expected}
    seen = 0
    for folder in sorted(folders):
        for series in scan_study(shared_data / folder):
            key = next(
                key for key in expected if key.startswith(folder) and series.uid.endswith(key.split("#")[1])
            )
            want = expected[key]
            b_values = sorted(float(b) for b in want["b"] if b != "None")
            assert list(series.b_values) == b_values, key
            assert series.files == want["files"], key
            role = ROLES.get(want["desc"], "ADC" if want["is_adc_map"] else "DWI")
            assert series.role == role, key
            if MISSING_SLICE not in folder:
                assert series.problem is None, key
            seen += 1
    assert seen == len(expected)


def test_images_per_b_value_as_expected(shared_data: Path) -> None:
    expected = json.loads((shared_data / "expected_bvalues.json").read_text())
    for key, want in expected.items():
        if not key.startswith("vendor_dwi") or want["is_adc_map"]:
            continue
        found = scan_study(shared_data / key.split(" #")[0])
        series = next(one for one in found if one.uid.endswith(key.split("#")[1]))
        counts = {volume.b_value: sum(map(len, volume.stack.slices)) for volume in series.volumes}
        want_counts = {float(b): count for b, count in want["b"].items()}
        if "UIH" in key:  # 20 tiles a file
            want_counts = {b: 20 * count for b, count in want_counts.items()}
        if "Philips" in key:  # 15 directions and their trace at 6 places: the trace alone is taken
            assert want_counts.pop(2000.0) == 16 * counts.pop(2000.0)
        assert counts == want_counts, key


def test_missing_slice_is_named(shared_data: Path) -> None:
    (series,) = scan_study(shared_data / MISSING_SLICE)
    assert series.problem is not None
    assert "instance 6" in series.problem
    assert series.computed


def test_geometry_and_voxels_equal_simpleitk(prostatex: Path) -> None:
    study = load_study(prostatex)
    reference = itk_volume(series_folder(prostatex, 4))
    ours = study.t2.to_sitk()
    for get in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        assert np.allclose(getattr(ours, get)(), getattr(reference, get)(), rtol=0, atol=1e-6), get
    assert np.array_equal(study.t2.array, sitk.GetArrayFromImage(reference))
    assert study.adc is not None
    adc = itk_volume(series_folder(prostatex, 7))
    assert np.array_equal(study.adc.array, sitk.GetArrayFromImage(adc))


def test_slices_of_each_b_value_come_from_their_own_files(prostatex: Path) -> None:
    study = load_study(prostatex)
    assert [image.acquisition.b_value_s_mm2 for image in study.dwi_series] == [50.0, 400.0, 800.0]
    assert any(image is study.dwi for image in study.dwi_series)
    for image in study.dwi_series:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(path) for path in image.acquisition.source_files])
        reference = reader.Execute()
        assert np.array_equal(image.array, sitk.GetArrayFromImage(reference))
        assert np.allclose(image.geometry.origin_lps_mm, reference.GetOrigin(), atol=1e-6)
    means = [float(image.array.mean()) for image in study.dwi_series]
    assert means == sorted(means, reverse=True)


def test_phase_encoding_and_frame_of_reference(prostatex: Path) -> None:
    study = load_study(prostatex)
    phase = study.dwi.acquisition.phase_encoding_lps
    assert phase is not None
    assert abs(phase[0]) > 0.99  # the header says ROW, and rows run from right to left
    assert study.dwi.acquisition.frame_of_reference_uid == study.t2.acquisition.frame_of_reference_uid != ""
    assert check_pair(study.t2, study.dwi, study.adc) == ()


def test_names_order_and_folders_do_not_matter(prostatex: Path, tmp_path: Path) -> None:
    files = sorted(prostatex.rglob("*.dcm"))
    random.Random(0).shuffle(files)
    for count, path in enumerate(files):
        folder = tmp_path / ("" if count % 3 else f"sub{count % 5}/Ü мужской")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{count:04d}")
    (tmp_path / "notes.txt").write_text("no DICOM")
    mixed, plain = load_study(tmp_path), load_study(prostatex)
    assert np.array_equal(mixed.t2.array, plain.t2.array)
    assert np.array_equal(mixed.dwi.array, plain.dwi.array)
    assert mixed.t2.geometry == plain.t2.geometry


@pytest.mark.slow
def test_five_thousand_files_are_scanned_in_ten_seconds(prostatex: Path, tmp_path: Path) -> None:
    """Real headers of 130 elements; CPU time of one process, whatever else the machine does."""
    make_large_study(prostatex, tmp_path, 5000)
    found = []
    _, bare = seconds(read_headers, tmp_path)
    _, ours = seconds(lambda folder: found.append(scan_study(folder)), tmp_path)
    assert ours <= 10.0
    assert ours < 0.8 * bare  # of pydicom alone
    (series,) = found
    assert sum(one.files for one in series) == 5000
    assert {one.role for one in series} == {"T2", "DWI", "ADC", "other"}


def test_study_without_dwi_says_what_is_there(prostatex: Path) -> None:
    with pytest.raises(InputError, match=r"no DWI series.*t2_tse_tra") as caught:
        load_study(series_folder(prostatex, 4))
    assert "\n" not in str(caught.value)


def test_the_user_has_the_last_word(prostatex: Path, tmp_path: Path) -> None:
    sagittal = next(one.uid for one in scan_study(prostatex) if one.description == "t2_tse_sag")
    job = Job(out=tmp_path / "out", study=prostatex, wanted=Wanted(t2=sagittal, b_value_s_mm2=400.0))
    study = read_study(job, Silent())
    assert study.t2.acquisition.series_uid == sagittal
    assert study.t2.geometry.plane == "sagittal"
    assert study.dwi.acquisition.series_uid == DWI_MEASURED
    assert study.dwi.acquisition.b_value_s_mm2 == 400.0
    with pytest.raises(InputError, match="b = 600: choose one of 50, 400, 800"):
        read_study(replace(job, wanted=Wanted(b_value_s_mm2=600.0)), Silent())


def test_series_are_set_of_a_study_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--study"):
        Job(out=tmp_path, t2=tmp_path, dwi=tmp_path, wanted=Wanted(b_value_s_mm2=400.0))
