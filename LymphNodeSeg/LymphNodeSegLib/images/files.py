"""One image from what the user named: a NRRD, NIfTI or MetaImage file, or the folder of a DICOM series."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ..errors import InputError
from ..progress import Part, Progress, Silent
from .adc_units import in_um2_s
from .checks import check_image, check_not_labels
from .choose import best_dwi
from .image import Acquisition, Geometry, Image
from .roles import ADC, DWI
from .scan import scan_folder
from .series import Series, group_into_series
from .volume import load_series

GZIP_BLOCK = 1 << 22
SKEW = 1e-3
SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


def read_image(path: Path, role: str = "", progress: Optional[Progress] = None) -> Image:
    """Read one image from a file, or from the folder of one DICOM series.

    Args:
        path: .nrrd, .nii, .nii.gz, .mha, .mhd, or a folder. Of several b-values the best is taken.
        role: "T2", "DWI", "ADC" or empty: what it is wanted for.
        progress: Told as it goes.

    Raises:
        InputError: it cannot be read or used.
        Cancelled: the user asked to stop.
    """
    if not path.is_dir():
        return read_file(path, role)
    progress = progress or Silent()
    found = group_into_series(scan_folder(path, Part(progress, 0.0, 0.3)))
    return load_series(one_series(found, path, role), progress=Part(progress, 0.3, 1.0))


def one_series(series: Sequence[Series], path: Path, role: str) -> Series:
    """The one series of a folder, or the one that has the wanted role.

    What the user names as T2, DWI or ADC is taken as that, whatever its header says.

    Raises:
        InputError: several would do, or none.
    """
    fitting = [one for one in series if one.role == role] or list(series)
    if len(fitting) > 1 and role == DWI and fitting[0].role == DWI:
        return best_dwi(fitting)
    if len(fitting) > 1:
        names = ", ".join(f"'{one.description}'" for one in fitting[:6])
        raise InputError(
            f"The folder '{path}' holds {len(fitting)} series that could be meant ({names}): "
            "give the folder of one, or the whole study with --study."
        )
    return replace(fitting[0], role=role) if role else fitting[0]


def check_right_angles(geometry: Geometry, name: str) -> None:
    """Refuse a grid whose axes are not at right angles.

    Raises:
        InputError: they are not.
    """
    axes = geometry.direction
    if np.abs(axes.T @ axes - np.eye(3)).max() > SKEW:
        raise InputError(
            f"{name} is sheared (its axes are not at right angles): resample it to a regular grid."
        )


def read_file(path: Path, role: str = "") -> Image:
    """Read an image file by SimpleITK.

    Args:
        path: .nrrd, .nii, .nii.gz, .mha or .mhd.
        role: "T2", "DWI", "ADC" or empty: what it is wanted for. An ADC map comes back in um2/s.

    Raises:
        InputError: the file cannot be read, is no 3-D scalar image, or holds nothing to work on.
    """
    name = f"'{path.name}'" + (f" ({role})" if role else "")
    if not path.exists():
        raise InputError(f"{name} does not exist: check the path '{path}'.")
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError(
            f"{name} is no image file: give {', '.join(SUFFIXES)}, or the folder of a DICOM series."
        )
    pixels = read_pixels(path, name)
    if pixels.GetDimension() == 4 and pixels.GetSize()[3] == 1:
        pixels = pixels[:, :, :, 0]
    if pixels.GetDimension() != 3 or pixels.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{name} is no 3-D image with one value a voxel: save one volume of it, and give that."
        )
    image = Image.from_sitk(pixels, Acquisition(role=role, description=path.name, source_files=(path,)))
    check_right_angles(image.geometry, name)
    check_image(image, name)
    if role:
        check_not_labels(image, name)
    return image.with_array(in_um2_s(image.array)) if role == ADC else image


def read_pixels(path: Path, name: str) -> Any:
    """A file as a SimpleITK image of real numbers, of any dimension, with its metadata.

    Args:
        path: The file.
        name: What messages call it.

    Raises:
        InputError: it cannot be read.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        _check_nifti_length(path, reader)
        image = reader.Execute()
    except (RuntimeError, OSError, EOFError, MemoryError) as reason:
        raise InputError(
            f"{name} cannot be read as an image: it is damaged, cut off or of another kind."
        ) from reason
    if np.iscomplexobj(sitk.GetArrayViewFromImage(image)):
        raise InputError(f"{name} holds complex numbers: give a magnitude image.")
    return image


def _check_nifti_length(path: Path, reader: Any) -> None:
    """Count a NIfTI's bytes: the reader fills what a truncated file lacks with zeros, without a word.

    Raises:
        OSError, EOFError: it is cut off or damaged.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return
    expected = math.prod(reader.GetSize()) * reader.GetNumberOfComponents() * _bytes_per_value(reader)
    if _length(path) < expected:
        raise EOFError(path.name)


def _bytes_per_value(reader: Any) -> int:
    import SimpleITK as sitk

    empty = sitk.Image([1, 1], reader.GetPixelID(), 1)
    return sitk.GetArrayViewFromImage(empty).itemsize


def _length(path: Path) -> int:
    """Number of bytes once decompressed.

    Raises:
        OSError, EOFError: the compressed stream is cut off or damaged.
    """
    if not path.name.lower().endswith(".gz"):
        return path.stat().st_size
    length = 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(GZIP_BLOCK):
                length += len(block)
    except zlib.error as reason:
        raise OSError(str(reason)) from reason
    return length
