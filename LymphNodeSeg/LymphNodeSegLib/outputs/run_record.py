"""run.json: what a run was given, what it was done with, and how it went; enough to repeat it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from .. import NOTICE, __version__
from .plain import strict_json

if TYPE_CHECKING:
    from ..images.image import Image, StudyImages
    from ..registration.result import Verdict
    from ..settings import Settings

PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "SimpleITK": "SimpleITK",
    "pydicom": "pydicom",
    "highdicom": "highdicom",
    "torch": "torch",
    "slicer": "slicer-core",
}


def write_run_record(
    path: Path,
    *,
    study: StudyImages,
    settings: Settings,
    verdict: Verdict,
    model_name: str,
    model_sha256: str,
    device: str,
    seconds: Mapping[str, float],
    warnings: Sequence[str],
    outputs: Mapping[str, str],
    created: str,
    exit_status: int = 0,
) -> None:
    """Write ``run.json``.

    The inputs are named by their DICOM UIDs, or by the bare name of a file that the user gave: folders often
    hold a patient's name and are left out, as is every DICOM attribute that identifies a person.

    Args:
        path: The file to write.
        study: The images of the run.
        settings: What the user chose.
        verdict: How the registration went.
        model_name: The network.
        model_sha256: Hash of its file.
        device: Where it ran.
        seconds: Wall time of each stage.
        warnings: What the user was told.
        outputs: SHA-256 of each result file, by its name.
        created: Date and time, ISO 8601.
        exit_status: 0 for a run that was completed.

    Raises:
        OSError: the file could not be written.
    """
    record = {
        "created": created,
        "exit_status": exit_status,
        "inputs": _inputs(study),
        "choices": study.choices,
        "settings": {**settings.as_dict(), "model": Path(settings.model).name},
        "model": {"name": model_name, "sha256": model_sha256},
        "device": device,
        "registration": asdict(verdict),
        "seconds": dict(seconds),
        "warnings": list(warnings),
        "outputs": dict(outputs),
        "versions": versions(),
        "notice": NOTICE,
    }
    path.write_text(strict_json(record), encoding="utf-8")


def versions() -> dict[str, Optional[str]]:
    """Versions of what the result depends on; None for what is not installed. Imports none of it."""
    return {
        "lymphnodeseg": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: _version(name, distribution) for name, distribution in PACKAGES.items()},
    }


def _version(module: str, distribution: str) -> Optional[str]:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        loaded = getattr(sys.modules.get(module), "__version__", None)
        return str(loaded) if loaded else None


def _inputs(study: StudyImages) -> dict[str, Any]:
    return {
        "t2": _input(study.t2),
        "dwi": _input(study.dwi),
        "dwi_b_values_s_mm2": [one.acquisition.b_value_s_mm2 for one in study.dwi_series],
        "adc": _input(study.adc) if study.adc is not None else None,
    }


def _input(image: Image) -> dict[str, Any]:
    acquisition, geometry = image.acquisition, image.geometry
    return {
        "description": acquisition.description,
        "study_uid": acquisition.study_uid or None,
        "series_uid": acquisition.series_uid or None,
        "file": None if image.is_dicom else next((path.name for path in acquisition.source_files), None),
        "b_value_s_mm2": acquisition.b_value_s_mm2,
        "plane": geometry.plane,
        "size_ijk": geometry.size_ijk,
        "spacing_mm": geometry.spacing_mm,
    }
