"""The panel: from the selected volumes to a result in the scene."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Callable, Optional

import slicer
import vtk
from slicer.i18n import tr as _

from ..errors import InputError
from ..scene.inputs import Inputs, b_values_for_run
from ..scene.result import ResultNodes, result_of
from ..scene.views import show_images
from ..worker_files import Request
from . import texts
from .correct_section import CorrectSection
from .dependencies import has_torch, torch_problem
from .dicom_database import file_of_instance
from .export_section import ExportSection
from .input_controls import InputControls
from .model_controls import ModelControls
from .nodes_section import NodesSection
from .parameter_node import LymphNodeSegParameterNode, connect, settings_of
from .result_section import ResultSection
from .run_display import RunDisplay
from .run_state import Outcome
from .runner import Order, Runner
from .section import Section, Services, keep_width


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
        self._observers: list[tuple[Any, Any]] = []
        self._inputs = Inputs("")
        self._shown: Optional[str] = None
        self._input_controls = InputControls(ui, lambda: self._parameters)
        self._model_controls = ModelControls(ui)
        self._run_display = RunDisplay(ui)
        self.runner = Runner(
            self._run_display.show, self._show_steps, self._on_end, self._model_controls.show_devices
        )
        services = Services(load_ui, lambda: self._parameters or parameter_node(), self._run_display.tell)
        self._sections: list[tuple[Any, Section]] = [
            (container, section(container, services))
            for container, section in (
                (ui.resultCollapsibleButton, ResultSection),
                (ui.nodesCollapsibleButton, NodesSection),
                (ui.correctCollapsibleButton, CorrectSection),
                (ui.exportCollapsibleButton, ExportSection),
            )
        ]
        keep_width([ui.advancedCollapsibleButton, *(container for container, _section in self._sections)])
        ui.applyButton.clicked.connect(self._on_apply)
        ui.advancedCollapsibleButton.contentsCollapsed.connect(self._on_advanced)
        self._show_running(False)

    def open(self) -> None:
        """Follow the scene's parameter node: the module was entered, or another scene opened."""
        if self._parameters is not None:
            return
        parameters = self._parameters = self._get_parameter_node()
        self._input_controls.propose(parameters)
        self._gui_tag = connect(parameters, self._ui)
        _name_items(self._ui.registrationComboBox, texts.REGISTRATION_NAMES)
        self._model_controls.show_devices(self.runner.worker.devices)
        scene = slicer.mrmlScene
        self._observers = [
            (parameters, parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_parameters)),
            (scene, scene.AddObserver(scene.NodeRemovedEvent, self._on_node_removed)),
        ]
        self._on_parameters()

    def close(self) -> None:
        """Let go of the parameter node: another module was entered, or the scene closes."""
        if self._parameters is None:
            return
        self._parameters.disconnectGui(self._gui_tag)
        for observed, tag in self._observers:
            observed.RemoveObserver(tag)
        self._parameters = None
        self._shown = None
        for _container, section in self._sections:
            section.close()

    def forget(self) -> None:
        """The scene closes, or Slicer does: end what is on, and do not speak of it in the next scene."""
        self.runner.close()
        self.close()
        self._ui.logText.clear()
        self._run_display.tell("")

    def _on_parameters(self, caller: object = None, event: object = None) -> None:
        assert self._parameters is not None
        self._inputs = self._input_controls.show(self._parameters)
        self._model_controls.show(self._parameters)
        self._show_running(self.runner.running)
        segmentation = self._parameters.segmentation
        if self._shown != (segmentation.GetID() if segmentation else ""):
            self._show_sections(segmentation)

    def _show_sections(self, segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> None:
        self._shown = segmentation.GetID() if segmentation else ""
        result = result_of(segmentation)
        for container, section in self._sections:
            container.setEnabled(result is not None)
            section.show(result)

    def _on_node_removed(self, caller: object, event: object) -> None:
        if self.runner.running and slicer.mrmlScene.GetNodeByID(self.runner.t2_id) is None:
            self.runner.cancel(Outcome("removed", texts.removed_input()))

    def _on_apply(self, *_args: object) -> None:
        if self.runner.running:
            self.runner.cancel()
            return
        self._on_parameters()  # voxels and transforms change without the parameter node knowing
        problem = self._problem()
        self._run_display.tell(problem)
        if problem:
            return
        try:
            self._start()
        except (InputError, OSError) as error:
            self._run_display.tell(str(error))

    def _problem(self) -> str:
        """What keeps a run from starting, for the user; empty if nothing does."""
        if not self._inputs.usable:
            return self._inputs.text
        return self._model_controls.problem() or torch_problem()

    def _start(self) -> None:
        parameters, inputs = self._parameters, self._inputs
        assert parameters is not None
        t2, dwi = inputs.t2, parameters.dwi
        assert t2 is not None
        settings = settings_of(parameters, self._model_controls.trusted)

        def request() -> Request:
            series, chosen = b_values_for_run(slicer.mrmlScene, dwi, inputs, file_of_instance)
            return Request(t2, series, chosen, inputs.adc, settings)

        self._run_display.begin()
        self.runner.start(Order(request, parameters.t2.GetID(), "" if inputs.frames else dwi.GetID()))
        self._show_running(True)

    def _on_advanced(self, collapsed: bool) -> None:
        """The worker knows which devices there are: importing PyTorch into Slicer would take seconds."""
        if not collapsed and has_torch():
            self.runner.worker.start()

    def _on_end(self, outcome: Outcome) -> None:
        self._show_running(False)
        self._run_display.end(outcome.text)

    def _show_steps(self, result: ResultNodes) -> Generator[None, None, None]:
        """Show a new result."""
        open_now = self._parameters is not None  # another module may be shown by now
        if open_now:
            self._shown = result.segmentation.GetID()
        parameters = self._parameters or self._get_parameter_node()
        parameters.segmentation = result.segmentation
        yield
        for button in (self._ui.resultCollapsibleButton, self._ui.nodesCollapsibleButton):
            button.setProperty("collapsed", False)
            yield
        show_images(slicer.mrmlScene, result.t2, result.dwi)
        yield
        slicer.util.resetSliceViews()
        yield
        if open_now:
            for container, section in self._sections:
                container.setEnabled(True)
                section.show(result)
                yield

    def _show_running(self, running: bool) -> None:
        button = self._ui.applyButton
        button.setText(_("C&ancel") if running else _("&Apply"))
        button.setEnabled(running or self._inputs.usable)
        button.setToolTip(
            _("End the run; the scene stays as it is.")
            if running
            else texts.why_not(self._inputs.usable, self._inputs.text)
        )


def _name_items(combo_box: Any, names: dict[str, str]) -> None:
    """Give the items of a box, which the parameter node filled with its plain values, readable names."""
    for index, name in enumerate(names.values()):
        combo_box.setItemText(index, name)
