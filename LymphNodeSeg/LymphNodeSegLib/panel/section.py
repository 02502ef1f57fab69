"""What the sections of the panel have in common.

A section is a small class that fills one container of ``LymphNodeSeg.ui``. It is built as
``Section(container, services)`` and has two methods: ``show(result)``, called after a run, when a scene was
opened and when another segmentation was chosen (None: there is nothing to show), and ``close()``, which lets
go of observers and timers; ``show`` may follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol

import slicer

from .nodes_model import NodesModel

if TYPE_CHECKING:
    from ..scene.result import ResultNodes
    from .parameter_node import LymphNodeSegParameterNode


LEAST_WIDTH = 300
"""A label that was not shown yet does not know its width."""


@dataclass(frozen=True)
class Services:
    """What a section gets handed in.

    Attributes:
        load_ui: Loads a file of ``Resources/UI`` by its name.
        parameters: The panel's state in the scene.
        tell: Shows the user one line, below the Apply button.
        nodes: The nodes of the shown result, and which of them are chosen.
    """

    load_ui: Callable[[str], Any]
    parameters: Callable[[], LymphNodeSegParameterNode]
    tell: Callable[[str], None]
    nodes: NodesModel = field(default_factory=NodesModel)


class Section(Protocol):
    """A section of the panel."""

    def show(self, result: Optional[ResultNodes]) -> None:
        """Show a result; None: there is none."""

    def close(self) -> None:
        """Let go of observers and timers."""


def fill(container: Any, services: Services, name: str) -> Any:
    """Load a .ui file into a container.

    Args:
        container: A widget with a layout.
        services: See there.
        name: The file, such as "ResultSection.ui".

    Returns:
        The loaded widgets by their object names.
    """
    widget = services.load_ui(name)
    container.layout().addWidget(widget)
    widget.setMRMLScene(slicer.mrmlScene)
    return slicer.util.childWidgetVariables(widget)


def keep_width(containers: Sequence[Any]) -> None:
    """Make the panel as wide as all of its sections need once they are open.

    Otherwise the first result, with which some open, would have all of Slicer's window laid out anew, and all
    of its views drawn.

    Args:
        containers: All of them, side by side in the panel; not shown yet.
    """
    panel = containers[0].parent()
    collapsed = [container.property("collapsed") for container in containers]
    for container in containers:
        container.setProperty("collapsed", False)
    panel.setMinimumWidth(panel.property("minimumSizeHint").width())
    for container, was_collapsed in zip(containers, collapsed):
        container.setProperty("collapsed", was_collapsed)


def say(label: Any, text: str) -> None:
    """Give a label that wraps its text, and room for all of its lines.

    Slicer's collapsible sections do not ask what they hold how high it is at its width: without this, the
    last lines would lie over what comes below. A new text has the whole panel laid out anew.
    """
    if label.property("text") != text:
        label.setText(text)
    width = max(int(label.property("width")), LEAST_WIDTH)
    label.setMinimumHeight(label.heightForWidth(width) if text else 0)
