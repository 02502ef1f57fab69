"""Training cases from a folder of a user's own patients."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Image, StudyImages

from .cases import AlignedDwi, write_case
from .config import Config

ENDINGS = (".nrrd", ".seg.nrrd", ".nii.gz", ".nii", ".mha")


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
        source: Folder with ``t2``, ``dwi`` and ``mask`` as .nrrd, .nii, .nii.gz or .mha; the mask on the T2's
            grid, not 0 in a lymph node.
        config: The run.
        folder: Where the case goes.

    Raises:
        InputError: a file is missing or the mask does not lie on the T2's grid.
    """
    from LymphNodeSegLib.registration.register import register

    if folder.exists():
        return
    t2, dwi, mask = (_read(source, name) for name in ("t2", "dwi", "mask"))
    if not mask.geometry.is_close(t2.geometry, tolerance_mm=0.01):
        raise InputError(f"Case '{source.name}': the mask does not lie on the T2's grid; resample it there.")
    registered = register(StudyImages(t2, dwi, (dwi,)), "deformable")
    variants = [
        AlignedDwi(registered.dwi.array, registered.known),
        AlignedDwi(registered.dwi_unregistered.array, registered.known),
    ]
    write_case(folder, patient_of(source), t2, variants, mask.array > 0, config.preprocessing)


def _file(folder: Path, name: str) -> Optional[Path]:
    return next((folder / f"{name}{end}" for end in ENDINGS if (folder / f"{name}{end}").is_file()), None)


def _read(folder: Path, name: str) -> Image:
    import SimpleITK as sitk

    path = _file(folder, name)
    if path is None:
        raise InputError(f"Case '{folder.name}' has no file '{name}' (.nrrd, .nii, .nii.gz or .mha).")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        raise InputError(f"Case '{folder.name}': '{path.name}' cannot be read.") from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"Case '{folder.name}': '{path.name}' is not one 3-D volume.")
    read = Image.from_sitk(image)
    return read if name == "mask" else read.with_array(read.array.astype(np.float32))
