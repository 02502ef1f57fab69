"""Follow-up: the nodes of two studies of one patient, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ..errors import InputError
from ..images.image import Geometry, Image
from ..progress import Progress, Silent
from .change import NodeChange, change_of, seen_on
from .matching import Matching, in_field_of_view, matched
from .measure import measure_nodes
from .node import Node
from .response import recist_category
from .rigid import align

if TYPE_CHECKING:
    from .rigid import Alignment

_SILENT = Silent()


LEAST_CORRELATION = 0.5
"""Of the two T2 once aligned: below it nothing is concluded from what is new or gone."""


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

    The two T2-weighted images are aligned rigidly and the nodes matched (`matching.matched`). What cannot be
    told apart from where the slices happened to lie is called neither growth nor new (`change`).

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
    alone_now = _Alone.of(current, prior, matching, to_prior, prior_labels.geometry, inverse=False)
    alone_then = _Alone.of(prior, current, matching, to_current, current_labels.geometry, inverse=True)
    notes = [*alone_now.notes("current", "prior", "new"), *alone_then.notes("prior", "current", "vanished")]
    new, vanished = tuple(alone_now.counted), tuple(alone_then.counted)
    category, reason = recist_category([(c.prior, c.current) for c in changes], new, vanished)
    if alignment.correlation_after < LEAST_CORRELATION:
        category, reason = "not evaluable", "The two studies align poorly."
        notes.insert(
            0, "The two studies align poorly: are they of one patient? Check each match on the images."
        )
    progress.fraction(1.0)
    return Comparison(changes, new, vanished, category, reason, alignment, tuple(notes))


@dataclass(frozen=True)
class _Alone:
    """The nodes of one study that have no partner in the other one.

    Attributes:
        counted: New, or vanished.
        outside: Where the other study shows nothing.
        unsure: So small that the other study's slices might lie beside them.
        parts: Parts of a node of the other study that has a partner, with that node's id.
    """

    counted: list[Node]
    outside: list[Node]
    unsure: list[Node]
    parts: list[tuple[Node, str]]

    @staticmethod
    def of(
        nodes: Sequence[Node],
        others: Sequence[Node],
        matching: Matching,
        transform: Any,
        other: Geometry,
        inverse: bool,
    ) -> _Alone:
        """Sort the nodes of one study; the transform leads to the other one."""
        paired = {pair[0 if inverse else 1] for pair in matching.pairs}
        whole_of = matching.parts_of_current if inverse else matching.parts_of_prior
        alone = _Alone([], [], [], [])
        for number, node in enumerate(nodes):
            if number in paired:
                continue
            if number in whole_of:
                alone.parts.append((node, others[whole_of[number]].id))
            elif not in_field_of_view(node, other, transform):
                alone.outside.append(node)
            elif not seen_on(node, other.spacing_mm[2]):
                alone.unsure.append(node)
            else:
                alone.counted.append(node)
        return alone

    def notes(self, own: str, other: str, what: str) -> list[str]:
        """Sentences on those that are not counted."""
        notes = []
        if self.outside:
            names = ", ".join(node.id for node in self.outside)
            notes.append(f"Outside the field of view of the {other} study: {names} of the {own} one.")
        notes += [
            f"{node.id} of the {own} study is a part of {whole} of the {other} one: divided otherwise, "
            f"not counted as {what}."
            for node, whole in self.parts
        ]
        if self.unsure:
            names = ", ".join(node.id for node in self.unsure)
            notes.append(
                f"Not counted as {what}, for slices of the {other} study may have missed anything so small: "
                f"{names} of the {own} study."
            )
        return notes


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
                "reason": change.reason,
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
