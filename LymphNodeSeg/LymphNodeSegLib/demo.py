"""The demonstration: a synthetic pelvis as DICOM, segmented and compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .job import Job, Reading
from .progress import Progress

if TYPE_CHECKING:
    from .images.image import Image

SEED = 63  # axial, as most pelvic studies, with three nodes above 10 mm
STUDY, RESULT, TRUTH = "phantom", "result", "truth.seg.nrrd"


def run_demo(out: Path, progress: Progress) -> tuple[Reading, list[str]]:
    """Make the phantom study in ``out/phantom`` unless it is there, and the result in ``out/result``.

    Returns:
        What was found, and lines that compare it with the truth.

    Raises:
        InputError: the folder cannot be written to.
        Cancelled: the user asked to stop.
    """
    from . import pipeline
    from .outputs.segmentation_files import read_segmentation
    from .phantom import make_phantom, write_dicom

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder.")
    folder = out / STUDY
    if not (folder / TRUTH).exists():
        progress.stage("Making a synthetic pelvis")
        write_dicom(make_phantom(SEED, "standard"), folder)
    reading = pipeline.segment(Job(out=out / RESULT, study=folder / "study"), progress)
    return reading, compare_with_truth(reading, read_segmentation(folder / TRUTH).labels)


def compare_with_truth(reading: Reading, truth: Image) -> list[str]:
    """Lines that say how many of the phantom's nodes were found, and how many finds are false.

    Args:
        reading: What was found.
        truth: The phantom's label map.
    """
    from .nodes.evaluation import evaluate

    scores = evaluate(reading.labels, truth)
    large, every = scores["nodes"][">=10"], scores["nodes"]["all"]
    return [
        "Compared with the truth of this synthetic pelvis, a phantom and not a patient: "
        f"{large['found']} of {large['true']} nodes of 10 mm short axis and more found, "
        f"{every['found']} of {every['true']} of all sizes; {every['false']} false finds; "
        f"Dice {scores['dice']:.2f}."
    ]
