"""Reading aids: what the numbers may mean, by published rules. Each is a suggestion; the reader decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ..errors import InputError
from .node import Node

TARGET_MM = 15.0
"""Short axis from which a node can be a target lesion (RECIST 1.1)."""

MR_POSITIVE_MM = 10.0
"""Short axis from which Wu 2020 calls a node of cervical cancer positive on MR."""

BULK_MM = 30.0
GROWTH_MM = 2.0
NORMAL_BELOW_MM = {"inguinal": 15.0, "obturator": 5.0, "mesorectal": 5.0}
"""Node-RADS: short axis below which a node is normal, by station; 10 mm elsewhere."""

SUGGESTION = "Suggestion"
"""What every reading aid is labeled with where it is shown."""


def size_class(short_axis_mm: Optional[float], suspicious_mm: float) -> str:
    """The size class of a node by its short axis (RECIST 1.1, Eisenhauer 2009, section 4.3.3).

    Args:
        short_axis_mm: Short axis; None where it could not be measured.
        suspicious_mm: Short axis from which a node counts as enlarged; 10 mm in RECIST 1.1.

    Returns:
        "normal", "enlarged" (from the threshold on), "target" (15 mm and more, and from the threshold on),
        or "" without a short axis.
    """
    if short_axis_mm is None:
        return ""
    if short_axis_mm < suspicious_mm:
        return "normal"
    return "target" if short_axis_mm >= TARGET_MM else "enlarged"


def mr_positive(short_axis_mm: Optional[float]) -> Optional[bool]:
    """Whether a node counts as positive on MR by the 10 mm rule of Wu 2020; None without a short axis."""
    return None if short_axis_mm is None else short_axis_mm >= MR_POSITIVE_MM


CONFIGURATIONS = {
    "texture": ("homogeneous", "heterogeneous", "focal necrosis", "gross necrosis"),
    "border": ("smooth", "irregular"),
    "shape": ("oval or fatty hilum", "round without hilum"),
}
"""The parts of a node's configuration in Node-RADS 1.0; the place of a word among its like is its points."""


@dataclass(frozen=True)
class Configuration:
    """What the reader sees in a node, in the points of Node-RADS 1.0 (Elsholtz 2021).

    Attributes:
        texture: 0 homogeneous, 1 heterogeneous, 2 focal necrosis, 3 gross necrosis.
        border: 0 smooth, 1 irregular or ill-defined.
        shape: 0 with fatty hilum, or bean-shaped or oval; 1 spherical without fatty hilum.

    Raises:
        InputError: points that do not exist.
    """

    texture: int
    border: int
    shape: int

    def __post_init__(self) -> None:
        for name, words in CONFIGURATIONS.items():
            value, most = getattr(self, name), len(words) - 1
            if value not in range(most + 1):
                raise InputError(f"A Node-RADS {name} of {value} does not exist: enter 0 to {most}.")

    @property
    def points(self) -> int:
        """The sum, of which Node-RADS tells 0, 1, 2 and 3 or more apart."""
        return min(3, self.texture + self.border + self.shape)

    def __str__(self) -> str:
        """Such as "texture heterogeneous, border smooth, shape round without hilum"."""
        return ", ".join(f"{name} {words[getattr(self, name)]}" for name, words in CONFIGURATIONS.items())


def node_rads(
    node: Node,
    configuration: Configuration,
    *,
    station: str = "",
    growth_mm: Optional[float] = None,
) -> Optional[int]:
    """The Node-RADS 1.0 category, 1 (very low) to 5 (very high), from size and the reader's configuration.

    Args:
        node: Its short axis in the axial plane and its longest diameter are used.
        configuration: What the reader entered; software does not decide it.
        station: What the reader entered; decides what size is normal. Empty: the node's own.
        growth_mm: Change of short axis since the prior study, if there is one.

    Returns:
        The category; None where the node has no axial short axis.
    """
    short_mm = node.axial_short_axis_mm
    if short_mm is None:
        return None
    longest_mm = max(node.max_diameter_3d_mm or 0.0, node.long_axis_mm or 0.0)
    if longest_mm >= BULK_MM:
        return 5
    normal_below_mm = NORMAL_BELOW_MM.get(station or node.station, 10.0)
    enlarged = short_mm >= normal_below_mm or (growth_mm is not None and growth_mm >= GROWTH_MM)
    return configuration.points + (2 if enlarged else 1)


def entered_node_rads(node: Node) -> Optional[int]:
    """The Node-RADS 1.0 category by the configuration that the reader entered; None without one."""
    return None if node.configuration is None else node_rads(node, node.configuration)


def figo_suggestion(nodes: Sequence[Node], suspicious_mm: float) -> str:
    """What the enlarged nodes would mean for FIGO 2018 in cervical cancer: one sentence, never a stage.

    Args:
        nodes: All nodes with the stations that the reader entered.
        suspicious_mm: Short axis from which a node counts.

    Returns:
        "" when no node reaches the threshold.
    """
    enlarged = [node for node in nodes if (node.short_axis_mm or 0.0) >= suspicious_mm]
    if not enlarged:
        return ""
    stations = {node.station for node in enlarged}
    if "para-aortic" in stations:
        return f"{SUGGESTION}: possible FIGO IIIC2 (r): enlarged para-aortic node."
    known = stations - {"", "unknown", "inguinal"}
    if known:
        return f"{SUGGESTION}: possible FIGO IIIC1 (r): enlarged pelvic node ({', '.join(sorted(known))})."
    if stations == {"inguinal"}:
        return ""  # not regional in cervical cancer
    return f"{SUGGESTION}: possible FIGO IIIC1 (r) if the enlarged nodes are pelvic: station unknown."
