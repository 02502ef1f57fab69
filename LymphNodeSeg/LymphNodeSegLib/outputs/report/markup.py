"""Small pieces of HTML. Whatever comes from a header, a file name or a model card goes through `text`."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Optional

DASH = "–"
NO_BREAK = "\u00a0"
_TAG = re.compile("<[^>]*>")
_WIDE = 6  # columns
# C0 and C1 controls, and those that turn the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def text(value: object) -> str:
    """A value escaped for HTML text and quoted attributes; control characters are replaced."""
    encodable = str(value).encode("utf-8", "replace").decode("utf-8")
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", encodable), quote=True)


def number(value: Optional[float], decimals: int) -> str:
    """A figure with so many decimals, or a dash for what could not be measured."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"


def joined(parts: Iterable[str], separator: str = " ") -> str:
    """The parts that are not empty, one after the other."""
    return separator.join(part for part in parts if part)


def section(title: str, content: str, identifier: str) -> str:
    """A section with its heading; empty without content. The content is HTML."""
    if not content:
        return ""
    return (
        f'<section id="{identifier}" aria-labelledby="{identifier}-title">'
        f'<h2 id="{identifier}-title">{text(title)}</h2>\n{content}</section>'
    )


def items(lines: Iterable[str], classes: str) -> str:
    """A list of plain sentences; empty for none."""
    rows = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{classes}">{rows}</ul>' if rows else ""


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and plain values; of a nested value the plain entries, on one line. What is empty is left out."""
    flat = [(name, _flat(value)) for name, value in pairs]
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in flat if value)
    return f"<dl>{rows}</dl>" if rows else ""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 0) -> str:
    """A table whose first column names the rows; the others hold figures.

    One too wide for a telephone is a card for each row there, each figure under its column's head.

    Args:
        caption: What the table holds, plain text.
        head: Column heads, HTML.
        rows: Cells, HTML.
        words: How many of the last columns hold words.
    """
    kinds = ["" if index < len(head) - words else ' class="words"' for index in range(len(head))]
    top = "".join(f'<th scope="col"{kind}>{one}</th>' for kind, one in zip(kinds, head))
    labels = [_TAG.sub("", one.replace("<small>", ", ")) for one in head]
    body = "\n".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(
            f'<td{kind} data-head="{label}">{one}</td>'
            for kind, label, one in zip(kinds[1:], labels[1:], row[1:])
        )
        + "</tr>"
        for row in rows
    )
    wide = " wide" if len(head) >= _WIDE else ""
    return (
        f'<div class="scroll{wide}"><table><caption>{text(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        plain = {key: _plain(inner) for key, inner in value.items()}
        return "; ".join(f"{key} {inner}" for key, inner in plain.items() if inner)
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(inner) for inner in value if _plain(inner))
    return _plain(value)


def _plain(value: object) -> str:
    """A single value; empty for a nested one, which would bury the others."""
    if value is None or isinstance(value, (Mapping, list, tuple)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
