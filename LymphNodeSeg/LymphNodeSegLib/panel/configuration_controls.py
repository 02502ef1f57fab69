"""What the reader sees in the chosen nodes, for Node-RADS."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from slicer.i18n import tr as _

from ..scene.node_list import Row
from .node_columns import CONFIGURATION_NAMES
from .nodes_model import NodesModel


class ConfigurationControls:
    """Uses three boxes of ``NodesSection.ui``; the first item of each stands for what is not entered.

    Args:
        ui: The widgets by their object names.
        model: The nodes.
    """

    def __init__(self, ui: Any, model: NodesModel) -> None:
        self._model = model
        self._label = ui.configurationLabel
        self._boxes = {"texture": ui.textureComboBox, "border": ui.borderComboBox, "shape": ui.shapeComboBox}
        nothing = {"texture": _("texture?"), "border": _("border?"), "shape": _("shape?")}
        for part, box in self._boxes.items():
            for name in (nothing[part], *CONFIGURATION_NAMES[part]):
                box.addItem(name)
            box.currentIndexChanged.connect(partial(self._on_box, part))

    def show(self, rows: Sequence[Row]) -> None:
        """Show what is entered for the chosen nodes; nothing where they differ."""
        aids = self._model.nodes is None or self._model.nodes.reading_aids
        self._label.setVisible(aids)
        for part, box in self._boxes.items():
            box.setVisible(aids)
            box.setEnabled(bool(rows))
            entered = {row.configuration.get(part, -1) for row in rows}
            box.blockSignals(True)
            box.setCurrentIndex(entered.pop() + 1 if len(entered) == 1 else 0)
            box.blockSignals(False)

    def _on_box(self, part: str, *_args: object) -> None:
        if self._model.nodes is not None:
            points = int(self._boxes[part].property("currentIndex")) - 1
            self._model.nodes.set_configuration(self._model.chosen, part, points if points >= 0 else None)
            self._model.update()
