"""The same voxels, however a file stores them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.study import load_series, load_study, scan_study
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

DCMTK = {  # an encoder that is not pydicom's
    "JPEG lossless": ["dcmcjpeg", "+e1"],
    "JPEG lossless, process 14": ["dcmcjpeg", "+el"],
    "JPEG-LS": ["dcmcjpls"],
    "RLE": ["dcmcrle"],
    "big endian": ["dcmconv", "+tb"],
    "implicit": ["dcmconv", "+ti"],
    "deflated": ["dcmconv", "+td"],
}


def by_dcmtk(folder: Path, name: str) -> None:
    tool, *options = DCMTK[name]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} (dcmtk) is not installed")
    for path in list(folder.iterdir()):
        target = path.with_name(path.name + "_out")
        subprocess.run([tool, *options, str(path), str(target)], check=True, capture_output=True)
        target.replace(path)


@pytest.mark.parametrize("name", list(DCMTK))
def test_encoded_by_dcmtk(maker: Any, name: str) -> None:
    t2, dwi = maker.pair()
    by_dcmtk(maker.folder, name)
    study = load_study(maker.folder)
    assert np.array_equal(study.t2.array, t2)
    assert np.array_equal(study.dwi.array, dwi)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_encoded_by_pydicom_and_rescaled(maker: Any, syntax: str) -> None:
    stored = maker.series(
        3, "t2_tse_tra", rows=64, columns=48, slices=3, RescaleSlope="2.5", RescaleIntercept="-3"
    )
    for path in list(maker.folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax)
        dataset.save_as(path)
    assert np.allclose(load_series(scan_study(maker.folder)[0]).array, stored * 2.5 - 3)


@pytest.mark.parametrize("name", ["implicit", "big endian", "deflated"])
def test_private_b_values_survive_the_encoding(maker: Any, name: str) -> None:
    def edit(dataset: pydicom.Dataset, k: int) -> None:
        maker.private(dataset, 0x0019, "SIEMENS MR HEADER", x0C=("IS", "800"))

    maker.series(3, "ep2d_diff", diffusion=True, edit=edit)
    by_dcmtk(maker.folder, name)
    (series,) = scan_study(maker.folder)
    assert series.b_values == (800.0,)


def test_file_without_preamble(maker: Any) -> None:
    stored = maker.series(3, "t2_tse_tra")
    for path in list(maker.folder.iterdir()):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(load_series(scan_study(maker.folder)[0]).array, stored)


@pytest.mark.parametrize("name", ["JPEG lossless", "JPEG-LS"])
def test_simpleitk_decodes_what_pydicom_has_no_codec_for(maker: Any, name: str) -> None:
    stored = maker.series(3, "t2_tse_tra", RescaleSlope="2.5", RescaleIntercept="-3")
    by_dcmtk(maker.folder, name)
    program = """
import sys
for missing in ("pylibjpeg", "libjpeg", "openjpeg", "jpeg_ls", "gdcm"):
    sys.modules[missing] = None
import numpy as np
from pathlib import Path
from LymphNodeSegLib.images.study import load_series, scan_study
image = load_series(scan_study(Path(sys.argv[1]))[0])
np.save(sys.argv[2], image.array)
"""
    out = maker.folder.parent / "out.npy"
    subprocess.run([sys.executable, "-c", program, str(maker.folder), str(out)], check=True)
    assert np.allclose(np.load(out), stored * 2.5 - 3)


def test_broken_stream_is_one_clear_line(maker: Any) -> None:
    maker.series(3, "t2_tse_tra")
    by_dcmtk(maker.folder, "JPEG lossless")
    for path in maker.folder.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-300])
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_series(scan_study(maker.folder)[0])
    assert "\n" not in str(caught.value)
