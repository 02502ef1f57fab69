"""Follow-up: the nodes of two studies of one patient, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ..errors import InputError
from ..images.image import Image
from ..progress import Progress, Silent
from .change import (
    MAYBE_MISSED,
    NOT_OUTLINED_BEFORE,
    NOT_OUTLINED_NOW,
    NOT_THERE,
    UNCERTAIN,
    NodeChange,
    change_of,
)
from .matching import matched
from .measure import measure_nodes
from .node import Node
from .response import recist_category
from .rigid import align
from .unpaired import Study, find_unpaired

if TYPE_CHECKING:
    from .rigid import Alignment

_SILENT = Silent()


LEAST_CORRELATION = 0.5
"""Of the two T2 once aligned: below it nothing is concluded from what is new or gone."""


@dataclass(frozen=True)
class Comparison:
    """Two studies of one patient.

    Attributes:
        matched: Nodes outlined in both, in the order of the current study.
        new: Nodes of the current study that the prior one lacks.
        vanished: Nodes of the prior study that the current one lacks.
        not_outlined_before: Nodes of the current study that are also seen on the prior images, where nobody
            outlined them: neither new nor grown, and uncertain.
        not_outlined_now: The same of the prior study.
        surely_new: Ids of those in `new` at whose place the prior images show no such thing; of the others
            they do not tell.
        surely_vanished: The same of `vanished` and the current images.
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
    not_outlined_before: tuple[Node, ...] = ()
    not_outlined_now: tuple[Node, ...] = ()
    surely_new: frozenset[str] = frozenset()
    surely_vanished: frozenset[str] = frozenset()

    @property
    def only_now(self) -> tuple[tuple[str, str, Node], ...]:
        """Status, its reason, and node of each that only the current study outlines."""
        new = tuple(("new", _told(node, self.surely_new, "prior"), node) for node in self.new)
        return new + tuple((UNCERTAIN, NOT_OUTLINED_BEFORE, node) for node in self.not_outlined_before)

    @property
    def only_then(self) -> tuple[tuple[str, str, Node], ...]:
        """The same of the prior study."""
        gone = tuple(
            ("vanished", _told(node, self.surely_vanished, "current"), node) for node in self.vanished
        )
        return gone + tuple((UNCERTAIN, NOT_OUTLINED_NOW, node) for node in self.not_outlined_now)


def _told(node: Node, surely: frozenset[str], other: str) -> str:
    """What the images of the other study say of a node that is outlined in one."""
    return (NOT_THERE if node.id in surely else MAYBE_MISSED).format(other)


def compare_studies(
    prior_t2: Image,
    prior_labels: Image,
    current_t2: Image,
    current_labels: Image,
    progress: Progress = _SILENT,
    *,
    prior_ids: Optional[Mapping[int, str]] = None,
    current_ids: Optional[Mapping[int, str]] = None,
    prior_dwi: Optional[Image] = None,
    current_dwi: Optional[Image] = None,
) -> Comparison:
    """Compare the nodes of two studies of one patient.

    The two T2-weighted images are aligned rigidly and the nodes matched (`matching.matched`). What cannot be
    told apart from where the slices happened to lie is called neither growth nor new (`change`); nor is what
    the other study's images show at the same place, though nobody outlined it there (`seen`).

    Args:
        prior_t2: T2-weighted image then.
        prior_labels: Label map [k, j, i] on its grid, one label a node.
        current_t2: T2-weighted image now.
        current_labels: Label map [k, j, i] on its grid.
        progress: Told during alignment.
        prior_ids: Names of the labels then; LN001 and so on where absent.
        current_ids: Names of the labels now.
        prior_dwi: Registered DWI then, on the grid of the T2; with both, the images tell more of nodes that
            one study outlines.
        current_dwi: The same of now.

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
    to_prior = alignment.transform
    to_current = to_prior.GetInverse()
    prior = measure_nodes(prior_labels, ids=prior_ids)
    current = measure_nodes(current_labels, ids=current_ids)
    matching = matched(prior, current, prior_labels, current_labels, to_prior)
    divided = {*matching.parts_of_prior.values()}, {*matching.parts_of_current.values()}
    changes = tuple(
        change_of(prior[a], current[b], distance_mm, a in divided[0] or b in divided[1])
        for a, b, distance_mm in matching.pairs
    )
    trusted = alignment.correlation_after >= LEAST_CORRELATION
    now = Study("current", current, current_labels, current_t2, current_dwi)
    then = Study("prior", prior, prior_labels, prior_t2, prior_dwi)
    alone_now = find_unpaired(now, then, matching, to_prior, trusted)
    alone_then = find_unpaired(then, now, matching, to_current, trusted)
    notes = [*alone_now.notes, *alone_then.notes]
    category, reason = recist_category([(c.prior, c.current) for c in changes], alone_now, alone_then)
    if not trusted:
        category, reason = "not evaluable", "The two studies align poorly."
        notes.insert(
            0, "The two studies align poorly: are they of one patient? Check each match on the images."
        )
    progress.fraction(1.0)
    return Comparison(
        matched=changes,
        new=alone_now.alone,
        vanished=alone_then.alone,
        recist=category,
        recist_reason=reason,
        alignment=alignment,
        notes=tuple(notes),
        not_outlined_before=alone_now.seen,
        not_outlined_now=alone_then.seen,
        surely_new=alone_now.surely,
        surely_vanished=alone_then.surely,
    )


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

    def unpaired(verdict: str, nodes: Sequence[tuple[str, str, Node]]) -> list[dict[str, Any]]:
        return [
            {**plain(node), "verdict": verdict, "reason": reason}
            for status, reason, node in nodes
            if status == verdict
        ]

    return {
        "matched": [
            {
                "prior": plain(change.prior),
                "current": plain(change.current),
                "distance_mm": change.distance_mm,
                "short_axis_change_mm": change.short_axis_change_mm,
                "volume_change_percent": change.volume_change_percent,
                "verdict": change.verdict,
                "reason": change.reason,
            }
            for change in comparison.matched
        ],
        "new": unpaired("new", comparison.only_now),
        "vanished": unpaired("vanished", comparison.only_then),
        "not_outlined_before": unpaired(UNCERTAIN, comparison.only_now),
        "not_outlined_now": unpaired(UNCERTAIN, comparison.only_then),
        "recist": {"category": comparison.recist, "reason": comparison.recist_reason, "suggestion": True},
        "alignment": {
            "correlation_before": comparison.alignment.correlation_before,
            "correlation_after": comparison.alignment.correlation_after,
        },
        "notes": list(comparison.notes),
    }
