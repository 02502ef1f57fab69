"""Which node of one study is which of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..images.image import Geometry, Image
from .node import Node

MATCH_MM = 8.0
"""How far the centers of one node may lie apart after rigid alignment: bladder and bowel move nodes."""

PART = 0.5
"""A node is a part of another when that one covers so much of it."""


@dataclass(frozen=True)
class Matching:
    """The pairs, and what else the overlaps say.

    Attributes:
        pairs: Number in prior, number in current, distance of centers in mm; by number in current.
        parts_of_prior: For nodes of the current study without partner that are a part of a matched node of
            the prior one: their number, and that node's.
        parts_of_current: The same for nodes of the prior study.
    """

    pairs: tuple[tuple[int, int, float], ...]
    parts_of_prior: dict[int, int]
    parts_of_current: dict[int, int]


def matched(
    prior: Sequence[Node], current: Sequence[Node], prior_labels: Image, current_labels: Image, to_prior: Any
) -> Matching:
    """Pair nodes one to one: those that overlap first, then those near each other (`MATCH_MM`).

    Args:
        prior: The nodes of the prior study.
        current: Those of the current one.
        prior_labels: Label map of the prior nodes.
        current_labels: Of the current ones.
        to_prior: Maps LPS points of the current study to the prior one.
    """
    if not prior or not current:
        return Matching((), {}, {})
    from scipy.optimize import linear_sum_assignment

    then = np.array([node.centroid_ras_mm for node in prior]) * _RAS_TO_LPS
    now = np.array([moved(center_lps_mm(node), to_prior) for node in current])
    distance = np.linalg.norm(then[:, None] - now[None], axis=2)
    in_prior = _covered(current, prior, prior_labels, to_prior)
    in_current = _covered(prior, current, current_labels, to_prior.GetInverse())
    overlap = np.maximum(in_prior.T, in_current)
    allowed = (overlap > 0) | (distance <= MATCH_MM)
    # Overlap outweighs nearness; a pair that may not be is dearer than all others together.
    cost = np.where(allowed, distance - 2 * MATCH_MM * overlap, 1e6)
    rows, columns = linear_sum_assignment(cost)
    pairs = [(int(a), int(b), float(distance[a, b])) for a, b in zip(rows, columns) if allowed[a, b]]
    return Matching(
        tuple(sorted(pairs, key=lambda pair: pair[1])),
        _parts(in_prior, {b for _, b, _ in pairs}, {a for a, _, _ in pairs}),
        _parts(in_current, {a for a, _, _ in pairs}, {b for _, b, _ in pairs}),
    )


def in_field_of_view(node: Node, other: Geometry, transform: Any) -> bool:
    """Whether a node's center lies in the grid of the other study, to which the transform leads."""
    return bool(other.holds(other.ijk_from_lps(moved(center_lps_mm(node), transform))))


_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


def center_lps_mm(node: Node) -> np.ndarray:
    """Center of mass, LPS."""
    return np.array(node.centroid_ras_mm) * _RAS_TO_LPS


def moved(points_lps: np.ndarray, transform: Any) -> np.ndarray:
    """Points (..., 3) through a rigid transform."""
    zero, *ends = (
        np.array(transform.TransformPoint(point)) for point in ((0.0, 0.0, 0.0), *np.eye(3).tolist())
    )
    return np.asarray(np.asarray(points_lps) @ (np.array(ends) - zero) + zero)


def _parts(covered: np.ndarray, matched_nodes: set[int], matched_others: set[int]) -> dict[int, int]:
    """Nodes without partner that lie mostly in a matched node of the other study, and that node."""
    parts = {}
    for number, shares in enumerate(covered):
        whole = int(np.argmax(shares))
        if number not in matched_nodes and whole in matched_others and shares[whole] >= PART:
            parts[number] = whole
    return parts


def _covered(nodes: Sequence[Node], others: Sequence[Node], labels: Image, transform: Any) -> np.ndarray:
    """Share of each node's voxels that lie in each node of the other study, [node, other]."""
    number_of = {other.label: number for number, other in enumerate(others)}
    covered = np.zeros((len(nodes), len(others)))
    geometry = labels.geometry
    for row, node in enumerate(nodes):
        voxels = np.stack(np.nonzero(node.mask.array)[::-1], axis=1) + node.mask.start_ijk
        lps = moved(node.mask.geometry.lps_from_ijk(voxels), transform)
        index = np.round(geometry.ijk_from_lps(lps)).astype(int)
        known = np.all((index >= 0) & (index < geometry.size_ijk), axis=1)
        found, counts = np.unique(labels.array[tuple(index[known].T[::-1])], return_counts=True)
        for label, count in zip(found.tolist(), counts.tolist()):
            if label in number_of:
                covered[row, number_of[label]] = count / len(voxels)
    return covered
