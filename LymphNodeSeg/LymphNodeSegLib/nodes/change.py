"""What has become of one node between two studies, as far as measuring it twice can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

from .node import Node

REPEATABLE_MM = 1.0
"""Change of short axis, and of `ball_diameter_mm`, from which a node has grown or shrunk.

The short axis comes from one slice and the volume from all, so that both rarely err together: of unchanged
nodes of 4.5 mm and more with true outlines, cut by other slices and pixels, 95 % differ by less than 0.6 mm
in one of the two (``Benchmarks/RESULTS.md``). Outlines differ by more. Node-RADS calls a growth of 2 mm in
short axis enlarged; the figure stands beside the verdict.
"""

GROWN, SHRUNK, STABLE, UNCERTAIN = "grown", "shrunk", "stable", "uncertain"
TOO_THIN = "thinner than its slices are apart"
CUT = "cut by the field of view"
DIVIDED = "divided into nodes otherwise in the other study"
NOT_OUTLINED_BEFORE = "not outlined before: also seen on the prior images; outline it there and compare again"
NOT_OUTLINED_NOW = "not outlined now: also seen on the current images; outline it there and compare again"
NOT_THERE = "the {} images show no such thing"  # of the other study
MAYBE_MISSED = "the {} images do not tell: it may have been missed there"


def in_short(reason: str) -> str:
    """What a reason says up to its colon, for tables."""
    return reason.split(":")[0]


@dataclass(frozen=True)
class NodeChange:
    """One node in both studies.

    Attributes:
        prior, current: Its measurements then and now; the ids of the two studies are independent.
        distance_mm: Between its centers after alignment.
        short_axis_change_mm: Now minus then, in the acquisition plane; None where one could not be measured.
        volume_change_percent: Now against then.
        verdict: "grown", "shrunk", "stable" or "uncertain".
        reason: Why it is uncertain; else empty.
    """

    prior: Node
    current: Node
    distance_mm: float
    short_axis_change_mm: Optional[float]
    volume_change_percent: float
    verdict: str
    reason: str = ""


def change_of(prior: Node, current: Node, distance_mm: float, divided_otherwise: bool) -> NodeChange:
    """The change of a node, and the verdict on it.

    Args:
        prior: The node then.
        current: The node now.
        distance_mm: Between its centers after alignment.
        divided_otherwise: One study has two nodes where the other has this one.
    """
    change_mm = None
    if prior.short_axis_mm is not None and current.short_axis_mm is not None:
        change_mm = current.short_axis_mm - prior.short_axis_mm
    percent = 100 * (current.volume_mm3 / prior.volume_mm3 - 1)
    verdict, reason = _verdict(prior, current, change_mm)
    if divided_otherwise:
        verdict, reason = UNCERTAIN, DIVIDED
    return NodeChange(prior, current, distance_mm, change_mm, percent, verdict, reason)


def _verdict(prior: Node, current: Node, change_mm: Optional[float]) -> tuple[str, str]:
    """The verdict, and why it is uncertain."""
    if change_mm is None:
        return UNCERTAIN, "not measured in both studies"
    thickest_mm = max(prior.short_axis_mm or 0.0, current.short_axis_mm or 0.0)
    if thickest_mm < max(_slice_mm(prior), _slice_mm(current)):
        return UNCERTAIN, TOO_THIN
    both_mm = (change_mm, ball_diameter_mm(current) - ball_diameter_mm(prior))
    # A part of a node says at least how large the whole one is.
    if min(both_mm) >= REPEATABLE_MM and not prior.mask.at_the_edge:
        return GROWN, ""
    if max(both_mm) <= -REPEATABLE_MM and not current.mask.at_the_edge:
        return SHRUNK, ""
    if prior.mask.at_the_edge or current.mask.at_the_edge:
        return UNCERTAIN, CUT
    return STABLE, ""


def ball_diameter_mm(node: Node) -> float:
    """Diameter of the ball that has the node's volume."""
    return (6 * node.volume_mm3 / math.pi) ** (1 / 3)


def seen_on(node: Node, slice_mm: float) -> bool:
    """Whether slices so far apart show such a node for sure, not by the chance of where they lie.

    Its own slices count, too: the volume of a node that is thinner than they are apart is a guess.
    """
    return ball_diameter_mm(node) >= max(slice_mm, _slice_mm(node))


def _slice_mm(node: Node) -> float:
    return float(node.mask.geometry.spacing_mm[2])
