"""Follow-up: the nodes of two studies of one patient, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Image
from ..progress import Progress, Silent
from .measure import measure_nodes
from .node import Node
from .response import recist_category
from .rigid import align

if TYPE_CHECKING:
    from .rigid import Alignment

GROWN_MM = 2.0
"""Change of short axis that counts as growth (Node-RADS 1.0), and its negative as shrinkage."""

GROWN_SHARE, GROWN_WITH_MM = 0.5, 1.0
"""So does this change of volume (half as much again, or a third less) with at least this change in mm."""

MATCH_MM = 8.0
"""How far the centers of one node may lie apart after rigid alignment: bladder and bowel move nodes."""

_SILENT = Silent()


@dataclass(frozen=True)
class NodeChange:
    """One node in both studies.

    Attributes:
        prior, current: Its measurements then and now; the ids of the two studies are independent.
        distance_mm: Between its centers after alignment.
        short_axis_change_mm: Now minus then, in the acquisition plane; None where one could not be measured.
        volume_change_percent: Now against then.
        verdict: "grown", "shrunk" or "stable".
    """

    prior: Node
    current: Node
    distance_mm: float
    short_axis_change_mm: Optional[float]
    volume_change_percent: float
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Two studies of one patient.

    Attributes:
        matched: Nodes found in both, in the order of the current study.
        new: Nodes of the current study that the prior one lacks.
        vanished: Nodes of the prior study that the current one lacks.
        recist: Suggested RECIST 1.1 category for the nodes; see `response.recist_category`.
        recist_reason: One sentence for the reader.
        alignment: How the studies were brought together.
        notes: Sentences for the reader.
    """

    matched: tuple[NodeChange, ...]
    new: tuple[Node, ...]
    vanished: tuple[Node, ...]
    recist: str
    recist_reason: str
    alignment: Alignment
    notes: tuple[str, ...] = ()


def compare_studies(
    prior_t2: Image,
    prior_labels: Image,
    current_t2: Image,
    current_labels: Image,
    progress: Progress = _SILENT,
    *,
    prior_ids: Optional[Mapping[int, str]] = None,
    current_ids: Optional[Mapping[int, str]] = None,
) -> Comparison:
    """Compare the nodes of two studies of one patient.

    The two T2-weighted images are aligned rigidly; nodes are matched one to one so that overlapping ones come
    together first and then near ones, see `MATCH_MM`.

    Args:
        prior_t2: T2-weighted image then.
        prior_labels: Label map [k, j, i] on its grid, one label a node.
        current_t2: T2-weighted image now.
        current_labels: Label map [k, j, i] on its grid.
        progress: Told during alignment.
        prior_ids: Names of the labels then; LN001 and so on where absent.
        current_ids: Names of the labels now.

    Raises:
        InputError: a label map does not lie on its T2, or the studies do not overlap.
    """
    for name, t2, labels in (
        ("prior", prior_t2, prior_labels),
        ("current", current_t2, current_labels),
    ):
        if not labels.geometry.is_close(t2.geometry, 0.01):
            raise InputError(
                f"The {name} segmentation does not lie on the {name} T2: give the T2 it was made on."
            )
    alignment = align(prior_t2, current_t2, progress)
    prior = measure_nodes(prior_labels, ids=prior_ids)
    current = measure_nodes(current_labels, ids=current_ids)
    changes = tuple(
        _change(prior[a], current[b], distance)
        for a, b, distance in _matches(prior, current, prior_labels, alignment)
    )
    seen_prior = {change.prior.label for change in changes}
    seen_current = {change.current.label for change in changes}
    new, outside_prior = _unmatched(current, seen_current, alignment, prior_labels, inverse=False)
    vanished, outside_current = _unmatched(prior, seen_prior, alignment, current_labels, inverse=True)
    category, reason = recist_category([(c.prior, c.current) for c in changes], new, vanished)
    notes = [
        f"{node.id} of the {own} study lies outside the field of view of the {other} one."
        for own, other, nodes in (
            ("current", "prior", outside_prior),
            ("prior", "current", outside_current),
        )
        for node in nodes
    ]
    if alignment.correlation_after < 0.5:
        notes.append("The two studies align poorly: check each match on the images.")
    progress.fraction(1.0)
    return Comparison(changes, new, vanished, category, reason, alignment, tuple(notes))


def comparison_as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values, for `comparison.json`."""

    def plain(node: Node) -> dict[str, Any]:
        return {
            "id": node.id,
            "short_axis_mm": node.short_axis_mm,
            "long_axis_mm": node.long_axis_mm,
            "axial_short_axis_mm": node.axial_short_axis_mm,
            "volume_mm3": node.volume_mm3,
            "centroid_ras_mm": list(node.centroid_ras_mm),
        }

    return {
        "matched": [
            {
                "prior": plain(change.prior),
                "current": plain(change.current),
                "distance_mm": change.distance_mm,
                "short_axis_change_mm": change.short_axis_change_mm,
                "volume_change_percent": change.volume_change_percent,
                "verdict": change.verdict,
            }
            for change in comparison.matched
        ],
        "new": [plain(node) for node in comparison.new],
        "vanished": [plain(node) for node in comparison.vanished],
        "recist": {"category": comparison.recist, "reason": comparison.recist_reason, "suggestion": True},
        "alignment": {
            "correlation_before": comparison.alignment.correlation_before,
            "correlation_after": comparison.alignment.correlation_after,
        },
        "notes": list(comparison.notes),
    }


def _matches(
    prior: Sequence[Node],
    current: Sequence[Node],
    prior_labels: Image,
    alignment: Alignment,
) -> list[tuple[int, int, float]]:
    """Pairs (number in prior, number in current, distance of centers in mm), by number in current."""
    if not prior or not current:
        return []
    from scipy.optimize import linear_sum_assignment

    then = np.array([node.centroid_ras_mm for node in prior])
    now = np.array([_moved(_lps(node.centroid_ras_mm), alignment.transform) for node in current]) * (
        -1,
        -1,
        1,
    )
    distance = np.linalg.norm(then[:, None] - now[None], axis=2)
    overlap = _overlaps(prior, current, prior_labels, alignment)
    allowed = (overlap > 0) | (distance <= MATCH_MM)
    # Overlap outweighs nearness; a pair that may not be is dearer than all others together.
    cost = np.where(allowed, distance - 2 * MATCH_MM * overlap, 1e6)
    rows, columns = linear_sum_assignment(cost)
    pairs = [(int(a), int(b), float(distance[a, b])) for a, b in zip(rows, columns) if allowed[a, b]]
    return sorted(pairs, key=lambda pair: pair[1])


def _overlaps(
    prior: Sequence[Node], current: Sequence[Node], prior_labels: Image, alignment: Alignment
) -> np.ndarray:
    """Share of the smaller of two nodes that the other covers after alignment, [prior, current]."""
    number_of = {node.label: number for number, node in enumerate(prior)}
    overlap = np.zeros((len(prior), len(current)))
    geometry = prior_labels.geometry
    for column, node in enumerate(current):
        voxels = np.stack(np.nonzero(node.mask.array)[::-1], axis=1) + node.mask.start_ijk
        lps = _moved(node.mask.geometry.lps_from_ijk(voxels), alignment.transform)
        index = np.round(geometry.ijk_from_lps(lps)).astype(int)
        known = np.all((index >= 0) & (index < geometry.size_ijk), axis=1)
        labels, counts = np.unique(prior_labels.array[tuple(index[known].T[::-1])], return_counts=True)
        for label, count in zip(labels.tolist(), counts.tolist()):
            if label in number_of:
                row = number_of[label]
                shared_mm3 = count * node.mask.geometry.voxel_volume_mm3
                overlap[row, column] = shared_mm3 / min(node.volume_mm3, prior[row].volume_mm3)
    return np.minimum(overlap, 1.0)


def _unmatched(
    nodes: Sequence[Node], seen: set[int], alignment: Alignment, other: Image, inverse: bool
) -> tuple[tuple[Node, ...], list[Node]]:
    """The nodes without a partner: those the other study shows the place of, and those it does not."""
    transform = alignment.transform.GetInverse() if inverse else alignment.transform
    size = np.array(other.geometry.size_ijk)
    within: list[Node] = []
    outside: list[Node] = []
    for node in nodes:
        if node.label in seen:
            continue
        index = other.geometry.ijk_from_lps(_moved(_lps(node.centroid_ras_mm), transform))
        inside = bool(np.all((index >= -0.5) & (index <= size - 0.5)))
        (within if inside else outside).append(node)
    return tuple(within), outside


def _change(prior: Node, current: Node, distance_mm: float) -> NodeChange:
    change_mm = None
    if prior.short_axis_mm is not None and current.short_axis_mm is not None:
        change_mm = current.short_axis_mm - prior.short_axis_mm
    ratio = current.volume_mm3 / prior.volume_mm3
    return NodeChange(
        prior, current, distance_mm, change_mm, 100 * (ratio - 1), _verdict(change_mm or 0.0, ratio)
    )


def _verdict(change_mm: float, volume_ratio: float) -> str:
    if change_mm >= GROWN_MM or (change_mm >= GROWN_WITH_MM and volume_ratio >= 1 + GROWN_SHARE):
        return "grown"
    if change_mm <= -GROWN_MM or (change_mm <= -GROWN_WITH_MM and volume_ratio <= 1 / (1 + GROWN_SHARE)):
        return "shrunk"
    return "stable"


def _lps(ras: Sequence[float]) -> np.ndarray:
    return np.array(ras, dtype=float) * (-1, -1, 1)


def _moved(points_lps: np.ndarray, transform: Any) -> np.ndarray:
    """Points (..., 3) through a rigid transform."""
    points = np.atleast_2d(points_lps)
    moved = np.array([transform.TransformPoint(point) for point in points.tolist()])
    return moved.reshape(np.shape(points_lps))
