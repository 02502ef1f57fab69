"""What limits a model on phantoms: where its wrong voxels lie, and what an ideal of one part would bring.

A model that is better trained cannot pass what its working pixel allows; a model that waits for a better
registration shows it here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

import numpy as np
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.network.inference import pick_device, segment_image, to_working_grid, working_grid
from LymphNodeSegLib.network.model_file import Model, load_model
from LymphNodeSegLib.nodes.separate import find_nodes
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.phantom.truth import covered_share
from scipy import ndimage
from torch.nn import functional

from .cases import AlignedDwi
from .evaluate import preferred_dwi, registered_phantom
from .phantoms import aligned

CEILING_PIXELS_MM = (1.0, 0.8, 0.6, 0.5)
SMALL_MM = 5.0
EDGE_BAND_MM = 1.8
"""How far from the true outline the T2's edge is looked for."""
LEVEL_ERRORS = (0.1, 0.15, 0.2)
"""In the share of a voxel that a node fills, of 1."""
NEAR_MM = 2.4
"""Standard deviation of the weights of local means on either side of an outline."""
SHARES = ("found nodes", "missed nodes < 5 mm", "missed nodes 5-10 mm", "missed nodes >= 10 mm")


def measure_limits(model_name: str, seeds: Iterable[int], difficulty: str, out: Optional[Path]) -> None:
    """Print the voxel figures of the model as it is and of each ideal, and what the wrong voxels belong to.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        seeds: Phantoms that were never trained on.
        difficulty: Of the phantoms.
        out: JSON file for everything.
    """
    model, device = load_model(model_name, trust_unlisted=True), pick_device()
    counts: dict[str, np.ndarray] = {}
    lost: dict[str, int] = {}
    for seed in seeds:
        for name, found, truth in _limits_of(make_phantom(seed, difficulty), model, device, lost):
            case = [(found & truth).sum(), (found & ~truth).sum(), (truth & ~found).sum()]
            counts[name] = counts.get(name, np.zeros(3, int)) + case
        print(f"{seed} done", flush=True)
    figures = {}
    for name, (true, false, missed) in counts.items():
        figures[name] = {
            "iou": true / (true + false + missed),
            "precision": true / max(true + false, 1),
            "recall": true / max(true + missed, 1),
        }
        print(f"{name}: " + "; ".join(f"{key} {value:.3f}" for key, value in figures[name].items()))
    print("voxels:", ", ".join(f"{name} {count}" for name, count in sorted(lost.items())))
    if out:
        out.write_text(json.dumps({"figures": figures, "voxels": lost}, indent=1) + "\n", encoding="utf-8")


def _limits_of(
    phantom: Phantom, model: Model, device: str, lost: dict[str, int]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name of each ideal, what it finds, and the truth, both boolean [k, j, i]."""
    case = registered_phantom(phantom, "deformable")
    t2, truth = case.t2, case.truth
    still = np.zeros_like(phantom.displacement_lps_mm)
    dwi = preferred_dwi(phantom)
    ideal = aligned(dwi, phantom.adc, t2.geometry, phantom.displacement_lps_mm)
    nothing = np.zeros_like(ideal.array)
    images = {
        "as it is": AlignedDwi(case.dwi.array, case.known, case.adc.array),
        "true registration": ideal,
        "no registration": aligned(dwi, phantom.adc, t2.geometry, still),
        "no DWI": AlignedDwi(nothing, np.zeros_like(ideal.known), nothing),
    }
    nodes = truth.array > 0
    small = np.isin(truth.array, [node.label for node in phantom.nodes if node.short_axis_mm < SMALL_MM])
    for name, one in images.items():
        probability = segment_image(
            t2, t2.with_array(one.array), one.known, model, device, adc=t2.with_array(one.adc)
        )
        found = find_nodes(probability, peak=model.peak)
        yield name, found > 0, nodes
        if name in ("as it is", "true registration"):
            yield f"{name}, nodes < 5 mm left out", (found > 0) & ~small, nodes & ~small
            yield f"{name}, outlines of found nodes true", _true_outlines(found, truth.array), nodes
            for level in (0.2, 0.35, 0.65):
                lower = find_nodes(probability, threshold=level, peak=model.peak)
                yield f"{name}, outline at {level:g}", lower > 0, nodes
        if name == "as it is":
            _count_lost(found, phantom, lost)
    yield "every node known, outline at the T2's edge", _at_t2_edges(t2, truth.array), nodes
    for error in LEVEL_ERRORS:
        yield f"every node known, its level off by {error:g}", _at_level(phantom, error), nodes
    for pixel_mm in CEILING_PIXELS_MM:
        yield f"truth through {pixel_mm:g} mm pixels", _through(truth, pixel_mm), nodes


def _true_outlines(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Finds that touch a true node replaced by it; the others stay."""
    touched = np.unique(truth[found > 0])
    hit = np.isin(truth, touched[touched > 0])
    stray = (found > 0) & ~np.isin(found, np.unique(found[hit]))
    return hit | stray


def _at_t2_edges(t2: Image, truth: np.ndarray) -> np.ndarray:
    """Every true node, its outline where the T2 says, near the true one: what the image's edges allow.

    A voxel near the true outline is inside where the T2 is nearer to the mean inside than to that outside;
    both are taken around it, with the truth known.

    Args:
        t2: The T2.
        truth: Labels [k, j, i], 0 is background.
    """
    spacing_mm = t2.geometry.spacing_mm[1::-1]
    margin = [int(np.ceil(4.0 * NEAR_MM / mm)) for mm in spacing_mm]
    result = np.zeros(truth.shape, dtype=bool)
    for label, box in enumerate(ndimage.find_objects(truth), start=1):
        if box is None:
            continue
        rows, columns = (slice(max(0, one.start - m), one.stop + m) for one, m in zip(box[1:], margin))
        for k in range(box[0].start, box[0].stop):
            here = truth[k, rows, columns]
            if (here == label).any():
                image = t2.array[k, rows, columns].astype(np.float32)
                free = (here == label) | (here == 0)
                result[k, rows, columns] |= _at_edges(image, here == label, free, spacing_mm)
    return result


def _at_edges(
    image: np.ndarray, node: np.ndarray, free: np.ndarray, spacing_mm: tuple[float, ...]
) -> np.ndarray:
    """One node in one slice, see `_at_t2_edges`; holes filled, single voxels gone."""
    depth, distance = (ndimage.distance_transform_edt(one, sampling=spacing_mm) for one in (node, ~node))
    band = np.where(node, depth, distance) <= EDGE_BAND_MM
    sigma = [NEAR_MM / mm for mm in spacing_mm]

    def mean(weight: np.ndarray) -> np.ndarray:
        total = ndimage.gaussian_filter(weight.astype(np.float32), sigma)
        return ndimage.gaussian_filter(weight * image, sigma) / np.maximum(total, 1e-6)

    nearer = np.abs(image - mean(node)) < np.abs(image - mean(free & ~node))
    inside = ndimage.binary_fill_holes(np.where(band, nearer, node) & free)
    return ndimage.binary_opening(inside) | (inside & node & ~band)


def _at_level(phantom: Phantom, error: float) -> np.ndarray:
    """Every true node, drawn where it fills half of a voxel, by one who errs in that share.

    In each slice of a node by one amount: as one who takes the signal of the node or of what surrounds it
    for that share of their difference too bright or too dark. Slices are thick and nodes are round, so the
    share changes slowly from voxel to voxel, and the outline moves far.

    Args:
        phantom: The phantom.
        error: Standard deviation of the error.
    """
    chance = np.random.default_rng(phantom.seed)
    result = np.zeros(phantom.labels.shape, dtype=bool)
    for node in phantom.nodes:
        covered = covered_share(node.shape, phantom.t2.geometry)
        assert covered is not None  # it has a label
        window, share, _ = covered
        wrong = chance.normal(0.0, error, (len(share), 1, 1))
        result[window] |= (share > 0.0) & (share + wrong >= 0.5)
    return result


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


def _through(truth: Image, pixel_mm: float) -> np.ndarray:
    """A label map's foreground as a perfect network at that pixel would give it back."""
    size, _ = working_grid(truth, pixel_mm)
    coarse = (to_working_grid(truth.array > 0, size) > 0.5).float()[:, None]
    shape = list(truth.array.shape[1:])
    fine = functional.interpolate(coarse, size=shape, mode="bilinear", align_corners=False)[:, 0]
    return (fine > 0.5).numpy()
