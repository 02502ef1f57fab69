"""What a run was done with and how it went, kept with its segmentation and so with the saved scene."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from ..registration.result import Verdict
from ..settings import Settings

if TYPE_CHECKING:
    import slicer

ATTRIBUTE = "LymphNodeSeg.Run"


@dataclass(frozen=True)
class RunFacts:
    """What the panel, the report and the export say of a run. Holds no patient identity.

    Attributes:
        created: Date and time, ISO 8601.
        settings: What the user chose.
        verdict: How good the registration is.
        model: Name of the network, the hash of its file, and everything its card says.
        device: Where it ran.
        warnings: What the user should know.
        seconds: Wall time of each stage.
        b_value_s_mm2: Of the DWI; None if unknown.
    """

    created: str
    settings: Settings
    verdict: Verdict
    model: str
    model_sha256: str
    model_card: Mapping[str, Any]
    device: str
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    b_value_s_mm2: Optional[float] = None


def set_facts(node: slicer.vtkMRMLSegmentationNode, facts: RunFacts) -> None:
    """Keep the facts with a segmentation."""
    node.SetAttribute(ATTRIBUTE, json.dumps(asdict(facts)))


def facts_of(node: slicer.vtkMRMLSegmentationNode) -> Optional[RunFacts]:
    """The facts kept with a segmentation; None if it is no result of ours, or of a later version."""
    try:
        values = json.loads(node.GetAttribute(ATTRIBUTE) or "")
        values["settings"] = Settings(**values["settings"])
        values["verdict"] = Verdict(**values["verdict"])
        values["warnings"] = tuple(values["warnings"])
        return RunFacts(**values)
    except (ValueError, TypeError, KeyError):
        return None
