"""The RECIST 1.1 category of lymph nodes between two studies: a suggestion, nodes only."""

from __future__ import annotations

from collections.abc import Sequence

from .node import Node
from .reading import TARGET_MM
from .unpaired import Unpaired

PROGRESSIVE, NOT_EVALUABLE = "progressive disease", "not evaluable"
PATHOLOGICAL_MM = 10.0
MOST_TARGETS = 2
"""Lymph nodes are one organ, of which two lesions at most are targets."""


def recist_category(
    matched: Sequence[tuple[Node, Node]], current: Unpaired, prior: Unpaired
) -> tuple[str, str]:
    """The category that RECIST 1.1 (Eisenhauer 2009, section 4.3) gives the nodes alone.

    The prior study is taken as baseline and nadir. Targets are the two largest nodes of at least 15 mm
    short axis; their sum decides. A vanished target counts as 0 mm. A normal node that has become
    pathological is none of RECIST's cases; the reason names it, for the reader to decide. A pathological node
    that is seen in both studies and outlined in one leaves the category open, unless another one is
    surely new or the targets have grown enough without it.

    Args:
        matched: Prior and current measurement of each node outlined in both studies.
        current: The others of the current study.
        prior: The others of the prior study.

    Returns:
        "complete response", "partial response", "stable disease", "progressive disease" or "not evaluable",
        and why.
    """
    category, reason = _category(matched, current, prior)
    passed = [
        now.id
        for before, now in matched
        if (before.short_axis_mm or 0.0) < PATHOLOGICAL_MM <= (now.short_axis_mm or 0.0)
    ]
    if passed and category != PROGRESSIVE:
        reason += f" Has grown from below {PATHOLOGICAL_MM:g} mm to above: {', '.join(passed)}."
    unsure = [node for node in _pathological(prior.alone) if node.id not in prior.surely]
    if unsure and category not in (PROGRESSIVE, NOT_EVALUABLE):
        reason += f" {_names(unsure)} counts as vanished, unless it was missed in the current study."
    return category, reason


def _category(matched: Sequence[tuple[Node, Node]], current: Unpaired, prior: Unpaired) -> tuple[str, str]:
    """See `recist_category`."""
    appeared = _pathological(current.alone)
    sure = [node for node in appeared if node.id in current.surely]
    if appeared:
        but = (
            "; the prior images show no such thing." if sure else ", unless it was missed in the prior study."
        )
        return PROGRESSIVE, f"New node of at least {PATHOLOGICAL_MM:g} mm: {_names(sure or appeared)}{but}"
    pairs = [(a.short_axis_mm or 0.0, b.short_axis_mm or 0.0) for a, b in matched]
    # What was not outlined now counts as nothing: the least that its target can add to the sum.
    pairs += [(node.short_axis_mm or 0.0, 0.0) for node in (*prior.alone, *prior.seen)]
    only_now, only_then = _pathological(current.seen), _pathological(prior.seen)
    targets = sorted((pair for pair in pairs if pair[0] >= TARGET_MM), reverse=True)[:MOST_TARGETS]
    before, after = sum(a for a, _ in targets), sum(b for _, b in targets)
    if targets and after >= 1.2 * before and after - before >= 5.0 and not only_now:
        return PROGRESSIVE, f"Sum of target short axes from {before:.1f} to {after:.1f} mm."
    if only_now or only_then:
        return NOT_EVALUABLE, " ".join(
            f"Also seen on the {other} images, not outlined there: {_names(nodes)} of the {own} study; "
            "outline there and compare again."
            for nodes, own, other in ((only_now, "current", "prior"), (only_then, "prior", "current"))
            if nodes
        )
    pathological = [pair for pair in pairs if pair[0] >= PATHOLOGICAL_MM]
    if not pathological:
        return NOT_EVALUABLE, f"No node of at least {PATHOLOGICAL_MM:g} mm in the prior study."
    if all(b < PATHOLOGICAL_MM for _, b in pairs):
        return "complete response", f"All nodes are now below {PATHOLOGICAL_MM:g} mm."
    if not targets:
        return "stable disease", "Non-target nodes persist; there was no target of 15 mm."
    if after <= 0.7 * before:
        return "partial response", f"Sum of target short axes from {before:.1f} to {after:.1f} mm."
    return "stable disease", f"Sum of target short axes from {before:.1f} to {after:.1f} mm."


def _pathological(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if (node.short_axis_mm or 0.0) >= PATHOLOGICAL_MM]


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.id for node in nodes)
