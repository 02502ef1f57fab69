"""From a folder of a DICOM study, or from named files, to the images that a run works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ..progress import Part, Progress, Silent
from .adc_units import in_um2_s
from .checks import check_image, check_not_labels
from .choose import Choice, Wanted, choose_series
from .files import one_series, read_image
from .image import Image, StudyImages
from .ranking import best_volume, dwi_family
from .roles import ADC, DWI, T2
from .scan import scan_folder
from .series import Series, group_into_series
from .volume import load_series


def scan_study(folder: Path, progress: Optional[Progress] = None) -> tuple[Series, ...]:
    """Find the series of a study from the headers of its files.

    Args:
        folder: Files of all series in any order, with or without extension, nested or not; or a DICOMDIR, or
            a .zip.
        progress: Told after each file.

    Raises:
        InputError: there is no DICOM image.
        Cancelled: the user asked to stop.
    """
    return group_into_series(scan_folder(folder, progress or Silent()))


def load_study(
    folder: Path, progress: Optional[Progress] = None, wanted: Optional[Wanted] = None
) -> StudyImages:
    """Scan a study, choose its T2, DWI and ADC, and read them.

    Args:
        folder: Of a study; or its DICOMDIR, or a .zip of it.
        progress: Told after each file.
        wanted: Series that the user has set.

    Raises:
        InputError: the folder holds no study that can be used.
        Cancelled: the user asked to stop.
    """
    progress = progress or Silent()
    series = scan_study(folder, Part(progress, 0.0, 0.5))
    return load_choice(choose_series(series, wanted), series, Part(progress, 0.5, 1.0))


def load_choice(choice: Choice, series: Sequence[Series], progress: Optional[Progress] = None) -> StudyImages:
    """Read the chosen series, with the other measured b-values of the same acquisition.

    Raises:
        InputError: pixels cannot be read.
        Cancelled: the user asked to stop.
    """
    progress = progress or Silent()
    t2 = load_series(choice.t2, progress=Part(progress, 0.0, 0.4))
    dwi, dwi_series = _load_dwi(choice.dwi, choice.b_value_s_mm2, series, Part(progress, 0.4, 0.9))
    adc = load_series(choice.adc, progress=Part(progress, 0.9, 1.0)) if choice.adc else None
    progress.fraction(1.0)
    return StudyImages(t2, dwi, dwi_series, adc, choice.reasons)


def _load_dwi(
    chosen: Series, b_value: Optional[float], series: Sequence[Series], progress: Progress
) -> tuple[Image, tuple[Image, ...]]:
    family = dwi_family(chosen, b_value, series)
    images = []
    dwi: Optional[Image] = None
    for count, (member, volume) in enumerate(family):
        part = Part(progress, count / len(family), (count + 1) / len(family))
        image = load_series(member, volume.b_value, part)
        images.append(image)
        if member is chosen and volume.b_value == b_value:
            dwi = image
    if dwi is None:
        dwi = load_series(chosen, b_value)
    return dwi, tuple(images) or (dwi,)


def study_of(t2: Image, dwi_series: Sequence[Image], chosen: int, adc: Optional[Image]) -> StudyImages:
    """Images that are in memory already, as a run takes them.

    Args:
        t2: The T2.
        dwi_series: Every b-value of one acquisition, lowest b first.
        chosen: Which of them to find nodes in.
        adc: An ADC map in any unit.

    Raises:
        InputError: one of them can't be used. Whether they fit each other is `checks.check_pair`'s business.
    """
    for image, name in ((t2, T2), *((one, DWI) for one in dwi_series), (adc, ADC)):
        if image is not None:
            check_image(image, name)
            check_not_labels(image, name)
    if adc is not None:
        adc = adc.with_array(in_um2_s(adc.array))
    return StudyImages(t2, dwi_series[chosen], tuple(dwi_series), adc)


def load_pair(
    t2_path: Path, dwi_path: Path, adc_path: Optional[Path] = None, progress: Optional[Progress] = None
) -> StudyImages:
    """Read a T2, a DWI and perhaps an ADC map that the user named.

    Args:
        t2_path: A .nrrd, .nii, .nii.gz, .mha or .mhd file, or the folder of one DICOM series.
        dwi_path: The same.
        adc_path: The same.
        progress: Told after each image.

    Raises:
        InputError: one cannot be read. Whether they fit each other is `checks.check_pair`'s business.
        Cancelled: the user asked to stop.
    """
    progress = progress or Silent()
    t2 = read_image(t2_path, T2, Part(progress, 0.0, 0.4))
    series: tuple[Image, ...]
    if dwi_path.is_dir():
        found = scan_study(dwi_path, Part(progress, 0.4, 0.5))
        chosen = one_series(found, dwi_path, DWI)
        b_value = best_volume(chosen).b_value if chosen.usable else None
        dwi, series = _load_dwi(chosen, b_value, found, Part(progress, 0.5, 0.9))
    else:
        dwi = read_image(dwi_path, DWI, Part(progress, 0.4, 0.9))
        series = (dwi,)
    adc = read_image(adc_path, ADC, Part(progress, 0.9, 1.0)) if adc_path is not None else None
    progress.fraction(1.0)
    return StudyImages(t2, dwi, series, adc)
