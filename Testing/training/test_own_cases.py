"""Cases of one's own as clinics have them: DICOM series, and nodes drawn in other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.outputs.dicom_seg import write_dicom_seg
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct

from Benchmarks.dicom_cases import GRIDS, ellipsoids, nodes_of, write_t2_series

pytest.importorskip("torch")

from Training import own_cases


@pytest.mark.parametrize("write", [write_rtstruct, write_dicom_seg])
def test_dicom_cases(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tmp_path / "patient01"
    t2 = write_t2_series(case / "t2", GRIDS["oblique"])
    write_t2_series(case / "dwi", GRIDS["oblique"])
    adc = t2.with_array(np.linspace(0.4, 2.2, t2.array.size, dtype=np.float32).reshape(t2.array.shape))
    sitk.WriteImage(adc.to_sitk(), str(case / "adc.nrrd"))
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write(labels, nodes_of(labels), t2.acquisition.source_files, case / "mask.dcm")
    written: dict = {}

    class Same:
        def __init__(self, study) -> None:
            self.dwi, self.adc = study.dwi, study.adc
            self.dwi_unregistered = study.dwi
            self.known = np.ones_like(study.dwi.array, dtype=bool)

    monkeypatch.setattr("LymphNodeSegLib.registration.register.register", lambda study, how: Same(study))
    monkeypatch.setattr(
        own_cases, "write_case", lambda *values: written.update(t2=values[2], dwi=values[3], mask=values[4])
    )
    assert own_cases.case_folders(tmp_path) == [case]

    class Config:
        preprocessing = None

    own_cases.prepare_own(case, Config(), tmp_path / "prepared")  # type: ignore[arg-type]
    np.testing.assert_array_equal(written["mask"], labels.array > 0)
    np.testing.assert_array_equal(written["t2"].array, t2.array)
    registered, unregistered = written["dwi"]
    np.testing.assert_allclose(registered.adc, adc.array * 1000, rtol=1e-3)  # um2/s, from another unit
    np.testing.assert_allclose(unregistered.adc, adc.array * 1000, rtol=1e-3)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_t2_series(tmp_path / "patient01" / "t2", GRIDS["oblique"])
    write_t2_series(tmp_path / "patient01" / "dwi", GRIDS["oblique"])
    with pytest.raises(InputError, match="Case 'patient01' has no file 'mask'"):
        own_cases.prepare_own(tmp_path / "patient01", None, tmp_path / "prepared")  # type: ignore[arg-type]
