"""Which network a run uses, what is known of it, and where it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import qt
from slicer.i18n import tr as _

from .. import NOTICE
from ..errors import InputError
from ..network.model_file import listed_models, read_card
from . import texts
from .parameter_node import LymphNodeSegParameterNode
from .section import say

TRUSTED = "LymphNodeSeg/TrustedModels"
NOT_CHOSEN = "?"
"""Stands for a file of the user's own that is not chosen yet."""


class ModelControls:
    """Uses the widgets of ``LymphNodeSeg.ui`` that the section "Advanced" holds.

    The user's own model file is named in the scene; that it may be loaded is kept in the user's settings, by
    its hash: a scene that came from somebody else must not bring that along.

    Args:
        ui: The widgets by their object names.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._parameters: Optional[LymphNodeSegParameterNode] = None
        self._own, self._sha256 = False, ""
        try:
            self._listed = listed_models()
        except InputError as error:
            self._listed = []
            say(ui.noticeLabel, f"{NOTICE}\n{error}")
        for entry in self._listed:
            ui.modelComboBox.addItem(entry.name)
        ui.modelComboBox.addItem(_("A file of your own"))
        ui.modelComboBox.activated.connect(self._on_model)
        ui.modelPathLineEdit.currentPathChanged.connect(self._on_path)
        ui.trustCheckBox.toggled.connect(self._on_trust)

    def show(self, parameters: LymphNodeSegParameterNode) -> None:
        """Show the model that the parameter node names."""
        self._parameters = parameters
        names = [entry.name for entry in self._listed]
        self._own = parameters.model not in ("", *names)
        index = len(names) if self._own else names.index(parameters.model or names[0]) if names else 0
        self._ui.modelComboBox.setCurrentIndex(index)
        line = self._ui.modelPathLineEdit
        if self._own and parameters.model not in (NOT_CHOSEN, line.currentPath):
            line.currentPath = parameters.model
        self._show_card(Path(parameters.model) if self._own else None, index)

    def problem(self) -> str:
        """What keeps the chosen model from being used, for the user; empty if nothing does."""
        if not self._own:
            return ""
        if not self._sha256:
            return _("Choose a model file under 'Advanced', or one of the listed models.")
        if not self.trusted:
            return _("Say under 'Advanced' that you trust the model file, or choose a listed model.")
        return ""

    @property
    def trusted(self) -> bool:
        """Whether the file that is chosen may be loaded."""
        return self._sha256 in _trusted() | {entry.sha256 for entry in self._listed}

    def show_devices(self, devices: Sequence[str]) -> None:
        """Say which devices are there, once the worker has told."""
        box = self._ui.deviceComboBox
        for index, (device, name) in enumerate(texts.DEVICE_NAMES.items()):
            if device == "auto":
                there = texts.DEVICE_NAMES.get(devices[0], devices[0]) if devices else ""
                text = _("{name} ({device})").format(name=name, device=there) if there else name
            else:
                text = name if device in devices or not devices else _("{name} (not found)").format(name=name)
            box.setItemText(index, text)

    def _show_card(self, path: Optional[Path], index: int) -> None:
        ui = self._ui
        ui.modelPathLineEdit.setVisible(path is not None)
        self._sha256, needs_trust = "", False
        try:
            if path is None:
                path = self._listed[index].path
            elif path.is_file():
                self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                needs_trust = self._sha256 not in {entry.sha256 for entry in self._listed}
            else:
                raise InputError(_("Choose the file."))
            card = read_card(path)
            text, notice = texts.card_lines(card), str(card.get("notice", ""))
        except (InputError, IndexError, OSError) as error:
            text, notice = str(error), ""
        say(ui.modelCardLabel, text)
        say(ui.noticeLabel, "\n".join(line for line in (NOTICE, notice) if line))
        ui.trustCheckBox.setVisible(needs_trust)
        ui.trustCheckBox.blockSignals(True)
        ui.trustCheckBox.setChecked(self.trusted)
        ui.trustCheckBox.blockSignals(False)

    def _on_model(self, index: int) -> None:
        if self._parameters is not None:
            listed = index < len(self._listed)
            own = self._ui.modelPathLineEdit.currentPath or NOT_CHOSEN
            self._parameters.model = self._listed[index].name if listed else own

    def _on_path(self, path: str) -> None:
        if self._parameters is not None and self._own and path:
            self._parameters.model = path

    def _on_trust(self, checked: bool) -> None:
        hashes = _trusted() - {self._sha256} | ({self._sha256} if checked else set())
        qt.QSettings().setValue(TRUSTED, " ".join(sorted(hashes)))
        if self._parameters is not None:
            self._parameters.Modified()


def _trusted() -> set[str]:
    return set(str(qt.QSettings().value(TRUSTED) or "").split())
