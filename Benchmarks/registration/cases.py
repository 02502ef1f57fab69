"""The cases of the registration benchmark: phantoms whose displacement is known, and studies of patients."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.phantom import make_phantom
from LymphNodeSegLib.registration.guide import guide_of
from LymphNodeSegLib.registration.quality import Judge
from LymphNodeSegLib.registration.space import points_of

WHOLE = "case.json"  # written last: a folder that has it is complete


def phantom_case(seed: int, difficulty: str, folder: Path) -> None:
    """Writes a phantom's images, the points of its nodes' voxels, and where in the DWI these are found."""
    if (folder / WHOLE).exists():
        return
    phantom = make_phantom(seed, difficulty)
    lowest = phantom.dwi_series[0].geometry
    inside = phantom.labels > 0
    points = phantom.t2.geometry.lps_from_ijk(np.argwhere(inside)[:, ::-1])
    truth = points + phantom.displacement_lps_mm[inside]
    seen = lowest.holds(lowest.ijk_from_lps(truth))
    study = StudyImages(phantom.t2, phantom.dwi_series[-1], phantom.dwi_series, phantom.adc)
    _write(study, points[seen], folder, {"seed": seed, "difficulty": difficulty}, truth[seen])


def patient_case(study: StudyImages, name: str, folder: Path) -> None:
    """Writes a patient's images, and the points at which our own judge looks."""
    if not (folder / WHOLE).exists():
        points = points_of(Judge(study.t2, study.dwi_series[0]).grid).reshape(-1, 3)
        _write(study, points, folder, {"patient": name}, None)


def _write(
    study: StudyImages, points: np.ndarray, folder: Path, about: dict, truth: np.ndarray | None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(study.t2.to_sitk(), str(folder / "t2.nrrd"))
    for number, image in enumerate(study.dwi_series):
        sitk.WriteImage(image.to_sitk(), str(folder / ("dwi.nrrd" if number == 0 else f"dwi_{number}.nrrd")))
    sitk.WriteImage(guide_of(study).to_sitk(), str(folder / "guide.nrrd"))
    np.save(folder / "points.npy", points)
    if truth is not None:
        np.save(folder / "truth.npy", truth)
    about["phase_encoding_lps"] = study.dwi_series[0].acquisition.phase_encoding_lps
    about["b_values"] = [image.acquisition.b_value_s_mm2 for image in study.dwi_series]
    (folder / WHOLE).write_text(json.dumps(about))
