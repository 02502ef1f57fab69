"""The whole road on phantoms: register, segment, separate, and compare with the truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Optional

import numpy as np
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.network.inference import pick_device, segment_image
from LymphNodeSegLib.network.model_file import Model, load_model
from LymphNodeSegLib.nodes.evaluation import evaluate, pool
from LymphNodeSegLib.nodes.separate import find_nodes
from LymphNodeSegLib.phantom import Phantom, make_phantom

from .phantoms import registration_of

LARGEST_B_S_MM2 = 1000.0


def evaluate_phantoms(
    model_name: str,
    seeds: Sequence[int],
    difficulty: str,
    registration: str,
    out: Optional[Path] = None,
    jobs: int = 1,
    keep: Optional[Path] = None,
    varied: bool = False,
    adc: bool = True,
) -> dict[str, Any]:
    """Figures pooled over phantoms; prints a line for each case and one for all.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        seeds: Phantoms that were never trained on.
        difficulty: Of the phantoms.
        registration: As `register` takes it.
        out: JSON file for the pooled figures.
        jobs: Processes at a time; more than one leaves the graphics card alone.
        keep: See `held_out_case`.
        varied: See `make_phantom`; the benchmark's are not.
        adc: False keeps the ADC from the second look.
    """
    one_case = partial(
        _evaluate_phantom,
        model_name=model_name,
        difficulty=difficulty,
        registration=registration,
        jobs=jobs,
        keep=keep,
        varied=varied,
        adc=adc,
    )
    results = []
    with get_context("spawn").Pool(jobs) if jobs > 1 else _InThisProcess() as workers:
        for seed, figures in zip(seeds, workers.imap(one_case, seeds)):
            results.append(figures)
            print(f"{seed}: {line_of(figures)}", flush=True)
    figures = {
        "difficulty": difficulty,
        "registration": registration,
        "varied": varied,
        "adc": adc,
        **pool(results),
    }
    print(f"{difficulty}, {len(results)} cases: {line_of(figures)}")
    if out:
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


class _InThisProcess:
    """A pool without processes."""

    imap = staticmethod(map)

    def __enter__(self) -> _InThisProcess:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _evaluate_phantom(
    seed: int,
    model_name: str,
    difficulty: str,
    registration: str,
    jobs: int,
    keep: Optional[Path],
    varied: bool,
    adc: bool,
) -> dict[str, Any]:
    import torch

    if jobs > 1:
        torch.set_num_threads(1)
    model = load_model(model_name, trust_unlisted=True)
    case = held_out_case(seed, difficulty, registration, keep, varied)
    return evaluate_case(case, model, "cpu" if jobs > 1 else pick_device(), adc)


@dataclass(frozen=True)
class Registered:
    """A phantom as the networks see a patient, and the truth; all on the T2's grid.

    Attributes:
        t2, dwi: The images, the DWI registered.
        known: Boolean [k, j, i], where the DWI is known.
        adc: In um2/s, registered with the DWI.
        truth: One label a node.
    """

    t2: Image
    dwi: Image
    known: np.ndarray
    adc: Image
    truth: Image


def held_out_case(
    seed: int, difficulty: str, registration: str, keep: Optional[Path] = None, varied: bool = False
) -> Registered:
    """A phantom as `registered_phantom` gives it.

    Args:
        seed: The phantom's.
        difficulty: The same.
        registration: As `register` takes it.
        keep: A folder to take it from and to leave it in: it takes longer to make than to segment.
        varied: The phantom's.
    """
    import SimpleITK as sitk

    if not keep:
        return registered_phantom(make_phantom(seed, difficulty, varied=varied), registration)
    place = keep / f"{difficulty}-{seed}-{registration}{'-varied' if varied else ''}"
    if not (place / "adc.nrrd").exists():  # kept folders of before have none
        case = registered_phantom(make_phantom(seed, difficulty, varied=varied), registration)
        partial = place.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        images = {one.name: getattr(case, one.name) for one in fields(case)}
        images["known"] = case.truth.with_array(case.known.astype(np.uint8))
        for name, image in images.items():
            sitk.WriteImage(image.to_sitk(), str(partial / f"{name}.nrrd"))
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    read = {
        one.name: Image.from_sitk(sitk.ReadImage(str(place / f"{one.name}.nrrd")))
        for one in fields(Registered)
    }
    return Registered(read["t2"], read["dwi"], read["known"].array > 0, read["adc"], read["truth"])


def registered_phantom(phantom: Phantom, registration: str) -> Registered:
    """A phantom as the networks see a patient: T2, registered DWI and ADC; and the truth."""
    seen = registration_of(phantom, preferred_dwi(phantom), registration)
    assert seen.adc is not None  # a phantom has one
    truth = phantom.t2.with_array(phantom.labels.astype(np.uint16))
    return Registered(phantom.t2, seen.dwi, seen.known, seen.adc, truth)


def evaluate_case(case: Registered, model: Model, device: str, adc: bool = True) -> dict[str, Any]:
    """Figures of one case, as `nodes.evaluation.evaluate` gives them."""
    probability = segment_image(case.t2, case.dwi, case.known, model, device, adc=case.adc if adc else None)
    return evaluate_found(probability, case, model)


def evaluate_found(probability: Image, case: Registered, model: Model) -> dict[str, Any]:
    """The same of a probability on the T2's grid."""
    found = find_nodes(probability, peak=model.peak)
    return evaluate(case.t2.with_array(found), case.truth)


def preferred_dwi(phantom: Phantom) -> Image:
    """The DWI that the pipeline would choose: the highest b-value up to 1000, else the lowest above."""

    def preference(dwi: Image) -> float:
        b_value = dwi.acquisition.b_value_s_mm2 or 0.0
        return b_value if b_value <= LARGEST_B_S_MM2 else -b_value

    return max(phantom.dwi_series, key=preference)


def line_of(figures: dict[str, Any]) -> str:
    """The figures that matter in one line."""
    parts = [f"{key} {_number(figures[key])}" for key in ("iou", "precision", "recall")]
    for key, name in (("sensitivity", "found"), ("false_positives_per_case", "false a case")):
        bands = ", ".join(f"{band} {_number(value)}" for band, value in figures[key].items() if band != "all")
        parts.append(f"{name} {bands}")
    bias, error = figures["short_axis_bias_mm"]["all"], figures["short_axis_error_mm"]["all"]
    parts.append(f"short axis off by {_number(error)} mm, bias {_number(bias)} mm")
    return "; ".join(parts)


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.2f}"
