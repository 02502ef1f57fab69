"""Other people's programs that read an RTSTRUCT back into masks, and one that writes it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Geometry, Image

_DCMRTSTRUCT2NII = """
import logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from dcmrtstruct2nii import dcmrtstruct2nii
dcmrtstruct2nii(sys.argv[1], sys.argv[2], sys.argv[3], gzip=False, convert_original_dicom=False,
                mask_background_value=0, mask_foreground_value=1)
"""

_RT_UTILS = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from rt_utils import RTStructBuilder
labels = np.load(sys.argv[1])
rtstruct = RTStructBuilder.create_new(dicom_series_path=sys.argv[2])
for label in np.unique(labels[labels > 0]):
    rtstruct.add_roi(mask=np.moveaxis(labels == label, 0, 2), name=f"LN{label:03d}")
rtstruct.save(sys.argv[3])
"""


def read_by_plastimatch(rtstruct: Path, series: Path, geometry: Geometry) -> dict[str, np.ndarray]:
    """Masks [k, j, i] on the grid, by the first word of the ROI's name; read by plastimatch."""
    with tempfile.TemporaryDirectory() as folder:
        _run(
            [
                *("plastimatch", "convert", "--input", rtstruct, "--referenced-ct", series),
                *("--output-prefix", folder, "--prefix-format", "nrrd"),
            ]
        )
        return {path.stem.split()[0]: _mask(path, geometry) for path in Path(folder).glob("*.nrrd")}


def read_by_dcmrtstruct2nii(
    python: Path, rtstruct: Path, series: Path, geometry: Geometry
) -> dict[str, np.ndarray]:
    """Masks [k, j, i] on the grid, by the first word of the ROI's name; read by dcmrtstruct2nii."""
    with tempfile.TemporaryDirectory() as folder:
        _run([python, "-c", _DCMRTSTRUCT2NII, rtstruct, series, folder])
        return {
            path.stem[len("mask_") :].split("-")[0].split()[0]: _mask(path, geometry)
            for path in Path(folder).glob("mask_*.nii")
        }


def write_by_rt_utils(python: Path, labels: np.ndarray, series: Path, rtstruct: Path) -> None:
    """Write an RTSTRUCT of a label map [k, j, i] by rt-utils."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.npy"
        np.save(file, labels)
        _run([python, "-c", _RT_UTILS, file, series, rtstruct])


def _run(command: list[object]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-400:]}")


def _mask(path: Path, geometry: Geometry) -> np.ndarray:
    """A mask file on the grid, by nearest neighbor: its own grid may run the other way."""
    grid = Image(np.zeros(geometry.size_ijk[::-1], np.uint8), geometry).to_sitk()
    image = sitk.Resample(sitk.ReadImage(str(path)), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(image) > 0


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks, 0 to 1."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2.0 * np.count_nonzero(first & second) / total if total else 1.0
