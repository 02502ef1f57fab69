"""The panel: from the selected volumes to a result in the scene."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Optional

import slicer
import vtk
from slicer.i18n import tr as _

from ..errors import InputError
from ..scene.inputs import Inputs, examine, propose
from ..scene.result import ResultData, ResultNodes, add_result, result_of
from ..scene.run_facts import RunFacts, set_facts
from ..scene.views import show_images
from ..worker_files import WorkerResult, read_result
from . import texts
from .correct_section import CorrectSection
from .dependencies import torch_problem
from .export_section import ExportSection
from .nodes_section import NodesSection
from .parameter_node import LymphNodeSegParameterNode, settings_of
from .result_section import ResultSection
from .run_state import Outcome, RunState
from .section import Section, Services
from .worker_process import WorkerProcess

DEVICE_NAMES = {
    "auto": _("Automatic"),
    "cuda": _("NVIDIA GPU"),
    "mps": _("Apple GPU"),
    "cpu": _("Processor"),
}
REGISTRATION_NAMES = {
    "deformable": _("Deformable"),
    "rigid": _("Rigid"),
    "none": _("None"),
}


class Panel:
    """Connects the widgets of ``LymphNodeSeg.ui`` with the scene and the worker process.

    Args:
        ui: The widgets by their object names.
        parameter_node: Gives the panel's state in the scene.
        load_ui: Loads a file of ``Resources/UI`` by its name.
    """

    def __init__(
        self,
        ui: Any,
        parameter_node: Callable[[], LymphNodeSegParameterNode],
        load_ui: Callable[[str], Any],
    ) -> None:
        self._ui = ui
        self._get_parameter_node = parameter_node
        self._parameters: Optional[LymphNodeSegParameterNode] = None
        self._gui_tag: Any = None
        self._observer: Any = None
        self._inputs = Inputs("")
        self._worker: Optional[WorkerProcess] = None
        self._running_on: Optional[str] = None
        self._shown: Optional[str] = None
        services = Services(load_ui, lambda: self._parameters or parameter_node(), ui.messageLabel.setText)
        self._sections: list[tuple[Any, Section]] = [
            (container, section(container, services))
            for container, section in (
                (ui.resultCollapsibleButton, ResultSection),
                (ui.nodesCollapsibleButton, NodesSection),
                (ui.correctCollapsibleButton, CorrectSection),
                (ui.exportCollapsibleButton, ExportSection),
            )
        ]
        ui.noticeLabel.setText(texts.notice())
        ui.applyButton.clicked.connect(self._on_apply)
        self._show_idle("")

    def open(self) -> None:
        """Follow the scene's parameter node: the module was entered, or another scene opened."""
        if self._parameters is not None:
            return
        parameters = self._parameters = self._get_parameter_node()
        proposed = propose(slicer.mrmlScene)
        for name, role in (("t2", "T2"), ("dwi", "DWI"), ("adc", "ADC")):
            if getattr(parameters, name) is None and role in proposed:
                setattr(parameters, name, proposed[role])
        self._gui_tag = parameters.connectGui(self._ui)
        _name_items(self._ui.deviceComboBox, DEVICE_NAMES)
        _name_items(self._ui.registrationComboBox, REGISTRATION_NAMES)
        self._observer = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_parameters)
        self._on_parameters()

    def close(self) -> None:
        """Let go of the parameter node: another module was entered, or the scene closes."""
        if self._parameters is None:
            return
        self._parameters.disconnectGui(self._gui_tag)
        self._parameters.RemoveObserver(self._observer)
        self._parameters = None
        self._shown = None
        for _container, section in self._sections:
            section.close()

    def cancel(self) -> None:
        """End a run that is on; nothing happens otherwise."""
        if self._worker is not None:
            self._worker.cancel()

    def _on_parameters(self, caller: object = None, event: object = None) -> None:
        assert self._parameters is not None
        self._inputs = examine(self._parameters.t2, self._parameters.dwi, self._parameters.adc)
        self._ui.inputStatusLabel.setText(self._inputs.text)
        if self._worker is None:
            self._show_idle("")
        segmentation = self._parameters.segmentation
        if self._shown != (segmentation.GetID() if segmentation else ""):
            self._show_sections(segmentation)

    def _show_sections(self, segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> None:
        self._shown = segmentation.GetID() if segmentation else ""
        result = result_of(segmentation)
        for container, section in self._sections:
            container.setEnabled(result is not None)
            section.show(result)

    def _on_apply(self, *_args: object) -> None:
        if self._worker is not None:
            self.cancel()
            return
        self._on_parameters()  # voxels and transforms change without the parameter node knowing
        problem = torch_problem() if self._inputs.usable else self._inputs.text
        if problem:
            self._show_idle(problem)
            return
        try:
            self._start()
        except (InputError, OSError, RuntimeError) as error:
            self._worker = None
            self._show_idle(str(error))

    def _start(self) -> None:
        assert self._parameters is not None
        assert self._inputs.t2 is not None
        assert self._inputs.dwi is not None
        self._settings = settings_of(self._parameters)
        self._running_on = self._parameters.t2.GetID()
        self._dwi_id = self._parameters.dwi.GetID()
        self._worker = WorkerProcess(self._on_change, self._on_end)
        self._ui.logText.clear()
        self._worker.start(self._inputs.t2, self._inputs.dwi, self._inputs.adc, self._settings)
        self._show_running()
        self._on_change(self._worker.state, [])

    def _on_change(self, state: RunState, lines: list[str]) -> None:
        self._ui.progressBar.setValue(round(100 * state.fraction))
        self._ui.messageLabel.setText(texts.progress_line(state))
        for line in lines:
            self._ui.logText.appendPlainText(line)

    def _on_end(self, outcome: Outcome, folder: Path) -> None:
        self._worker = None
        message = outcome.text
        if outcome.done:
            try:
                message = self._take(read_result(folder))
            except (OSError, RuntimeError, ValueError) as error:
                message = _("The result could not be read: {error}").format(error=error)
        self._show_idle(message)

    def _take(self, result: WorkerResult) -> str:
        """Put a result into the scene and show it.

        Returns:
            What the user should read; empty if all is well.
        """
        scene = slicer.mrmlScene
        t2 = scene.GetNodeByID(self._running_on)
        if t2 is None:
            return texts.removed_input()
        dwi = scene.GetNodeByID(self._dwi_id)
        data = ResultData(result.labels, result.nodes, result.dwi, result.adc, result.probability, dwi)
        nodes = add_result(scene, t2, data)
        set_facts(nodes.segmentation, self._facts(result))
        self._show_result(nodes)
        return ""

    def _show_result(self, nodes: ResultNodes) -> None:
        parameters = self._parameters or self._get_parameter_node()  # another module may be shown by now
        parameters.segmentation = nodes.segmentation
        parameters.table = nodes.table
        show_images(slicer.mrmlScene, nodes.t2, nodes.dwi)
        slicer.util.resetSliceViews()
        self._ui.resultCollapsibleButton.setProperty("collapsed", False)
        self._ui.nodesCollapsibleButton.setProperty("collapsed", False)

    def _facts(self, result: WorkerResult) -> RunFacts:
        return RunFacts(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            settings=self._settings,
            verdict=result.verdict,
            model=result.model,
            model_sha256=result.model_sha256,
            model_card=result.model_card,
            device=result.device,
            warnings=result.warnings,
            seconds=result.seconds,
        )

    def _show_running(self) -> None:
        self._ui.applyButton.setText(_("Cancel"))
        self._ui.applyButton.setToolTip(_("End the run; the scene stays as it is."))
        self._ui.progressBar.setVisible(True)

    def _show_idle(self, message: str) -> None:
        self._ui.applyButton.setText(_("Apply"))
        self._ui.applyButton.setEnabled(self._inputs.usable)
        self._ui.applyButton.setToolTip(texts.why_not(self._inputs.usable, self._inputs.text))
        self._ui.progressBar.setVisible(False)
        self._ui.messageLabel.setText(message)


def _name_items(combo_box: Any, names: dict[str, str]) -> None:
    """Give the items of a box, which the parameter node filled with its plain values, readable names."""
    for index, name in enumerate(names.values()):
        combo_box.setItemText(index, name)
