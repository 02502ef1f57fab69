"""The nodes of one study that have no partner in the other one, and what may be concluded from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

from ..images.image import Image
from .change import seen_on
from .matching import Matching, in_field_of_view
from .node import Node
from .seen import NOT_SEEN, SEEN, Look, seen_elsewhere, smoothed


@dataclass(frozen=True)
class Study:
    """One of two studies that are compared.

    Attributes:
        name: "prior" or "current".
        nodes: What is outlined in it.
        labels: The label map they were measured on.
        t2: T2-weighted image.
        dwi: Registered DWI, if there is one.
    """

    name: str
    nodes: Sequence[Node]
    labels: Image
    t2: Image
    dwi: Optional[Image] = None

    @property
    def is_prior(self) -> bool:
        """Which of the two it is."""
        return self.name == "prior"

    @cached_property
    def smooth_t2(self) -> Image:
        """The T2 as `seen_elsewhere` takes it; made when a node is looked for, which most never need."""
        return smoothed(self.t2)


@dataclass(frozen=True)
class Unpaired:
    """The nodes of one study that have no partner in the other one.

    Attributes:
        alone: New in the current study, or vanished from the prior one.
        surely: Ids of those in `alone` at whose place the other study's images show no such thing; of the
            others they do not tell.
        seen: Also seen on the other study's images, where nobody outlined them.
        notes: Sentences on those of which nothing is concluded.
    """

    alone: tuple[Node, ...] = ()
    surely: frozenset[str] = frozenset()
    seen: tuple[Node, ...] = ()
    notes: tuple[str, ...] = ()


def find_unpaired(
    study: Study, other: Study, matching: Matching, transform: Any, images_tell: bool = True
) -> Unpaired:
    """Sort the nodes of a study that have no partner.

    Args:
        study: The study.
        other: The other one.
        matching: Which nodes have a partner.
        transform: Maps LPS points of the study to the other one.
        images_tell: Whether the studies align well enough to look at the other one's images.
    """
    paired = {pair[0 if study.is_prior else 1] for pair in matching.pairs}
    whole_of = matching.parts_of_current if study.is_prior else matching.parts_of_prior
    what, grid = "vanished" if study.is_prior else "new", other.labels.geometry
    outside, small, notes = [], [], []
    counted: list[Node] = []
    for number, node in enumerate(study.nodes):
        if number in paired:
            continue
        if number in whole_of:
            notes.append(
                f"{node.id} of the {study.name} study is a part of {other.nodes[whole_of[number]].id} of the "
                f"{other.name} one: divided otherwise, not counted as {what}."
            )
        elif not in_field_of_view(node, grid, transform):
            outside.append(node.id)
        elif not seen_on(node, grid.spacing_mm[2]):
            small.append(node.id)
        else:
            counted.append(node)
    if outside:
        names = ", ".join(outside)
        notes.insert(
            0, f"Outside the field of view of the {other.name} study: {names} of the {study.name} one."
        )
    if small:
        notes.append(
            f"Not counted as {what}, for slices of the {other.name} study may have missed anything so small: "
            f"{', '.join(small)} of the {study.name} study."
        )
    found = _found(counted, study, other, transform) if counted and images_tell else {}
    return Unpaired(
        tuple(node for node in counted if found.get(node.id) != SEEN),
        frozenset(name for name, seen in found.items() if seen == NOT_SEEN),
        tuple(node for node in counted if found.get(node.id) == SEEN),
        tuple(notes),
    )


def _found(nodes: Sequence[Node], study: Study, other: Study, transform: Any) -> dict[str, str]:
    """What the other study's images show of each node, by its id."""
    dwi = Look(study.dwi, other.dwi) if study.dwi is not None and other.dwi is not None else None
    t2 = Look(study.smooth_t2, other.smooth_t2)
    return {node.id: seen_elsewhere(node, t2, dwi, other.labels, transform) for node in nodes}
