"""The selectors of the images, the b-value beneath the DWI, and the line that says what they amount to."""

from __future__ import annotations

from typing import Any, Callable, Optional

import slicer

from ..scene.frames import key_of
from ..scene.inputs import Inputs, examine, propose
from .dicom_database import file_of_instance
from .parameter_node import LymphNodeSegParameterNode
from .section import say


class InputControls:
    """Uses the widgets of ``LymphNodeSeg.ui`` that the section "Inputs" holds.

    The DWI's selector is not connected by its SlicerParameterName: Slicer would set its node types to that of
    the parameter, and a DWI may be of several.

    Args:
        ui: The widgets by their object names.
        parameters: Gives the panel's state in the scene; None while another module is shown.
    """

    def __init__(self, ui: Any, parameters: Callable[[], Optional[LymphNodeSegParameterNode]]) -> None:
        self._ui, self._parameters = ui, parameters
        self._keys: list[float] = []
        ui.bValueComboBox.activated.connect(self._on_b_value)
        ui.dwiSelector.currentNodeChanged.connect(self._on_dwi)

    def propose(self, parameters: LymphNodeSegParameterNode) -> None:
        """Fill the selectors that are empty from what the scene holds."""
        chosen = (parameters.t2, parameters.dwi, parameters.adc)
        if all(chosen):
            return
        proposed = propose(slicer.mrmlScene, file_of_instance)
        for name, node, role in zip(("t2", "dwi", "adc"), chosen, ("T2", "DWI", "ADC")):
            if node is None and proposed.get(role) not in (None, *chosen):
                setattr(parameters, name, proposed[role])

    def show(self, parameters: LymphNodeSegParameterNode) -> Inputs:
        """Say what the selected volumes amount to."""
        self._ui.dwiSelector.setCurrentNode(parameters.dwi)
        inputs = examine(parameters.t2, parameters.dwi, parameters.adc, parameters.bValue, file_of_instance)
        say(self._ui.inputStatusLabel, inputs.text)
        self._show_frames(inputs)
        return inputs

    def _show_frames(self, inputs: Inputs) -> None:
        combo_box = self._ui.bValueComboBox
        keys = [key_of(inputs.frames, n) for n in range(len(inputs.frames))]
        for widget in (combo_box, self._ui.bValueComboBoxLabel):
            widget.setVisible(len(keys) > 1)
        if keys != self._keys:
            self._keys = keys
            combo_box.clear()
            for frame in inputs.frames:
                combo_box.addItem(frame.name)
        if keys:
            combo_box.setCurrentIndex(inputs.chosen)

    def _on_b_value(self, index: int) -> None:
        parameters = self._parameters()
        if parameters is not None and 0 <= index < len(self._keys):
            parameters.bValue = self._keys[index]

    def _on_dwi(self, *_args: object) -> None:
        parameters = self._parameters()
        if parameters is not None:
            parameters.dwi = self._ui.dwiSelector.currentNode()
