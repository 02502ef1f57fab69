"""report.html: what was found, on one self-contained page that a clinician reads in a minute and can print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Optional

import numpy as np

from .. import NOTICE
from ..colors import SIZE_CLASS_COLORS, UNCLASSED_COLOR
from ..images.image import Image
from ..nodes.node import Node
from ..registration.result import Registration
from ..resources import resource_path
from ..settings import Settings
from . import report_sections as sections
from .markup import text


@dataclass(frozen=True)
class ReportInput:
    """Everything the report shows. It holds no patient identity.

    Attributes:
        t2: The T2.
        registration: DWI and ADC on the T2 grid, and the verdict.
        nodes: The measured nodes; there may be none.
        settings: What the user chose.
        model_name, model_sha256, model_card: The network, and everything its card says.
        created: Date and time, as it is shown.
        fused: uint8 [k, j, i, 3] on the T2 grid (`network.fusion.fused_picture`), if there is one.
        device: Where the network ran.
        choices: Sentences that say why these series were chosen.
        warnings: What the user should know.
        seconds: Wall time of each stage.
        comparison: Follow-up, if the patient was compared with a prior study; see
            `report_sections.follow_up` for its keys.
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
    """Write ``report.html``: one file, no script, nothing loaded from elsewhere.

    Raises:
        OSError: the file could not be written.
    """
    folder = resource_path("Report")
    page = Template((folder / "report.html").read_text(encoding="utf-8"))
    nodes = sorted(report.nodes, key=lambda node: -(node.short_axis_mm or 0.0))
    content = page.substitute(
        style=_colors() + (folder / "report.css").read_text(encoding="utf-8"),
        notice=text(NOTICE),
        model_notice=text(report.model_card.get("notice", "")),
        created=text(report.created),
        summary=sections.summary(nodes, report.settings),
        warnings=sections.warnings(report.warnings, report.registration.verdict),
        maps=sections.maps(nodes, report.registration.dwi),
        table=sections.node_table(nodes, report.settings),
        follow_up=sections.follow_up(report.comparison),
        strips=sections.strips(nodes, report.t2, report.registration, report.fused, report.settings),
        registration=sections.registration(report.t2, report.registration),
        provenance=sections.provenance(report),
        caveats=sections.caveats(report.settings),
    )
    path.write_text(content, encoding="utf-8")


def _colors() -> str:
    """The colors of the size classes, the same as in the segmentation, as CSS variables."""
    named = {**SIZE_CLASS_COLORS, "unclassed": UNCLASSED_COLOR}
    values = "".join(f"--{name}:rgb({r} {g} {b});" for name, (r, g, b) in named.items())
    rules = "".join(f".{name}{{--class:var(--{name})}}" for name in named)
    return f":root{{{values}}}{rules}\n"
