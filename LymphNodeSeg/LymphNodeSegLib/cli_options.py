"""Values and options that the commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .settings import DEVICES, REGISTRATIONS

Device = Enum("Device", {name: name for name in DEVICES}, type=str)  # type: ignore[misc]
RegistrationMethod = Enum("RegistrationMethod", {name: name for name in REGISTRATIONS}, type=str)  # type: ignore[misc]


class Format(str, Enum):
    """DICOM objects that a segmentation can be exported to."""

    RTSTRUCT = "rtstruct"
    SEG = "seg"
    SR = "sr"


class Difficulty(str, Enum):
    """The two fixed mixtures of synthetic pelvises."""

    STANDARD = "standard"
    HARD = "hard"


class ImageFormat(str, Enum):
    """How a phantom is written."""

    NRRD = "nrrd"
    DICOM = "dicom"


OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the results; made if it does not exist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
