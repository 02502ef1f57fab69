"""What limits a model on phantoms: where its wrong voxels lie, and what an ideal of one part would bring.

A model that is better trained cannot pass what its working pixel allows; a model that waits for a better
registration shows it here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

import numpy as np
from LymphNodeSegLib.images.image import Image, StudyImages
from LymphNodeSegLib.network.inference import pick_device, segment_image, to_working_grid, working_grid
from LymphNodeSegLib.network.model_file import Model, load_model
from LymphNodeSegLib.nodes.evaluation import evaluate, pool
from LymphNodeSegLib.nodes.separate import find_nodes
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.registration.register import register
from torch.nn import functional

from .evaluate import line_of, preferred_dwi
from .phantoms import AlignedDwi, resampled

CEILING_PIXELS_MM = (1.0, 0.8, 0.6, 0.5)
SMALL_MM = 5.0
SHARES = ("found nodes", "missed nodes < 5 mm", "missed nodes 5-10 mm", "missed nodes >= 10 mm")


def measure_limits(model_name: str, seeds: Iterable[int], difficulty: str, out: Optional[Path]) -> None:
    """Print one line of figures for the model as it is, and one for each ideal.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        seeds: Phantoms that were never trained on.
        difficulty: Of the phantoms.
        out: JSON file for everything.
    """
    model, device = load_model(model_name, trust_unlisted=True), pick_device()
    results: dict[str, list[dict[str, Any]]] = {}
    lost: dict[str, int] = {}
    for seed in seeds:
        for name, figures in _limits_of(make_phantom(seed, difficulty), model, device, lost):
            results.setdefault(name, []).append(figures)
        print(f"{seed} done", flush=True)
    pooled = {name: pool(cases) for name, cases in results.items()}
    for name, figures in pooled.items():
        print(f"{name}: {line_of(figures)}")
    print("voxels:", ", ".join(f"{name} {count}" for name, count in sorted(lost.items())))
    if out:
        out.write_text(json.dumps({"figures": pooled, "voxels": lost}, indent=1) + "\n", encoding="utf-8")


def _limits_of(
    phantom: Phantom, model: Model, device: str, lost: dict[str, int]
) -> Iterable[tuple[str, dict[str, Any]]]:
    dwi = preferred_dwi(phantom)
    registered = register(StudyImages(phantom.t2, dwi, phantom.dwi_series, phantom.adc), "deformable")
    ideal = resampled(dwi, phantom.t2.geometry, phantom.displacement_lps_mm)
    plain = resampled(dwi, phantom.t2.geometry, np.zeros_like(phantom.displacement_lps_mm))
    aligned = {
        "as it is": AlignedDwi(registered.dwi.array, registered.known),
        "true registration": ideal,
        "no registration": plain,
        "no DWI": AlignedDwi(np.zeros_like(ideal.array), np.zeros_like(ideal.known)),
    }
    truth = phantom.t2.with_array(phantom.labels.astype(np.uint16))
    small = [node.label for node in phantom.nodes if node.short_axis_mm < SMALL_MM]
    large = truth.with_array(np.where(np.isin(truth.array, small), 0, truth.array))
    for name, one in aligned.items():
        probability = segment_image(phantom.t2, truth.with_array(one.array), one.known, model, device)
        found = find_nodes(probability)
        yield name, evaluate(truth.with_array(found), truth)
        if name in ("as it is", "true registration"):
            # Neither found nor missed small nodes count.
            kept = np.where(np.isin(truth.array, small), 0, found)
            yield f"{name}, nodes < 5 mm left out", evaluate(truth.with_array(kept), large)
            yield f"{name}, outlines of found nodes true", evaluate(_true_outlines(found, truth), truth)
            for level in (0.2, 0.35, 0.65):
                other = find_nodes(probability, threshold=level)
                yield f"{name}, outline at {level:g}", evaluate(truth.with_array(other), truth)
        if name == "as it is":
            _count_lost(found, phantom, lost)
    for pixel_mm in CEILING_PIXELS_MM:
        yield f"truth through {pixel_mm:g} mm pixels", evaluate(_through(truth, pixel_mm), truth)


def _true_outlines(found: np.ndarray, truth: Image) -> Image:
    """Finds that touch a true node replaced by it; the others stay."""
    touched = np.unique(truth.array[found > 0])
    hit = np.isin(truth.array, touched[touched > 0])
    of_truth = np.unique(found[hit])
    stray = np.where(np.isin(found, of_truth), 0, found)
    combined = np.where(hit, truth.array, np.where(stray > 0, stray + int(truth.array.max()), 0))
    return truth.with_array(combined.astype(np.uint16))


def _count_lost(found: np.ndarray, phantom: Phantom, lost: dict[str, int]) -> None:
    """Add a case's wrong voxels to the counts, by what they belong to."""

    def count(name: str, voxels: int) -> None:
        lost[name] = lost.get(name, 0) + int(voxels)

    labels = phantom.labels
    for node in phantom.nodes:
        mask = labels == node.label
        missed = int(np.count_nonzero(mask & (found == 0)))
        if missed < np.count_nonzero(mask):
            count(f"missed in {SHARES[0]}", missed)
        else:
            band = 1 + int(node.short_axis_mm >= SMALL_MM) + int(node.short_axis_mm >= 2 * SMALL_MM)
            count(SHARES[band], missed)
    touching = np.unique(found[(found > 0) & (labels > 0)])
    beside = (found > 0) & (labels == 0)
    near = np.isin(found, touching)
    count("false around true nodes", np.count_nonzero(beside & near))
    count("false finds", np.count_nonzero(beside & ~near))
    count("right", np.count_nonzero((found > 0) & (labels > 0)))


def _through(truth: Image, pixel_mm: float) -> Image:
    """A label map's foreground as a perfect network at that pixel would give it back."""
    size, _ = working_grid(truth, pixel_mm)
    coarse = (to_working_grid(truth.array > 0, size) > 0.5).float()[:, None]
    shape = list(truth.array.shape[1:])
    fine = functional.interpolate(coarse, size=shape, mode="bilinear", align_corners=False)[:, 0] > 0.5
    nearest = np.where(fine.numpy(), np.maximum(truth.array, 1), 0)
    return truth.with_array(nearest.astype(np.uint16))
