"""dcm2niix as an independent referee on real headers: voxels, places, b-values, phase encoding."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.images.series import Series
from LymphNodeSegLib.images.study import load_series, scan_study

CASES = {  # folder: (series number, as dcm2niix names the file)
    "GE_SIGNA_Pioneer_DWI": (1, "1_"),
    "Philips_Achieva_classic_subset": (601, "601_"),
    "Philips_Achieva_classic_subset, trace": (601, "601_"),
    "Siemens_Prisma_XA30_enhanced": (10, "10_"),
    "Siemens_Prisma_XA30_enhanced, ADC": (11, "11_"),
    "Siemens_Prisma_XA30_enhanced, trace": (12, "12_"),
    "UIH_uMR770_DTI_mosaic": (6, "6_"),
    "prostatex": (6, "6_"),
}


def convert(source: Path, target: Path) -> None:
    if shutil.which("dcm2niix") is None:
        pytest.skip("dcm2niix (Debian package) is not installed")
    options = ["-b", "y", "-z", "n", "-f", "%s_%d"]
    subprocess.run(["dcm2niix", *options, "-o", str(target), str(source)], check=True, capture_output=True)


def mean_at(volumes: np.ndarray, b_values: np.ndarray, b_value: float) -> np.ndarray:
    wanted = volumes[np.abs(b_values - b_value) <= 5].astype(float)
    with np.errstate(divide="ignore"):
        return wanted[0] if len(wanted) == 1 else np.exp(np.log(np.maximum(wanted, 0)).mean(axis=0))


def assert_same_places(series: Series, ours: np.ndarray, theirs: np.ndarray, volume: sitk.Image) -> None:
    """Every voxel of ours has the value that the referee has at that point, up to one common factor."""
    geometry = series.geometry
    assert geometry is not None
    assert sorted(geometry.size_ijk) == sorted(volume.GetSize()[:3])
    shape = theirs.shape
    to_index = np.linalg.inv(np.array(volume.GetDirection()).reshape(3, 3) * np.array(volume.GetSpacing()))
    indices = np.array(list(np.ndindex(*geometry.size_ijk)))
    there = (geometry.lps_from_ijk(indices) - np.array(volume.GetOrigin())) @ to_index.T
    assert np.abs(there - np.round(there)).max() < 2e-3  # NIfTI keeps floats
    i, j, k = np.round(there).astype(int).T
    assert (i >= 0).all()
    assert (i < shape[2]).all()
    assert (j >= 0).all()
    assert (j < shape[1]).all()
    assert (k >= 0).all()
    assert (k < shape[0]).all()
    mine, other = ours[indices[:, 2], indices[:, 1], indices[:, 0]].astype(float), theirs[k, j, i]
    factor = mine.sum() / other.sum()
    assert np.allclose(mine, other * factor, rtol=1e-3, atol=1e-3 * mine.max())


@pytest.mark.parametrize("case", list(CASES))
def test_against_dcm2niix(shared_data: Path, tmp_path: Path, case: str) -> None:
    name = case.split(",")[0]
    folder = shared_data / name if name == "prostatex" else shared_data / "vendor_dwi" / name
    number, prefix = CASES[case]
    if name == "prostatex":
        folder = next((folder / "ProstateX-0000" / "07-07-2011").glob("6.*"))
    convert(folder, tmp_path)
    series = next(one for one in scan_study(folder) if one.number == number)
    philips_trace = "Philips" in case and "trace" in case
    nifti = next(
        path
        for path in tmp_path.glob(f"{prefix}*.nii")
        if ("_ADC" in path.name) == (philips_trace or case.endswith("ADC"))
    )  # dcm2niix calls Philips's trace ADC
    image = sitk.ReadImage(str(nifti))
    array = sitk.GetArrayFromImage(image)
    volumes = array if array.ndim == 4 else array[None]
    reference = image[:, :, :, 0] if image.GetDimension() == 4 else image
    b_file = nifti.with_suffix(".bval")
    if philips_trace:
        b_values = np.array([0.0] * (len(volumes) - 1) + [2000.0])
    elif b_file.exists():
        b_values = np.array([float(value) for value in b_file.read_text().split()])
    else:
        b_values = np.array([series.b_values[-1] if series.b_values else 0.0])
    if philips_trace:
        assert_same_places(series, load_series(series, 2000.0).array, volumes[-1], reference)
        return
    for volume in series.volumes:
        b_value = volume.b_value or 0.0
        if "Philips" in case and b_value > 0:
            continue  # the directions that the referee kept are not used: the trace is
        ours = load_series(series, volume.b_value)
        assert np.abs(b_values - b_value).min() <= 1.0
        assert_same_places(series, ours.array, mean_at(volumes, b_values, b_value), reference)
    sidecar = json.loads(nifti.with_suffix(".json").read_text())
    phase = ours.acquisition.phase_encoding_lps
    named = sidecar.get("PhaseEncodingDirection", sidecar.get("PhaseEncodingAxis"))
    if named is None:
        return
    axis = np.array(reference.GetDirection()).reshape(3, 3)[:, "ijk".index(named[0])]
    assert phase is not None
    assert abs(float(axis @ np.array(phase))) == pytest.approx(1.0, abs=1e-4)
