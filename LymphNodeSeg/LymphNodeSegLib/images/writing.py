"""Images to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .image import Geometry, Image

if TYPE_CHECKING:
    from pydicom import Dataset


def write_image(image: Image, path: Path) -> None:
    """Write an image with its exact geometry, compressed; the suffix says the format.

    Raises:
        OSError: the file could not be written.
    """
    _write(image.to_sitk(), path)


def write_colors(colors: np.ndarray, geometry: Geometry, path: Path) -> None:
    """Write a color image.

    Args:
        colors: Red, green, blue, uint8 [k, j, i, 3].
        geometry: Its grid.
        path: Where to.

    Raises:
        OSError: the file could not be written.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(colors, isVector=True)
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetSpacing(geometry.spacing_mm)
    image.SetDirection(geometry.direction_lps)
    _write(image, path)


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Write a DICOM dataset with its file meta information.

    Raises:
        OSError: the file could not be written.
    """
    import pydicom

    # Slicer 5.8 ships pydicom 2, where the option has its earlier name and the opposite sense.
    new = int(pydicom.__version__.split(".")[0]) >= 3
    dataset.save_as(path, **({"enforce_file_format": True} if new else {"write_like_original": False}))


def _write(image: Any, path: Path) -> None:
    import SimpleITK as sitk

    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"{path.name} could not be written.") from error
