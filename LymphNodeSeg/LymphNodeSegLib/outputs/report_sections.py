"""The sections of the report, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..images.image import Image
from ..nodes.node import Node
from ..nodes.reading import TARGET_MM
from ..registration.result import Registration, Verdict
from ..settings import Settings
from . import figures
from .markup import DASH, definitions, items, join, number, table, text
from .run_record import versions

if TYPE_CHECKING:
    from .report import ReportInput

DECISIONS = {
    "improved": "The registration improved the match.",
    "kept": "The match was as good from the start; nothing was moved.",
    "rejected": "The registration made the match worse and was dropped.",
}
SUGGESTED = "suggested by the software"


def summary(nodes: Sequence[Node], settings: Settings) -> str:
    """The line to read first, and the figures behind it. The nodes come with the largest first."""
    if not nodes:
        return (
            "<h1>No lymph node found</h1><p class=lead>The run was completed, and nothing in these images was "
            "marked as a lymph node. This does not exclude lymph nodes.</p>"
        )
    head = f"{len(nodes)} lymph node{'s' if len(nodes) > 1 else ''}"
    enlarged = [node for node in nodes if node.size_class in ("enlarged", "target")]
    if settings.reading_aids:
        head += f", {len(enlarged) or 'none'} enlarged"
    largest = nodes[0]
    place = join([text(largest.side), text(largest.station)], " ") if settings.reading_aids else ""
    lead = (
        ""
        if largest.short_axis_mm is None
        else (
            f"Largest short axis <strong>{number(largest.short_axis_mm, 1)} mm</strong> "
            f'(<a href="#{text(largest.id)}">{text(largest.id)}</a>{", " + place if place else ""}). '
        )
    )
    if settings.reading_aids:
        lead += f"Enlarged: short axis of {settings.suspicious_mm:g} mm or more; {SUGGESTED}."
    return f"<h1>{head}</h1><p class=lead>{lead}</p>"


def warnings(lines: Sequence[str], verdict: Verdict) -> str:
    """What went wrong or needs a look, before anything else; empty if nothing did."""
    shown = list(lines)
    if verdict.decision == "rejected" and verdict.reason not in shown:
        shown.append(verdict.reason)
    found = items(shown)
    return (
        f'<section class="warnings" aria-label="Warnings"><h2>Please note</h2>{found}</section>'
        if found
        else ""
    )


def maps(nodes: Sequence[Node], dwi: Image) -> str:
    """Where the nodes lie, on a coronal and a sagittal projection."""
    drawn = "".join(f"<figure>{figures.node_map(nodes, dwi, axis)}</figure>" for axis in (1, 0))
    return f'<div class="maps">{drawn}</div>'


def node_table(nodes: Sequence[Node], settings: Settings) -> str:
    """All nodes, the largest first."""
    if not nodes:
        return ""
    aids = settings.reading_aids
    head = ["Node", "Short axis<br><small>mm</small>", "Long axis<br><small>mm</small>"]
    head += ["Short axis, axial<br><small>mm</small>", "Volume<br><small>mm³</small>"]
    head += ["ADC mean<br><small>10⁻³ mm²/s</small>", "Confidence", "Slice"]
    head += (
        ["Size class<br><small>suggested</small>", "Side, station<br><small>suggested</small>"]
        if aids
        else []
    )
    rows = []
    for node in nodes:
        adc = None if node.mean_adc_um2_s is None else node.mean_adc_um2_s / 1000
        row = [
            f'<a href="#{text(node.id)}">{_chip(node, aids)}{text(node.id)}</a>',
            f"<strong>{number(node.short_axis_mm, 1)}</strong>",
            number(node.long_axis_mm, 1),
            number(node.axial_short_axis_mm, 1),
            number(node.volume_mm3, 0),
            number(adc, 2),
            number(node.confidence, 2),
            str(figures.shown_slice(node) + 1),
        ]
        if aids:
            row += [text(node.size_class) or DASH, join([text(node.side), text(node.station)], " ") or DASH]
        rows.append(row)
    return table("Lymph nodes, the largest short axis first", head, rows, "nodes")


def _chip(node: Node, aids: bool) -> str:
    name = node.size_class if aids and node.size_class else "unclassed"
    return f'<span class="chip {text(name)}" aria-hidden="true"></span>'


def strips(
    nodes: Sequence[Node],
    t2: Image,
    registration: Registration,
    fused: Optional[np.ndarray],
    settings: Settings,
) -> str:
    """Every node on T2, DWI, ADC and fused at the slice where it was measured."""
    if not nodes:
        return ""
    panes = figures.strip_panes(t2, registration, fused)
    return "".join(_strip(node, nodes, panes, settings) for node in nodes)


def _strip(node: Node, nodes: Sequence[Node], panes: Sequence[figures.Pane], settings: Settings) -> str:
    aids = settings.reading_aids
    drawn = "".join(
        f"<figure>{svg}<figcaption>{text(name)}</figcaption></figure>"
        for name, svg in figures.strip(node, nodes, panes)
    )
    facts = [
        f"<strong>{number(node.short_axis_mm, 1)} × {number(node.long_axis_mm, 1)} mm</strong>",
        f"{number(node.volume_mm3, 0)} mm³",
        text(node.size_class) if aids else "",
        join([text(node.side), text(node.station)], " ") if aids else "",
        f"slice {figures.shown_slice(node) + 1}",
    ]
    return (
        f'<article class="strip" id="{text(node.id)}"><h3>{_chip(node, aids)}{text(node.id)}</h3>'
        f'<p class="facts">{join(facts)}</p><div class="panes">{drawn}</div>{items(node.notes, "notes")}</article>'
    )


def follow_up(comparison: Optional[Mapping[str, Any]]) -> str:
    """Change since a prior study; empty without one."""
    return ""


def registration(t2: Image, result: Registration) -> str:
    """How well DWI lies on T2: pictures before and after, the verdict in words, the figures."""
    verdict = result.verdict
    before, after = figures.registration_pictures(t2, result)
    figures_table = table(
        "Match of DWI and T2",
        ["", "Before", "After"],
        [
            [
                "Normalized mutual information",
                number(verdict.similarity_before, 3),
                number(verdict.similarity_after, 3),
            ],
            [
                "T2 edges that meet a DWI edge",
                f"{100 * verdict.edge_overlap_before:.0f} %",
                f"{100 * verdict.edge_overlap_after:.0f} %",
            ],
        ],
    )
    words = f"{DECISIONS.get(verdict.decision, verdict.decision)} {verdict.reason}"
    return (
        f"<p>{text(words)}</p>"
        f'<div class="registration"><figure>{before}<figcaption>Before</figcaption></figure>'
        f"<figure>{after}<figcaption>After</figcaption></figure></div>{figures_table}"
        + definitions(
            [
                ("Method", verdict.method),
                ("Largest displacement", f"{verdict.largest_displacement_mm:.1f} mm"),
                ("Smallest Jacobian determinant", f"{verdict.smallest_jacobian:.2f}"),
            ]
        )
    )


def provenance(report: ReportInput) -> str:
    """What the result was made from and with."""
    images = [("T2", report.t2), ("DWI", report.registration.dwi), ("ADC", report.registration.adc)]
    inputs = definitions((name, _image_line(image)) for name, image in images if image is not None)
    model = definitions(
        [
            ("Name", report.model_name),
            ("SHA-256", report.model_sha256),
            *((key, value) for key, value in report.model_card.items() if key not in ("name", "notice")),
        ]
    )
    settings = definitions(report.settings.as_dict().items())
    seconds = definitions((stage, f"{value:.1f} s") for stage, value in report.seconds.items())
    software = definitions([("device", report.device), *versions().items()])
    return (
        f"<div><h3>Images</h3>{inputs}{items(report.choices)}</div><div><h3>Model</h3>{model}</div>"
        f"<div><h3>Settings</h3>{settings}</div><div><h3>Time</h3>{seconds}</div>"
        f"<div><h3>Software</h3>{software}</div>"
    )


def _image_line(image: Image) -> str:
    acquisition, geometry = image.acquisition, image.geometry
    b_value = acquisition.b_value_s_mm2
    return join(
        [
            acquisition.description,
            f"b {b_value:g} s/mm²" if b_value is not None else "",
            f"series {acquisition.series_uid}" if acquisition.series_uid else "",
        ],
        ", ",
    )


def caveats(settings: Settings) -> str:
    """What the figures do and do not say."""
    lines = [
        "Lymph nodes can be missed, and vessels, bowel, ovaries or nerves can be marked as nodes. "
        "Check every outline against the images.",
        "Size alone neither proves nor excludes metastasis.",
        "Short and long axis are measured in the acquisition plane, on the slice where the long axis is largest "
        "(RECIST 1.1).",
        "DWI and ADC were moved onto the T2; where the match is poor, their means mix node and surroundings.",
    ]
    if settings.reading_aids:
        lines.append(
            f"Size class, side and station are suggestions: enlarged from {settings.suspicious_mm:g} mm, target from "
            f"{TARGET_MM:g} mm short axis. The reader decides."
        )
    return items(lines)
