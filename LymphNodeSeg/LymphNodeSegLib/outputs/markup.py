"""Small pieces of HTML. Whatever comes from a header, a file name or a model card goes through `text`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

DASH = "–"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def text(value: object) -> str:
    """Escaped for HTML text and quoted attributes; control characters, bidirectional ones too, are replaced."""
    plain = str(value).encode("utf-8", "replace").decode("utf-8")
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", plain), quote=True)


def number(value: Optional[float], decimals: int) -> str:
    """A figure with so many decimals, or a dash for what could not be measured."""
    return DASH if value is None or value != value else f"{value:.{decimals}f}"


def items(lines: Iterable[str], classes: str = "") -> str:
    """A list of plain sentences; empty for none."""
    rows = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{classes}">{rows}</ul>' if rows else ""


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and plain values; nested values are flattened to one line each."""
    rows = "".join(f"<div><dt>{text(name)}</dt><dd>{text(_flat(value))}</dd></div>" for name, value in pairs)
    return f"<dl>{rows}</dl>" if rows else ""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], classes: str = "") -> str:
    """A table whose first column names the rows. Cells are HTML.

    Args:
        caption: What the table holds; plain text, for screen readers.
        head: Column heads, HTML.
        rows: The cells.
        classes: CSS classes of the table.
    """
    top = "".join(f'<th scope="col">{one}</th>' for one in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f'<table class="{classes}"><caption>{text(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_flat(inner)}" for key, inner in value.items()) or DASH
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(inner) for inner in value) or DASH
    if isinstance(value, float):
        return f"{value:g}"
    return DASH if value is None or value == "" else str(value)


def join(parts: Iterable[Any], separator: str = " · ") -> str:
    """The parts that are not empty, one after the other."""
    return separator.join(str(part) for part in parts if part)
