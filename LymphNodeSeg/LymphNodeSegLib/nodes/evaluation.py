"""A prediction against the truth: voxel by voxel, and node by node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Image
from .measure import measure_nodes
from .node import Node

BANDS_MM = (("<5", 0.0, 5.0), ("5-10", 5.0, 10.0), (">=10", 10.0, np.inf))
"""Size bands by short axis in the acquisition plane."""

MATCH_IOU = 0.1
"""3-D overlap from which a predicted node and a true one are the same (as in PI-CAI)."""

NODE_COUNTS = ("true", "found", "predicted", "false")
SIZE_SUMS = ("bias_mm", "error_mm", "volume_mm3", "true_mm3")
"""What the figures of the true nodes that were found add up to."""

RULE = (
    f"a true node is found when a predicted node overlaps it with an IoU of at least {MATCH_IOU:g}; "
    "a predicted node is false when it so overlaps none and less than half of it lies in true nodes; "
    "bands by short axis, of the true node for sensitivity, of the predicted node for false positives"
)


def evaluate(prediction: Image, truth: Image) -> dict[str, Any]:
    """Compare a predicted label map with the true one (one label a node, 0 is background).

    The comparison is made on the truth's grid: the prediction is brought there by nearest neighbor through
    physical space; outside the prediction's grid counts as background.

    Args:
        prediction: Integer label map [k, j, i].
        truth: Integer label map [k, j, i].

    Returns:
        See `pool`, for one case.

    Raises:
        InputError: the two lie in different places.
    """
    predicted = on_grid_of(truth, prediction)
    p, t = predicted.array > 0, truth.array > 0
    true_positive = int(np.count_nonzero(p & t))
    counts = {
        "tp": true_positive,
        "fp": int(np.count_nonzero(p)) - true_positive,
        "fn": int(np.count_nonzero(t)) - true_positive,
    }
    counts["tn"] = p.size - sum(counts.values())
    nodes, sizes = _node_counts(predicted, truth)
    return pool([{"cases": 1, "voxels": counts, "nodes": nodes, "sizes": sizes}])


def pool(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The figures of many cases together, from their summed counts.

    Args:
        results: What `evaluate` (or `pool`) returned.

    Returns:
        Plain values: `iou`, `dice`, `precision`, `recall` of the lymph node class over all voxels; `mean_iou`
        and `mean_pixel_accuracy`, the means over the classes lymph node and background; `global_accuracy`
        (which background dominates); `sensitivity` and `false_positives_per_case`, each for "all" and by
        size band; of the true nodes that were found, by band, `short_axis_bias_mm` (mean of predicted less
        true), `short_axis_error_mm` (mean of its size) and `volume_ratio` (predicted to true, summed);
        `cases`; the counts and sums behind them in `voxels`, `nodes` and `sizes`; the matching `rule`. A
        figure whose denominator is zero is None.
    """
    cases, voxels = 0, dict.fromkeys(("tp", "fp", "fn", "tn"), 0)
    nodes = {band: dict.fromkeys(NODE_COUNTS, 0) for band in _band_names()}
    sizes = {band: dict.fromkeys(SIZE_SUMS, 0.0) for band in _band_names()}
    for result in results:
        cases += result["cases"]
        for key in voxels:
            voxels[key] += result["voxels"][key]
        for band, counts in nodes.items():
            for key in counts:
                counts[key] += result["nodes"][band][key]
            for key in SIZE_SUMS:
                sizes[band][key] += result["sizes"][band][key]
    tp, fp, fn, tn = (voxels[key] for key in ("tp", "fp", "fn", "tn"))
    iou, recall = _ratio(tp, tp + fp + fn), _ratio(tp, tp + fn)
    return {
        "cases": cases,
        "iou": iou,
        "dice": _ratio(2 * tp, 2 * tp + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "mean_iou": _mean(iou, _ratio(tn, tn + fp + fn)),
        "mean_pixel_accuracy": _mean(recall, _ratio(tn, tn + fp)),
        "global_accuracy": _ratio(tp + tn, tp + fp + fn + tn),
        "sensitivity": {band: _ratio(counts["found"], counts["true"]) for band, counts in nodes.items()},
        "false_positives_per_case": {band: _ratio(counts["false"], cases) for band, counts in nodes.items()},
        "short_axis_bias_mm": {b: _ratio(one["bias_mm"], nodes[b]["found"]) for b, one in sizes.items()},
        "short_axis_error_mm": {b: _ratio(one["error_mm"], nodes[b]["found"]) for b, one in sizes.items()},
        "volume_ratio": {band: _ratio(one["volume_mm3"], one["true_mm3"]) for band, one in sizes.items()},
        "voxels": voxels,
        "nodes": nodes,
        "sizes": sizes,
        "rule": RULE,
    }


def on_grid_of(reference: Image, labels: Image) -> Image:
    """A label map brought onto another grid by nearest neighbor; background outside its own grid.

    Raises:
        InputError: the two grids have no place in common.
    """
    if labels.geometry.is_close(reference.geometry):
        return labels
    import SimpleITK as sitk

    corners = reference.geometry.ijk_from_lps(labels.geometry.corners_lps_mm())
    size = np.array(reference.geometry.size_ijk)
    if (corners.max(axis=0) < -0.5).any() or (corners.min(axis=0) > size - 0.5).any():
        raise InputError(
            "The two segmentations lie in different places: compare segmentations of the same study."
        )
    moved = sitk.Resample(
        labels.with_array(labels.array.astype(np.int32)).to_sitk(),
        reference.with_array(np.zeros(reference.array.shape, np.uint8)).to_sitk(),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        0,
    )
    return Image(sitk.GetArrayFromImage(moved), reference.geometry, labels.acquisition)


def _node_counts(
    predicted: Image, truth: Image
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """True, found, predicted and false nodes, and how the sizes of those found differ: all, and by band."""
    width = int(truth.array.max()) + 1
    pairs, voxels = np.unique(
        predicted.array.astype(np.int64).ravel() * width + truth.array.ravel(), return_counts=True
    )
    overlap = np.zeros((int(predicted.array.max()) + 1, width))
    overlap[pairs // width, pairs % width] = voxels
    of_predicted, of_true = overlap.sum(axis=1), overlap.sum(axis=0)
    shared = overlap[1:, 1:]
    iou = shared / np.maximum(1.0, of_predicted[1:, None] + of_true[None, 1:] - shared)
    matched = iou >= MATCH_IOU
    in_truth = shared.sum(axis=1) / np.maximum(1.0, of_predicted[1:])
    counts = {band: dict.fromkeys(NODE_COUNTS, 0) for band in _band_names()}
    sizes = {band: dict.fromkeys(SIZE_SUMS, 0.0) for band in _band_names()}
    wanted = {node.label: node for node in measure_nodes(truth)}
    given = {node.label: node for node in measure_nodes(predicted)}

    def count(nodes: Iterable[Node], total: str, hit: str, flags: np.ndarray) -> None:
        for node in nodes:
            for band in ("all", _band(node.short_axis_mm)):
                counts[band][total] += 1
                counts[band][hit] += int(flags[node.label - 1])

    count(wanted.values(), "true", "found", matched.any(axis=0))
    count(given.values(), "predicted", "false", ~matched.any(axis=1) & (in_truth < 0.5))
    for node in wanted.values():
        if matched[:, node.label - 1].any():
            found = given[int(iou[:, node.label - 1].argmax()) + 1]
            longer = (found.short_axis_mm or 0.0) - (node.short_axis_mm or 0.0)
            sums = (longer, abs(longer), found.volume_mm3, node.volume_mm3)
            for band in ("all", _band(node.short_axis_mm)):
                for key, value in zip(SIZE_SUMS, sums):
                    sizes[band][key] += value
    return counts, sizes


def _band_names() -> tuple[str, ...]:
    return ("all", *(name for name, _, _ in BANDS_MM))


def _band(short_axis_mm: Optional[float]) -> str:
    size = short_axis_mm or 0.0
    return next(name for name, low, high in BANDS_MM if low <= size < high)


def _ratio(part: float, whole: float) -> Optional[float]:
    return part / whole if whole else None


def _mean(first: Optional[float], second: Optional[float]) -> Optional[float]:
    """Mean of the figures that exist."""
    known = [value for value in (first, second) if value is not None]
    return sum(known) / len(known) if known else None
