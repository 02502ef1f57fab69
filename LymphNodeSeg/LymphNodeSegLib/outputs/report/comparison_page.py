"""The follow-up of one patient as a page: what changed, and each node then and now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ...images.image import Geometry, Image
from ...nodes.followup import Comparison
from ...nodes.node import Node
from . import follow_up, strips, view
from .drawing import RAS_TO_LPS
from .markup import DASH, items, number, section, text
from .page import write_page

if TYPE_CHECKING:
    import SimpleITK

NOTICE_OF_MATCHES = (
    "Matches and changes are suggestions: check each on the images. A node that was missed in one study "
    "counts as new or vanished, unless it is surely seen on that study's images."
)


def write_comparison_page(
    path: Path, comparison: Comparison, prior_t2: Image, current_t2: Image, created: str
) -> None:
    """Write ``comparison.html``: one file without script; nothing is loaded from elsewhere.

    Args:
        path: The file to write.
        comparison: The nodes of both studies.
        prior_t2: T2-weighted image then.
        current_t2: T2-weighted image now.
        created: Date and time, ISO 8601.

    Raises:
        OSError: the file could not be written.
    """
    then = _Study(_pane(prior_t2, "Prior T2"), prior_t2.geometry, _all(comparison, "prior"))
    now = _Study(_pane(current_t2, "Current T2"), current_t2.geometry, _all(comparison, "current"))
    to_prior = comparison.alignment.transform
    to_current = to_prior.GetInverse()
    values = rows_of(comparison)
    drawn = [
        _article(
            change.verdict,
            change.reason,
            change.prior,
            change.current,
            then.on(change.prior) + now.on(change.current),
        )
        for change in comparison.matched
    ]
    drawn += [
        _article(status, reason, None, one, then.without(one, to_prior) + now.on(one))
        for status, reason, one in comparison.only_now
    ]
    drawn += [
        _article(status, reason, one, None, then.on(one) + now.without(one, to_current))
        for status, reason, one in comparison.only_then
    ]
    # Pictures in the order of the table.
    ranked = sorted(zip(values["nodes"], drawn), key=lambda pair: follow_up.order(pair[0]))
    articles = [article for _, article in ranked]
    head = f"<h1>{text(follow_up.counted(values))}</h1>"
    parts = [
        f'<div class="summary">{head}<p class="lead">{follow_up.conclusion(values)}</p></div>',
        items([NOTICE_OF_MATCHES, *comparison.notes], "notes"),
        section("Measurements", follow_up.changes(values), "measurements"),
        section("Images", "\n".join(articles), "images"),
    ]
    write_page(path, created, "", parts)


def rows_of(comparison: Comparison) -> dict[str, Any]:
    """The comparison as `follow_up.follow_up` takes it."""
    rows = [
        _row(change.verdict, change.prior, change.current, change.reason) for change in comparison.matched
    ]
    rows += [_row(status, None, node, reason) for status, reason, node in comparison.only_now]
    rows += [_row(status, node, None, reason) for status, reason, node in comparison.only_then]
    return {
        "prior": "the prior study",
        "category": comparison.recist,
        "reason": comparison.recist_reason,
        "nodes": rows,
    }


def _row(status: str, prior: Optional[Node], current: Optional[Node], reason: str = "") -> dict[str, Any]:
    return {
        "status": status,
        "id": current.id if current else None,
        "short_axis_mm": current.short_axis_mm if current else None,
        "volume_mm3": current.volume_mm3 if current else None,
        "prior_id": prior.id if prior else None,
        "prior_short_axis_mm": prior.short_axis_mm if prior else None,
        "prior_volume_mm3": prior.volume_mm3 if prior else None,
        "reason": reason,
    }


@dataclass(frozen=True)
class _Study:
    """One of the two studies, ready to be drawn."""

    pane: strips.Pane
    geometry: Geometry
    nodes: tuple[Node, ...]

    def on(self, node: Node) -> str:
        """A node of this study."""
        return strips.pictures(node, self.nodes, [self.pane], classes_shown=False)

    def without(self, node: Node, transform: SimpleITK.Transform) -> str:
        """The place of a node of the other study; the transform leads from there to here."""
        center_lps_mm = np.array(node.centroid_ras_mm) * RAS_TO_LPS
        here = np.array(transform.TransformPoint(center_lps_mm.tolist()))
        drawn = strips.place(here, self.nodes, self.geometry, self.pane, classes_shown=False)
        return drawn or '<div class="absent">outside the field of view</div>'


def _all(comparison: Comparison, when: str) -> tuple[Node, ...]:
    alone = comparison.only_now if when == "current" else comparison.only_then
    return (*(getattr(change, when) for change in comparison.matched), *(node for _, _, node in alone))


def _pane(t2: Image, name: str) -> strips.Pane:
    return strips.Pane(
        name, view.gray_levels(t2.array, *view.window(t2.array, *strips.T2_PERCENT)), with_axes=True
    )


def _article(verdict: str, reason: str, prior: Optional[Node], current: Optional[Node], drawn: str) -> str:
    names = " → ".join(text(node.id) if node is not None else DASH for node in (prior, current))
    sizes = " →<br>".join(_size(node) for node in (prior, current) if node is not None)
    why = f"<li>{text(reason)}</li>" if reason else ""
    identifier = f' id="{text(current.id)}"' if current is not None else ""
    return (
        f'<article class="strip"{identifier}><header><h3>{names}</h3>'
        f'<ul class="facts"><li><strong>{text(verdict)}</strong></li>{why}<li>{sizes}</li></ul></header>'
        f'<div class="panes two">{drawn}</div></article>'
    )


def _size(node: Node) -> str:
    return f"{number(node.short_axis_mm, 1)} × {number(node.long_axis_mm, 1)} mm"
