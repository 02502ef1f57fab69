"""The follow-up of one patient as a page: what changed, and each node then and now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ...images.image import Image
from ...nodes.followup import Comparison
from ...nodes.node import Node
from . import follow_up, strips, view
from .markup import DASH, items, number, section, text
from .page import write_page

NOTICE_OF_MATCHES = "Matches and changes are suggestions: check each on the images."


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
    pairs: list[tuple[str, Optional[Node], Optional[Node]]] = [
        *((change.verdict, change.prior, change.current) for change in comparison.matched),
        *(("new", None, node) for node in comparison.new),
        *(("vanished", node, None) for node in comparison.vanished),
    ]
    prior_pane, current_pane = _pane(prior_t2, "Prior T2"), _pane(current_t2, "Current T2")
    prior_nodes = [node for _, node, _ in pairs if node is not None]
    current_nodes = [node for _, _, node in pairs if node is not None]
    articles = []
    for verdict, prior, current in pairs:
        drawn = _picture(prior, prior_nodes, prior_pane) + _picture(current, current_nodes, current_pane)
        articles.append(_article(verdict, prior, current, drawn))
    values = rows_of(comparison)
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
    rows = [_row(change.verdict, change.prior, change.current) for change in comparison.matched]
    rows += [_row("new", None, node) for node in comparison.new]
    rows += [_row("vanished", node, None) for node in comparison.vanished]
    return {
        "prior": "the prior study",
        "category": comparison.recist,
        "reason": comparison.recist_reason,
        "nodes": rows,
    }


def _row(status: str, prior: Optional[Node], current: Optional[Node]) -> dict[str, Any]:
    return {
        "status": status,
        "id": current.id if current else None,
        "short_axis_mm": current.short_axis_mm if current else None,
        "volume_mm3": current.volume_mm3 if current else None,
        "prior_id": prior.id if prior else None,
        "prior_short_axis_mm": prior.short_axis_mm if prior else None,
        "prior_volume_mm3": prior.volume_mm3 if prior else None,
    }


def _pane(t2: Image, name: str) -> strips.Pane:
    return strips.Pane(
        name, view.gray_levels(t2.array, *view.window(t2.array, *strips.T2_PERCENT)), with_axes=True
    )


def _picture(node: Optional[Node], nodes: Sequence[Node], pane: strips.Pane) -> str:
    """A node on its T2, or its empty place in the row."""
    if node is None:
        return '<div class="absent">no such node</div>'
    return strips.pictures(node, nodes, [pane], classes_shown=False)


def _article(verdict: str, prior: Optional[Node], current: Optional[Node], drawn: str) -> str:
    names = " → ".join(text(node.id) if node is not None else DASH for node in (prior, current))
    sizes = " →<br>".join(_size(node) for node in (prior, current) if node is not None)
    identifier = f' id="{text(current.id)}"' if current is not None else ""
    return (
        f'<article class="strip"{identifier}><header><h3>{names}</h3>'
        f'<ul class="facts"><li><strong>{text(verdict)}</strong></li><li>{sizes}</li></ul></header>'
        f'<div class="panes two">{drawn}</div></article>'
    )


def _size(node: Node) -> str:
    return f"{number(node.short_axis_mm, 1)} × {number(node.long_axis_mm, 1)} mm"
