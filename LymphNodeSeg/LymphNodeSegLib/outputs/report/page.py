"""The page: its content, and how it is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Optional

import numpy as np

from ... import NOTICE
from ...colors import SIZE_CLASS_COLORS, UNCLASSED_COLOR
from ...images.image import Image
from ...nodes.node import Node
from ...registration.result import Registration
from ...resources import resource_path
from ...settings import Settings
from . import follow_up, match, node_map, provenance, sections
from .markup import section, text


@dataclass(frozen=True)
class ReportInput:
    """Everything the report shows. It holds no patient identity.

    Attributes:
        t2: The T2.
        registration: DWI and ADC on the T2 grid, and the verdict.
        nodes: The measured nodes; there may be none.
        settings: What the user chose.
        model_name, model_sha256, model_card: The network, and everything its card says.
        created: Date and time, ISO 8601.
        fused: uint8 [k, j, i, 3] on the T2 grid (`network.fusion.fused_picture`), if there is one.
        device: Where the network ran.
        choices: Sentences that say why these series were chosen.
        warnings: What the user should know.
        seconds: Wall time of each stage.
        comparison: Follow-up, if the patient was compared with a prior study; its keys are those of
            `follow_up.follow_up`.
    """

    t2: Image
    registration: Registration
    nodes: Sequence[Node]
    settings: Settings
    model_name: str
    model_card: Mapping[str, Any]
    created: str
    model_sha256: str = ""
    fused: Optional[np.ndarray] = field(default=None, repr=False)
    device: str = ""
    choices: Sequence[str] = ()
    warnings: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    comparison: Optional[Mapping[str, Any]] = None


def write_report(path: Path, report: ReportInput) -> None:
    """Write ``report.html``: one file without script; nothing is loaded from elsewhere.

    Raises:
        OSError: the file could not be written.
    """
    write_page(path, report.created, report.model_card.get("notice", ""), _sections(report))


def write_page(path: Path, created: str, model_notice: str, parts: Sequence[str]) -> None:
    """Write a page of the project's look: head, parts, notices.

    Args:
        path: The file to write.
        created: Date and time, ISO 8601.
        model_notice: What the model's card wants said on every page; may be empty.
        parts: HTML of the sections.

    Raises:
        OSError: the file could not be written.
    """
    folder = resource_path("Report")
    page = Template((folder / "report.html").read_text(encoding="utf-8"))
    content = page.substitute(
        style=_class_colors() + (folder / "report.css").read_text(encoding="utf-8"),
        created=text(_readable(created)),
        notice=text(NOTICE),
        model_notice=text(model_notice),
        main="\n".join(parts),
    )
    path.write_text(content, encoding="utf-8")


def _sections(report: ReportInput) -> list[str]:
    """The sections in the order in which they are read; the largest node comes first in each."""
    nodes = sorted(report.nodes, key=lambda node: -(node.short_axis_mm or 0.0))
    aids = report.settings.reading_aids
    verdict = report.registration.verdict
    overview = node_map.node_maps(nodes, report.t2, aids, sections.legend(nodes, report.settings))
    return [
        sections.summary(nodes, report.settings),
        sections.warnings(report.warnings, verdict),
        section("Overview", overview, "overview"),
        section("Measurements", sections.node_table(nodes, report.t2, aids), "measurements"),
        section("Reading aids", sections.reading_aids(nodes, report.settings), "reading-aids"),
        section("Follow-up", follow_up.follow_up(report.comparison), "follow-up"),
        section(
            "Images", sections.strips(nodes, report.t2, report.registration, report.fused, aids), "images"
        ),
        section(
            "Registration of DWI to T2",
            sections.registration(match.match_pictures(report.t2, report.registration), verdict),
            "match",
        ),
        section("How to read this", sections.caveats(report.settings), "caveats"),
        section("Provenance", provenance.provenance(report), "provenance"),
    ]


def _readable(created: str) -> str:
    """A date and time that cannot be misread; as it stands where it is no ISO 8601."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _class_colors() -> str:
    """The colors of the size classes, the same as in the segmentation."""
    named = {**SIZE_CLASS_COLORS, "unclassed": UNCLASSED_COLOR}
    return "".join(f".{name}{{--class:rgb({r} {g} {b})}}" for name, (r, g, b) in named.items()) + "\n"
