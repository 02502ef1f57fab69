"""Change since a prior study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Optional

from ...nodes.change import in_short
from .markup import DASH, joined, number, table, text

STATUSES = ("new", "vanished", "grown", "shrunk", "uncertain", "stable")
"""What can have become of a node, in the order in which they are listed."""


def follow_up(comparison: Optional[Mapping[str, Any]]) -> str:
    """The follow-up as HTML; empty without a prior study.

    Args:
        comparison: ``prior``, which study it is compared with; ``category`` and ``reason``, the RECIST 1.1
            category suggested for the nodes and why; ``nodes``, a list of mappings with ``status`` (one of
            `STATUSES`), ``reason``, why it is uncertain (up to a colon it stands in the table), ``id``,
            ``short_axis_mm`` and ``volume_mm3``, and the same three with ``prior_`` before it; None where
            there is no such node. All but ``nodes`` may be absent.
    """
    if comparison is None:
        return ""
    return f"<p><strong>{text(counted(comparison))}</strong>. {conclusion(comparison)}</p>" + changes(
        comparison
    )


def counted(comparison: Mapping[str, Any]) -> str:
    """How many nodes are new, vanished and so on, plain text."""
    counts = Counter(node["status"] for node in comparison["nodes"])
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status]) or "No nodes"


def conclusion(comparison: Mapping[str, Any]) -> str:
    """What it was compared with and what that may mean, as HTML."""
    category = text(comparison.get("category", ""))
    return joined(
        [
            f"Compared with {text(comparison['prior'])}." if comparison.get("prior") else "",
            f"RECIST 1.1 for nodes, suggested: <strong>{category}</strong>." if category else "",
            text(comparison.get("reason", "")),
        ]
    )


def changes(comparison: Mapping[str, Any]) -> str:
    """The table of all nodes then and now."""
    head = ["Change", "Node", "Prior node"]
    head += ["Short axis<small>mm</small>", "Prior<small>mm</small>", "Change<small>mm (%)</small>"]
    head += ["Volume<small>mm³</small>", "Prior<small>mm³</small>", "Change<small>mm³ (%)</small>"]
    rows = [_row(node) for node in sorted(comparison["nodes"], key=order)]
    return table("Lymph nodes compared with the prior study", head, rows) if rows else ""


def _row(node: Mapping[str, Any]) -> list[str]:
    why = in_short(node.get("reason", ""))
    cells = [text(node["status"]) + (f"<small>{text(why)}</small>" if why else "")]
    identifier = node.get("id")
    cells.append(f'<a href="#{text(identifier)}">{text(identifier)}</a>' if identifier else DASH)
    cells.append(text(node.get("prior_id") or DASH))
    for name, decimals in (("short_axis_mm", 1), ("volume_mm3", 0)):
        now, before = node.get(name), node.get(f"prior_{name}")
        cells += [number(now, decimals), number(before, decimals), _change(now, before, decimals)]
    return cells


def _change(now: Optional[float], before: Optional[float], decimals: int) -> str:
    if now is None or before is None:
        return DASH
    percent = f" ({_signed(100 * (now - before) / before, 0)})" if before > 0 else ""
    return _signed(now - before, decimals) + percent


def _signed(value: float, decimals: int) -> str:
    """With its sign, unless it rounds to zero."""
    rounded = round(value, decimals)
    return f"{rounded:+.{decimals}f}".replace("-", "−") if rounded else f"{0:.{decimals}f}"


def order(node: Mapping[str, Any]) -> tuple[int, float]:
    """What nodes are sorted by: what has become of them, the largest first."""
    status = node["status"]
    size = max(node.get("short_axis_mm") or 0.0, node.get("prior_short_axis_mm") or 0.0)
    return STATUSES.index(status) if status in STATUSES else len(STATUSES), -size
