"""Training cases from a folder of a user's own patients."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.files import read_image
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.images.study import study_of
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation

from .cases import AlignedDwi, write_case
from .config import Config

# An image may be a folder of one DICOM series; a mask may be a DICOM RTSTRUCT or SEG.
ENDINGS = (".nrrd", ".seg.nrrd", ".nii.gz", ".nii", ".mha", ".dcm", "")


def case_folders(source: Path) -> list[Path]:
    """The subfolders that hold a T2.

    Raises:
        InputError: there is none.
    """
    folders = [one for one in sorted(source.glob("*")) if _file(one, "t2")]
    if not folders:
        raise InputError("There are no cases: each needs a folder of its own with t2, dwi and mask files.")
    return folders


def patient_of(folder: Path) -> str:
    """Whose case a folder is: its name up to a double underscore ("anna__2" is Anna's second)."""
    return folder.name.split("__")[0]


def prepare_own(source: Path, config: Config, folder: Path) -> None:
    """Register one patient's DWI to the T2 and write the case; does nothing where it is there already.

    The case has two variants, registered and by physical space alone, so that the network sees what a failed
    registration looks like.

    Args:
        source: Folder with ``t2`` and ``dwi``, each a .nrrd, .nii, .nii.gz or .mha file or a folder of one
            DICOM series; ``mask``, a .seg.nrrd, a label map, or a DICOM RTSTRUCT or SEG (.dcm); and, where
            there is one, ``adc``, as the images.
        config: The run.
        folder: Where the case goes.

    Raises:
        InputError: a file is missing or cannot be used, or the mask lies elsewhere than the T2.
    """
    from LymphNodeSegLib.registration.register import register
    from LymphNodeSegLib.registration.resample import unmoved

    if folder.exists():
        return
    t2, dwi = _image(source, "t2"), _image(source, "dwi")
    adc = _image(source, "adc") if _file(source, "adc") else None
    mask_path = _path(source, "mask")
    try:
        study, mask = study_of(t2, [dwi], 0, adc), read_segmentation(mask_path, t2).labels
    except InputError as error:
        raise InputError(f"Case '{source.name}': {error}") from None
    registered = register(study, "deformable")
    adcs = [None, None] if study.adc is None else [registered.adc, unmoved(study.adc, t2.geometry)]
    variants = [
        AlignedDwi(image.array, registered.known, None if one is None else one.array)
        for image, one in zip((registered.dwi, registered.dwi_unregistered), adcs)
    ]
    write_case(folder, patient_of(source), t2, variants, mask.array > 0, config.preprocessing)


def _file(folder: Path, name: str) -> Optional[Path]:
    return next((folder / f"{name}{end}" for end in ENDINGS if (folder / f"{name}{end}").exists()), None)


def _path(folder: Path, name: str) -> Path:
    path = _file(folder, name)
    if path is None:
        raise InputError(f"Case '{folder.name}' has no file '{name}' (.nrrd, .nii.gz, .mha, or DICOM).")
    return path


def _image(folder: Path, name: str) -> Image:
    try:
        image = read_image(_path(folder, name), name.upper())
    except InputError as error:
        raise InputError(f"Case '{folder.name}': {error}") from None
    return image.with_array(image.array.astype(np.float32))
