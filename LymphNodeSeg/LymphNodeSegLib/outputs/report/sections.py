"""The report's sections about the nodes and the registration, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from ...images.image import Image
from ...nodes.node import Node
from ...nodes.reading import (
    MR_POSITIVE_MM,
    TARGET_MM,
    Configuration,
    entered_node_rads,
    figo_suggestion,
    mr_positive,
    node_rads,
)
from ...nodes.stations import UNKNOWN
from ...registration.result import Registration, Verdict
from ...settings import Settings
from . import drawing
from . import strips as node_strips
from .markup import DASH, NO_BREAK, definitions, items, joined, number, table, text
from .node_map import short_id
from .view import direction_letters

DECISIONS = {
    "improved": "Registration improved the match.",
    "kept": "Nothing was moved.",
    "rejected": "Registration did not improve the match and was dropped.",
}
SUGGESTED = "<small>suggested</small>"
AXES_DIFFER_FROM_MM = 0.05


def summary(nodes: Sequence[Node], settings: Settings) -> str:
    """The line to read first; the nodes come with the largest first."""
    if not nodes:
        return (
            '<div class="summary"><h1>No lymph node found</h1><p class="lead">The run was completed, and '
            "nothing in these images was marked as a lymph node. This does not exclude lymph nodes.</p></div>"
        )
    head = f"{len(nodes)} lymph node{'s' if len(nodes) > 1 else ''}"
    lead = []
    largest = nodes[0]
    if largest.short_axis_mm is not None:
        where = _place(largest) if settings.reading_aids else ""
        link = f'<a href="#{text(largest.id)}">{text(largest.id)}</a>'
        size = f"<strong>{number(largest.short_axis_mm, 1)}{NO_BREAK}mm</strong>"
        lead.append(f"Largest short axis {size} ({joined([link, where], ', ')}).")
    if settings.reading_aids:
        enlarged = sum(node.size_class in ("enlarged", "target") for node in nodes)
        head += f", {enlarged or 'none'} enlarged"
        lead.append(f"Enlarged means a short axis of {settings.suspicious_mm:g}{NO_BREAK}mm or more.")
    return f'<div class="summary"><h1>{head}</h1><p class="lead">{" ".join(lead)}</p></div>'


def warnings(lines: Sequence[str], verdict: Verdict) -> str:
    """What needs a look before anything else; empty if nothing does."""
    shown = list(dict.fromkeys([*lines, *([verdict.reason] if verdict.decision == "rejected" else [])]))
    if not shown:
        return ""
    return (
        f'<aside class="warnings" aria-label="Warnings"><h2>Please note</h2>{items(shown, "plain")}</aside>'
    )


def legend(nodes: Sequence[Node], settings: Settings) -> str:
    """What the colors and numbers on the maps mean."""
    words = ["Numbers as in the table; LN001 is 1." if nodes and short_id(nodes[0]) != nodes[0].id else ""]
    words.append("Outlines of all nodes over the mean of the T2.")
    keys = ""
    if settings.reading_aids and nodes:
        limit = f"{settings.suspicious_mm:g}"
        upper = max(TARGET_MM, settings.suspicious_mm)
        classes = [("normal", f"normal, below {limit} mm")]
        if upper > settings.suspicious_mm:
            classes.append(("enlarged", f"enlarged, {limit} to below {upper:g} mm"))
        classes.append(("target", f"target, {upper:g} mm and more"))
        keys = "".join(f"<li>{_chip(name)}{text(words)}</li>" for name, words in classes)
        keys = f'<ul class="keys" aria-label="Size classes by short axis">{keys}</ul>'
    return f'<div class="legend">{keys}<p class="small">{joined(words)}</p></div>'


def node_table(nodes: Sequence[Node], t2: Image, aids: bool) -> str:
    """All nodes, the largest first."""
    if not nodes:
        return ""
    tilted = any(
        node.axial_short_axis_mm is not None
        and abs(node.axial_short_axis_mm - (node.short_axis_mm or 0.0)) >= AXES_DIFFER_FROM_MM
        for node in nodes
    )
    count = t2.geometry.size_ijk[2]
    first_at = direction_letters(-t2.geometry.normal_lps)
    columns = [
        ("Node", lambda node: f'<a href="#{text(node.id)}">{_chip(_class(node, aids))}{text(node.id)}</a>'),
        ("Short axis<small>mm</small>", lambda node: f"<strong>{number(node.short_axis_mm, 1)}</strong>"),
        ("Long axis<small>mm</small>", lambda node: number(node.long_axis_mm, 1)),
    ]
    if tilted:
        columns.append(
            ("Short axis, axial<small>mm</small>", lambda node: number(node.axial_short_axis_mm, 1))
        )
    columns += [
        ("Volume<small>mm³</small>", lambda node: number(node.volume_mm3, 0)),
        ("Mean ADC<small>10⁻³ mm²/s</small>", lambda node: number(_adc(node), 2)),
        ("Confidence<small>0 to 1, ± spread</small>", _confidence),
        (
            f"Slice<small>of {count}, 1 at {first_at}</small>",
            lambda node: str(node_strips.shown_slice(node) + 1),
        ),
    ]
    if aids:
        columns.append((f"Size class{SUGGESTED}", lambda node: text(node.size_class) or DASH))
        if any(node.side or node.station for node in nodes):
            columns.append((f"Side, station{SUGGESTED}", _side_and_station))
    head = [name for name, _ in columns]
    rows = [[cell(node) for _, cell in columns] for node in nodes]
    return table(
        "Lymph nodes, the largest short axis first", head, rows, sum(SUGGESTED in name for name in head)
    )


def reading_aids(nodes: Sequence[Node], settings: Settings) -> str:
    """What the sizes would mean by published rules; empty where there is nothing, or nobody asked."""
    if not settings.reading_aids or not nodes:
        return ""
    cervical = ""
    figo = figo_suggestion(nodes, settings.suspicious_mm)
    if figo:
        positive = ", ".join(node.id for node in nodes if mr_positive(node.short_axis_mm)) or "none"
        lines = [figo, f"Positive by the {MR_POSITIVE_MM:g} mm rule (Wu 2020): {positive}."]
        note = "Only if this is a study of cervical cancer. Suggestions; the reader decides."
        cervical = f'{items(lines, "plain")}<p class="small">{note}</p>'
    return cervical + _node_rads(nodes)


def _node_rads(nodes: Sequence[Node]) -> str:
    """The Node-RADS category of each node: as entered, or for every configuration that it may have."""
    entered = [
        f"{text(node.id)}: {category} ({text(str(node.configuration))})"
        for node in nodes
        if (category := entered_node_rads(node)) is not None
    ]
    listed = (
        f"<p>Node-RADS 1.0{SUGGESTED}, by what the reader saw:</p>{items(entered, 'plain')}"
        if entered
        else ""
    )
    return listed + _node_rads_by_configuration([node for node in nodes if node.configuration is None])


def _node_rads_by_configuration(nodes: Sequence[Node]) -> str:
    configurations = [Configuration(texture, 0, 0) for texture in range(4)]
    groups: dict[tuple[int, ...], list[str]] = {}
    for node in nodes:
        categories = [node_rads(node, one) for one in configurations]
        known = tuple(one for one in categories if one is not None)
        if len(known) == len(categories):
            groups.setdefault(known, []).append(text(node.id))
    if not groups:
        return ""
    head = [f"Node-RADS 1.0{SUGGESTED}", "0<small>points</small>", "1", "2", "3 or more"]
    rows = [[", ".join(groups[one]), *map(str, one)] for one in sorted(groups, reverse=True)]
    return (
        f'<div class="node-rads">{table("Node-RADS by configuration", head, rows)}</div>'
        '<p class="small">Points of the configuration, for the reader to see: texture (1 heterogeneous, '
        "2 focal necrosis, 3 gross necrosis), border (1 irregular or ill-defined), shape (1 round without "
        "fatty hilum). Enlarged: axial short axis from 10 mm where the station is unknown; 15 mm would apply "
        "to inguinal, 5 mm to obturator and mesorectal nodes.</p>"
    )


def strips(
    nodes: Sequence[Node],
    t2: Image,
    registration: Registration,
    fused: Optional[np.ndarray],
    aids: bool,
) -> str:
    """Every node on T2, DWI, ADC and fused, and the switch that hides the lines over them."""
    if not nodes:
        return ""
    shown_on = node_strips.panes(t2, registration, fused)
    switch = (
        '<input type="checkbox" id="lines" checked><label for="lines">Show outlines and axes</label>'
        '<p class="small legend">Colored: outline as measured; dashed: other nodes. '
        "White: long and short axis. "
        f"Field of view {node_strips.FIELD_OF_VIEW_MM:g} mm unless the node is larger; windows are the same "
        "for all nodes; ADC black 0, white 2.5 × 10⁻³ mm²/s.</p>"
    )
    return switch + "\n".join(_strip(node, nodes, shown_on, aids) for node in nodes)


def _strip(node: Node, nodes: Sequence[Node], shown_on: Sequence[node_strips.Pane], aids: bool) -> str:
    facts = [
        f"<strong>{number(node.short_axis_mm, 1)} × {number(node.long_axis_mm, 1)} mm</strong>",
        f"{number(node.volume_mm3, 0)} mm³",
        f"ADC {number(_adc(node), 2)}" if node.mean_adc_um2_s is not None else "",
        f"slice {node_strips.shown_slice(node) + 1}",
        _place(node) if aids else "",
        text(node.size_class) if aids else "",
    ]
    lines = "".join(f"<li>{fact}</li>" for fact in facts if fact)
    heading = f'<h3>{_chip(_class(node, aids))}{text(node.id)}</h3><ul class="facts">{lines}</ul>'
    return (
        f'<article class="strip" id="{text(node.id)}"><header>{heading}</header>'
        f"{node_strips.strip(node, nodes, shown_on, aids)}{items(node.notes, 'notes')}</article>"
    )


def registration(pictures: Sequence[tuple[str, str]], verdict: Verdict) -> str:
    """How well DWI lies on T2: the verdict in words, pictures before and after, the figures."""
    words = joined([DECISIONS.get(verdict.decision, ""), verdict.reason])
    drawn = "".join(f"<div>{svg}</div>" for _, svg in pictures)
    rows = [
        ["Similarity (normalized mutual information)"]
        + [number(value, 3) for value in (verdict.similarity_before, verdict.similarity_after)],
        ["T2 edges that meet a DWI edge"]
        + [
            f"{100 * value:.0f}{NO_BREAK}%"
            for value in (verdict.edge_overlap_before, verdict.edge_overlap_after)
        ],
    ]
    details = [
        ("Method", verdict.method),
        ("Largest displacement", f"{verdict.largest_displacement_mm:.1f} mm"),
        ("Smallest Jacobian determinant", f"{verdict.smallest_jacobian:.2f} (positive: no folding)"),
    ]
    return (
        f'<p>{text(words)}</p><div class="pair">{drawn}</div>'
        '<p class="small">Lines: strongest edges of the T2 over the DWI. They should follow its borders. '
        "Whole middle slice of the DWI.</p>"
        f"{table('Match of DWI and T2', ['Figure', 'Before', 'After'], rows)}{definitions(details)}"
        f"{_match_of_regions(verdict)}"
    )


def _match_of_regions(verdict: Verdict) -> str:
    """The same figures for the outer thirds of the body along each of its axes."""
    rows = [
        [name]
        + [number(part[f"similarity_{when}"], 3) for when in ("before", "after")]
        + [f"{100 * part[f'edge_overlap_{when}']:.0f}{NO_BREAK}%" for when in ("before", "after")]
        + [number(part["largest_displacement_mm"], 1), number(part["smallest_jacobian"], 2)]
        for name, part in verdict.regions.items()
    ]
    head = ["Third", "Similarity before", "after", "Edges before", "after", "Moved by up to, mm", "Jacobian"]
    return table("Match in parts of the body", head, rows) if rows else ""


def caveats(settings: Settings) -> str:
    """What the figures say and what they do not."""
    lines = [
        "Lymph nodes can be missed, and vessels, bowel, ovaries or nerves can be marked as nodes: "
        "check every outline against the images.",
        "Size alone neither proves nor excludes metastasis.",
        "Long and short axis: in the acquisition plane, on the slice where the long axis is largest; "
        "the short axis is the longest perpendicular to it (RECIST 1.1). Volume: voxels times voxel volume.",
        "DWI and ADC were moved onto the T2. Where the match is poor, their means mix the node and its "
        "surroundings.",
        "Confidence: mean calibrated probability inside the node, 0 to 1; spread: the standard deviation "
        "that the network's first look has over mirror images of the node. Calibrated on the images that the "
        "model's card names.",
    ]
    if settings.reading_aids:
        lines.append(
            f"Size class and side are suggestions (enlarged from {settings.suspicious_mm:g} mm, target "
            f"from {max(TARGET_MM, settings.suspicious_mm):g} mm short axis); stations are for the reader "
            "to enter. The reader decides."
        )
    return items(lines, "plain")


def _adc(node: Node) -> Optional[float]:
    """Mean ADC as radiologists write it, in 1e-3 mm2/s."""
    return None if node.mean_adc_um2_s is None else node.mean_adc_um2_s / 1000


def _confidence(node: Node) -> str:
    if node.confidence_spread is None:
        return number(node.confidence, 2)
    return f"{number(node.confidence, 2)} <small>± {number(node.confidence_spread, 2)}</small>"


def _place(node: Node) -> str:
    """Side and station as far as they are known."""
    return joined(text(one) for one in (node.side, node.station) if one != UNKNOWN)


def _side_and_station(node: Node) -> str:
    station = "station unknown" if node.station == UNKNOWN else node.station
    return joined([text(node.side if node.side != UNKNOWN else ""), text(station)], ", ") or DASH


def _class(node: Node, aids: bool) -> str:
    return drawing.class_name(node, aids)


def _chip(class_name: str) -> str:
    return f'<span class="chip {class_name}" aria-hidden="true"></span>'
