"""The whole road on phantoms: register, segment, separate, and compare with the truth."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

import numpy as np
from LymphNodeSegLib.images.image import StudyImages
from LymphNodeSegLib.network.inference import pick_device, segment_image
from LymphNodeSegLib.network.model_file import load_model
from LymphNodeSegLib.nodes.evaluation import evaluate, pool
from LymphNodeSegLib.nodes.separate import find_nodes
from LymphNodeSegLib.phantom import make_phantom
from LymphNodeSegLib.registration.register import register

LARGEST_B_S_MM2 = 1000.0


def evaluate_phantoms(
    model_name: str, seeds: Iterable[int], difficulty: str, registration: str, out: Optional[Path] = None
) -> dict[str, Any]:
    """Figures pooled over phantoms; prints a line for each case and one for all.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        seeds: Phantoms that were never trained on.
        difficulty: Of the phantoms.
        registration: As `register` takes it.
        out: JSON file for the pooled figures.
    """
    model, device = load_model(model_name, trust_unlisted=True), pick_device()
    results = []
    for seed in seeds:
        phantom = make_phantom(seed, difficulty)
        # As the pipeline chooses: the highest measured b-value up to 1000.
        dwi = max(phantom.dwi_series, key=_preference)
        study = StudyImages(phantom.t2, dwi, phantom.dwi_series, phantom.adc)
        registered = register(study, registration)
        probability = segment_image(phantom.t2, registered.dwi, registered.known, model, device)
        found = phantom.t2.with_array(find_nodes(probability))
        results.append(evaluate(found, phantom.t2.with_array(phantom.labels.astype(np.uint16))))
        print(f"{seed}: {line_of(results[-1])}", flush=True)
    figures = {"difficulty": difficulty, "registration": registration, **pool(results)}
    print(f"{difficulty}, {len(results)} cases: {line_of(figures)}")
    if out:
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def _preference(dwi: Any) -> float:
    b_value = dwi.acquisition.b_value_s_mm2 or 0.0
    return b_value if b_value <= LARGEST_B_S_MM2 else -b_value


def line_of(figures: dict[str, Any]) -> str:
    """The figures that matter in one line."""
    parts = [f"{key} {_number(figures[key])}" for key in ("iou", "precision", "recall")]
    for key, name in (("sensitivity", "found"), ("false_positives_per_case", "false a case")):
        bands = ", ".join(f"{band} {_number(value)}" for band, value in figures[key].items() if band != "all")
        parts.append(f"{name} {bands}")
    return "; ".join(parts)


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.2f}"
