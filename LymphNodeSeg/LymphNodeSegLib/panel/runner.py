"""Runs: images handed to the worker, what it found taken into the scene; or nothing at all."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Optional

import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..scene.rerun import removal_of_superseded_steps
from ..scene.result import ResultData, ResultNodes, result_steps
from ..scene.run_facts import RunFacts, set_facts
from ..worker_files import Request, WorkerResult, read_result, write_request_steps
from .paused_views import with_views_paused
from .run_state import Event, Outcome, RunState
from .stepper import Stepper
from .temporary import new_folder
from .worker_process import WorkerProcess


@dataclass(frozen=True)
class Order:
    """What to run on.

    Attributes:
        request: Gives the images and the settings; may raise InputError.
        t2_id: The T2's node.
        dwi_id: The DWI's node; empty where it holds several b-values, of which one is put into the scene.
    """

    request: Callable[[], Request]
    t2_id: str
    dwi_id: str


@dataclass
class _Run:
    order: Order
    folder: Path
    state: RunState
    request: Optional[Request] = None
    stepper: Optional[Stepper] = None
    computing: bool = False
    complete: bool = False


class Runner:
    """One run at a time. Never blocks; calls back on the GUI thread.

    Args:
        on_change: Called with the run's state and a new line of its log (may be empty) when something
            happened.
        show: Shows a result that is in the scene, in steps of some milliseconds; the run ends with them.
        on_end: Called once for each run, with its outcome.
        on_ready: Called when the worker is warm and knows its devices.
    """

    def __init__(
        self,
        on_change: Callable[[RunState, str], None],
        show: Callable[[ResultNodes], Generator[None, None, None]],
        on_end: Callable[[Outcome], None],
        on_ready: Callable[[Sequence[str]], None] = lambda devices: None,
    ) -> None:
        self._on_change, self._show = on_change, show
        self._on_end, self._on_ready = on_end, on_ready
        self._run: Optional[_Run] = None
        self.worker = WorkerProcess(self._on_event, self._on_death)

    @property
    def running(self) -> bool:
        """Whether a run is on."""
        return self._run is not None

    @property
    def t2_id(self) -> str:
        """The T2 that the run is on; empty if none is."""
        return self._run.order.t2_id if self._run is not None else ""

    def start(self, order: Order) -> None:
        """Begin a run.

        Raises:
            OSError: there is no place for its files.
        """
        folder = new_folder()
        self._run = _Run(order, folder, RunState())
        self._run.stepper = Stepper(self._hand_over(self._run), self._handed_over)
        self._on_change(self._run.state, "")

    def cancel(self, outcome: Optional[Outcome] = None) -> None:
        """End the run now: `on_end` is called before this returns, and the scene is as it was.

        Once the result is complete in the scene there is nothing to cancel: it is shown, and the run is over.

        Args:
            outcome: What to say; by default that the user cancelled.
        """
        if self._run is not None and not self._run.complete:
            if self._run.computing:
                self.worker.stop()
            self._end(outcome or Outcome("cancelled", _("Cancelled.")))

    def close(self) -> None:
        """End the run and the worker; the scene closes, or Slicer does."""
        self.cancel()
        if self._run is not None:
            self._end(Outcome("done"))
        self.worker.stop()

    def _hand_over(self, run: _Run) -> Generator[None, None, None]:
        yield  # the button says Cancel by now
        self.worker.start()  # it warms up while the images are handed over
        yield
        run.request = run.order.request()
        yield
        yield from write_request_steps(run.folder, run.request)

    def _handed_over(self, _value: object, error: Optional[Exception]) -> None:
        assert self._run is not None
        try:
            if error is not None:
                raise error
            self.worker.submit(self._run.folder)
            self._run.computing = True
        except InputError as reason:
            self._end(Outcome("input", str(reason)))
        except Exception as reason:
            text = _("The images could not be handed to the worker: {reason}").format(reason=reason)
            self._end(Outcome("input", text))

    def _on_event(self, event: Event) -> None:
        if event["event"] == "ready":
            self._on_ready(self.worker.devices)
        run = self._run
        if run is None or run.state.outcome is not None:
            return
        line = run.state.take(event)
        self._on_change(run.state, line)
        if run.state.outcome is None or run is not self._run:
            return
        run.computing = False
        if run.state.outcome.done:
            run.stepper = Stepper(with_views_paused(self._take_in(run)), self._taken_in)
        else:
            if run.state.outcome.reason != "input":
                self.worker.stop()
            self._end(run.state.outcome)

    def _on_death(self, exit_code: int, crashed: bool) -> None:
        run = self._run
        if run is None or run.state.outcome is not None:  # what was found can be taken in without it
            return
        if exit_code == -1 and not crashed:
            text = _("Slicer's Python could not be started: see Slicer's error log.")
            self._end(Outcome("died", text))
        else:
            self._end(run.state.died(exit_code, crashed))

    def _take_in(self, run: _Run) -> Generator[None, None, None]:
        """Put what was found into the scene; nothing of it stays if the T2 goes meanwhile."""
        found = read_result(run.folder)
        scene, request = slicer.mrmlScene, run.request
        assert request is not None
        before: Any = request.dwi_series[request.chosen]
        if run.order.dwi_id:
            before = scene.GetNodeByID(run.order.dwi_id)
        data = ResultData(
            labels=found.labels,
            nodes=found.nodes,
            dwi=found.dwi,
            adc=found.adc,
            probability=found.probability,
            dwi_before=before,
        )
        result: ResultNodes = yield from result_steps(scene, scene.GetNodeByID(run.order.t2_id), data)
        set_facts(result.segmentation, _facts(request, found))
        yield
        run.complete = True
        yield from self._show(result)
        # Afterwards: the panel would follow the removal of what it shows.
        yield from removal_of_superseded_steps(scene, result)

    def _taken_in(self, _value: object, error: Optional[Exception]) -> None:
        if error is None:
            self._end(Outcome("done"))
        else:
            text = _("The result could not be read: {error}").format(error=error)
            self._end(Outcome("defect", text))

    def _end(self, outcome: Outcome) -> None:
        run, self._run = self._run, None
        assert run is not None
        if run.stepper is not None:
            run.stepper.stop()
        shutil.rmtree(run.folder, ignore_errors=True)
        self._on_end(outcome)


def _facts(request: Request, found: WorkerResult) -> RunFacts:
    return RunFacts(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        settings=request.settings,
        verdict=found.verdict,
        model=found.model,
        model_sha256=found.model_sha256,
        model_card=found.model_card,
        device=found.device,
        warnings=found.warnings,
        seconds=found.seconds,
        b_value_s_mm2=request.dwi_series[request.chosen].acquisition.b_value_s_mm2,
    )
