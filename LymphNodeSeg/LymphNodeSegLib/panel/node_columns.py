"""What the table of nodes shows, column by column; no Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from slicer.i18n import tr as _

from ..colors import SIZE_CLASS_COLORS
from ..nodes.node import Node
from ..nodes.reading import entered_node_rads
from ..nodes.stations import STATIONS, UNKNOWN
from ..scene.node_list import ADDED, EDITED, Row
from .texts import no_node

SIDES = (UNKNOWN, "left", "right", "midline")
SIZE_CLASS_NAMES = {
    "target": _("target"),
    "enlarged": _("enlarged"),
    "normal": _("normal"),
}
_SIDE_NAMES = {UNKNOWN: _("unknown"), "left": _("left"), "right": _("right"), "midline": _("midline")}
_STATION_NAMES = {
    UNKNOWN: _("unknown"),
    "common iliac": _("common iliac"),
    "external iliac": _("external iliac"),
    "internal iliac": _("internal iliac"),
    "obturator": _("obturator"),
    "presacral": _("presacral"),
    "parametrial": _("parametrial"),
    "paracervical": _("paracervical"),
    "mesorectal": _("mesorectal"),
    "inguinal": _("inguinal"),
    "para-aortic": _("para-aortic"),
}
# As `nodes.reading.CONFIGURATIONS`, in the user's language.
CONFIGURATION_NAMES = {
    "texture": (_("homogeneous"), _("heterogeneous"), _("focal necrosis"), _("gross necrosis")),
    "border": (_("smooth"), _("irregular")),
    "shape": (_("oval or hilum"), _("round, no hilum")),
}
_SHORT_SIDES = {"left": _("L"), "right": _("R"), "midline": _("M")}
_SHORT_STATIONS = {
    "common iliac": _("com. iliac"),
    "external iliac": _("ext. iliac"),
    "internal iliac": _("int. iliac"),
    "parametrial": _("parametr."),
    "paracervical": _("paracerv."),
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: Its header.
        tooltip: What it holds.
        text: What a cell shows.
        key: What it is sorted by; None for what is not known.
        check: Whether the cells are check boxes, and of what.
        sample: The widest usual cell.
    """

    title: str
    tooltip: str
    text: Callable[[Row], str]
    key: Callable[[Row], Any]
    check: str = ""
    sample: str = ""


def side_name(side: str) -> str:
    """A side in the user's language."""
    return _SIDE_NAMES.get(side, side)


def station_name(station: str) -> str:
    """A station in the user's language."""
    return _STATION_NAMES.get(station, station)


def _of(value_of: Callable[[Node], Optional[float]]) -> Callable[[Row], Optional[float]]:
    return lambda row: value_of(row.node) if row.node else None


def _number(value_of: Callable[[Node], Optional[float]], form: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        if row.node is None and row.waiting:
            return "..."
        value = _of(value_of)(row)
        return "" if value is None else form.format(value)

    return text


def _numeric(
    title: str, tooltip: str, value_of: Callable[[Node], Optional[float]], form: str, sample: str
) -> Column:
    return Column(title, tooltip, _number(value_of, form), _of(value_of), sample=sample)


def _percent(node: Node) -> Optional[float]:
    return None if node.confidence is None else 100.0 * node.confidence


def _size_class(row: Row) -> str:
    return row.node.size_class if row.node else ""


def _marked_id(row: Row) -> str:
    return row.id + {EDITED: " *", ADDED: " +"}.get(row.state, "")


def _site(row: Row) -> str:
    station = "" if row.station in ("", UNKNOWN) else station_name(row.station)
    return " ".join(filter(None, (_SHORT_SIDES.get(row.side), _SHORT_STATIONS.get(row.station, station))))


def _site_order(row: Row) -> Any:
    return (STATIONS.index(row.station or UNKNOWN), row.side) if _site(row) else None


def _no_text(_row: Row) -> str:
    return ""


def _reviewed(row: Row) -> bool:
    return row.reviewed


def _visible(row: Row) -> bool:
    return row.visible


def _id(row: Row) -> str:
    return row.id


def _short(node: Node) -> Optional[float]:
    return node.short_axis_mm


def _long(node: Node) -> Optional[float]:
    return node.long_axis_mm


COLUMNS = (
    Column("\u2713", _("Reviewed: tick off what you have checked."), _no_text, _reviewed, "reviewed"),
    Column(_("See"), _("Shown in the views."), _no_text, _visible, "visible"),
    Column(_("Node"), _("* edited by hand, + added by hand."), _marked_id, _id, sample="LN000 *"),
    _numeric(
        _("Short\nmm"), _("Short axis in the acquisition plane, mm (RECIST 1.1)."), _short, "{:.1f}", "00.0"
    ),
    _numeric(_("Long\nmm"), _("Long axis in the acquisition plane, mm."), _long, "{:.1f}", "00.0"),
    Column(
        _("Size\nclass"),
        _("Suggested by the short axis alone."),
        lambda row: SIZE_CLASS_NAMES.get(_size_class(row), ""),
        lambda row: list(SIZE_CLASS_COLORS).index(_size_class(row)) if _size_class(row) else None,
        sample=SIZE_CLASS_NAMES["enlarged"],
    ),
    _numeric(_("Vol.\nmm\u00b3"), _("Volume, mm\u00b3."), lambda node: node.volume_mm3, "{:.0f}", "0000"),
    _numeric(
        _("ADC"),
        _("Mean apparent diffusion coefficient, \u00b5m\u00b2/s."),
        lambda node: node.mean_adc_um2_s,
        "{:.0f}",
        "0000",
    ),
    _numeric(_("Conf.\n%"), _("Mean probability that the network gives."), _percent, "{:.0f}", "100"),
    Column(_("Site"), _("Side, as the image suggests, and station; set both below."), _site, _site_order),
)
SIZE_CLASS, SITE = 5, 9


def counts_line(rows: Sequence[Row]) -> str:
    """How many nodes there are by size class, and how many are reviewed."""
    if not rows:
        return no_node()
    counts = Counter(_size_class(row) for row in rows)
    parts = [f"{counts[name]} {title}" for name, title in SIZE_CLASS_NAMES.items() if counts[name]]
    nodes = _("1 node") if len(rows) == 1 else _("{count} nodes").format(count=len(rows))
    line = _("{nodes}: {parts}").format(nodes=nodes, parts=", ".join(parts)) if parts else nodes
    reviewed = sum(row.reviewed for row in rows)
    return _("{line}. {reviewed} reviewed.").format(line=line, reviewed=reviewed)


def site_in_words(row: Row) -> str:
    """Side and station, spelled out; empty where neither is known."""
    known = [value for value in (row.side, row.station) if value not in ("", UNKNOWN)]
    return " ".join(_SIDE_NAMES.get(value, station_name(value)) for value in known)


def details(rows: Sequence[Row]) -> str:
    """What there is to say of the chosen nodes beyond the table."""
    if not rows:
        return _("Choose a node: all views go to it.")
    if len(rows) > 1:
        return _("{count} nodes chosen: {names}.").format(
            count=len(rows), names=", ".join(row.id for row in rows)
        )
    row = rows[0]
    sentences = [{EDITED: _("Edited by hand."), ADDED: _("Added by hand.")}.get(row.state, "")]
    if row.waiting:
        sentences.append(_("Being measured ..."))
    elif row.node is None:
        sentences.append(_("It has no voxels yet."))
    else:
        category = entered_node_rads(row.node)
        if category is not None:
            sentences.append(_("Node-RADS {category} (suggested).").format(category=category))
        sentences += row.node.notes
    return " ".join([f"{row.id}:", *filter(None, sentences)]) if any(sentences) else f"{row.id}"
