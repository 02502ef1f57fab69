"""Every file of a result folder, from what a run found out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .progress import Progress
from .result_folder import SEGMENTATION

if TYPE_CHECKING:
    from .pipeline import Job, Reading


def write_result_files(reading: Reading, job: Job, folder: Path, progress: Progress) -> None:
    """Write a result into a folder; see the design for the list of files.

    Raises:
        Cancelled: the user asked to stop.
    """
    steps = [_write_images, _write_measurements, _write_scene, _write_report]
    if reading.study.t2.is_dicom:
        steps.append(_write_dicom)
    steps.append(_write_record)
    for index, step in enumerate(steps):
        progress.fraction(index / len(steps))
        step(reading, job, folder)
    progress.fraction(1.0)
