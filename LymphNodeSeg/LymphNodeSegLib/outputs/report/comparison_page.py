"""The follow-up of one patient as a page: what changed, and each node then and now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ...images.image import Image
from ...nodes.followup import Comparison
from ...nodes.node import Node
from . import strips, view
from .follow_up import follow_up
from .markup import items, section, text
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
    prior_pane, current_pane = _pane(prior_t2, "Prior T2"), _pane(current_t2, "Current T2")
    pairs: list[tuple[str, Optional[Node], Optional[Node]]] = [
        *((change.verdict, change.prior, change.current) for change in comparison.matched),
        *(("new", None, node) for node in comparison.new),
        *(("vanished", node, None) for node in comparison.vanished),
    ]
    prior_nodes = [node for _, node, _ in pairs if node is not None]
    current_nodes = [node for _, _, node in pairs if node is not None]
    articles = []
    for verdict, prior, current in pairs:
        title = " → ".join(text(node.id) if node is not None else "–" for node in (prior, current))
        pictures = _pictures(prior, prior_nodes, prior_pane) + _pictures(current, current_nodes, current_pane)
        identifier = f' id="{text(current.id)}"' if current is not None else ""
        articles.append(
            f'<article class="strip"{identifier}><header><h3>{title}</h3><p>{text(verdict)}</p></header>'
            f'<div class="panes">{pictures}</div></article>'
        )
    write_page(
        path,
        created,
        "",
        [
            section("Follow-up", follow_up(rows_of(comparison)), "follow-up"),
            items([NOTICE_OF_MATCHES, *comparison.notes], "notes"),
            section("Images", "\n".join(articles), "images"),
        ],
    )


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


def _pictures(node: Optional[Node], nodes: Sequence[Node], pane: strips.Pane) -> str:
    return strips.pictures(node, nodes, [pane], classes_shown=False) if node is not None else ""
