"""Every file of a result folder, from what a run found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .progress import Progress
from .result_folder import DWI, RECORD, sha256_of

if TYPE_CHECKING:
    import numpy as np

    from .job import Reading
    from .settings import Settings


def write_result_files(
    reading: Reading, settings: Settings, folder: Path, created: str, progress: Progress
) -> Reading:
    """Write a result into a folder; the design lists the files.

    DICOM objects are written where the T2 came from DICOM and there is a node to put in them.

    Returns:
        What was found out, with one more warning where the T2's headers do not suffice for DICOM objects.

    Raises:
        InputError: a file could not be written.
        Cancelled: the user asked to stop.
    """
    from .network.fusion import fused_picture
    from .scene import write_scene_files

    study, registration = reading.study, reading.registration
    try:
        fused = fused_picture(study.t2, registration.dwi, registration.known)
        _write_images(reading, fused, folder)
        progress.fraction(0.3)
        write_scene_files(folder, study.t2, registration.dwi, registration.adc, reading.labels, reading.nodes)
        progress.fraction(0.6)
        if study.t2.is_dicom and reading.nodes:
            reading = _write_dicom(reading, folder, progress)
        progress.fraction(0.8)
        _write_report(reading, settings, fused, folder, created)
        _write_measurements(reading, folder, created)
    except OSError as error:
        raise InputError(
            f"The results could not be written ({error.strerror or error}): "
            "free some space or choose another folder."
        ) from error
    progress.fraction(1.0)
    return reading


def _write_images(reading: Reading, fused: np.ndarray, folder: Path) -> None:
    from .images.writing import write_colors, write_image
    from .registration.transform import write_transform

    write_image(reading.registration.dwi, folder / DWI)
    write_image(reading.probability, folder / "probability.nrrd")
    write_colors(fused, reading.study.t2.geometry, folder / "fused.nrrd")
    write_transform(reading.registration, folder / "registration.tfm")


def _write_dicom(reading: Reading, folder: Path, progress: Progress) -> Reading:
    from .outputs.dicom_reference import IncompleteSeriesError
    from .outputs.dicom_seg import write_dicom_seg
    from .outputs.rtstruct import write_rtstruct

    files = reading.study.t2.acquisition.source_files
    try:
        write_rtstruct(reading.labels, reading.nodes, files, folder / "rtstruct.dcm")
        write_dicom_seg(reading.labels, reading.nodes, files, folder / "seg.dcm")
    except IncompleteSeriesError as error:
        warning = f"No rtstruct.dcm and no seg.dcm can refer to the T2. {error}"
        progress.message(warning)
        return replace(reading, warnings=(*reading.warnings, warning))
    return reading


def _write_report(
    reading: Reading, settings: Settings, fused: np.ndarray, folder: Path, created: str
) -> None:
    from .outputs.report import ReportInput, write_report

    model = reading.model
    report = ReportInput(
        t2=reading.study.t2,
        registration=reading.registration,
        nodes=reading.nodes,
        settings=settings,
        model_name=model.name,
        model_card=model.card,
        created=created,
        model_sha256=model.sha256,
        fused=fused,
        device=reading.device,
        choices=reading.study.choices,
        warnings=reading.warnings,
        seconds=reading.seconds,
    )
    write_report(folder / "report.html", report)


def _write_measurements(reading: Reading, folder: Path, created: str) -> None:
    from .outputs.table import write_measurements

    extra = {"created": created, "model": reading.model.name, "model_notice": reading.model.notice}
    write_measurements(reading.nodes, folder / "measurements.csv", folder / "measurements.json", extra)


def write_record(reading: Reading, settings: Settings, folder: Path, created: str) -> None:
    """Write ``run.json``, the last file of a result: hash of every other file, time of each stage."""
    from .outputs.run_record import write_run_record

    write_run_record(
        folder / RECORD,
        study=reading.study,
        settings=settings,
        verdict=reading.registration.verdict,
        model_name=reading.model.name,
        model_sha256=reading.model.sha256,
        device=reading.device,
        seconds=reading.seconds,
        warnings=reading.warnings,
        outputs={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        created=created,
    )
