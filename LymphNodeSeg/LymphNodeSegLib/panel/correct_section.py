"""Editing, adding, splitting, merging and deleting nodes."""

from __future__ import annotations

from typing import Any, Callable, Optional

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..nodes.node import Point
from ..scene.corrections import Corrections
from ..scene.picking import PointPicker
from ..scene.result import ResultNodes
from .section import Services, fill, say
from .segment_editor import SegmentEditor


class CorrectSection:
    """See `section.Section`.

    Args:
        container: See there.
        services: See there.
        make_editor: Makes Slicer's Segment Editor in a layout; see `segment_editor.SegmentEditor`.
    """

    def __init__(
        self,
        container: Any,
        services: Services,
        make_editor: Callable[[Any, Callable[[str], None]], Any] = SegmentEditor,
    ) -> None:
        self._ui = fill(container, services, "CorrectSection.ui")
        self._model, self._make_editor = services.nodes, make_editor
        self._editor: Any = None
        self._corrections: Optional[Corrections] = None
        self._picker: Optional[PointPicker] = None
        self._point: Optional[Point] = None
        self._quiet = False
        # A click is taken up when Slicer is done with it.
        self._later = qt.QTimer()
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._on_later)
        self._opening = qt.QTimer()
        self._opening.setSingleShot(True)
        self._opening.timeout.connect(self._open_editor)
        ui = self._ui
        ui.addButton.toggled.connect(self._on_add)
        ui.newButton.clicked.connect(lambda *_: self._do(self._new))
        ui.splitButton.clicked.connect(lambda *_: self._do(self._split))
        ui.mergeButton.clicked.connect(lambda *_: self._do(self._merge))
        ui.deleteButton.clicked.connect(lambda *_: self._do(self._delete))
        ui.undoButton.clicked.connect(lambda *_: self._do(lambda: self._editor.undo()))
        ui.redoButton.clicked.connect(lambda *_: self._do(lambda: self._editor.redo()))
        self._model.follow(self._on_rows, self._on_chosen)
        container.contentsCollapsed.connect(lambda *_: self._open_editor())
        self._container = container

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""
        self._stop_picking()
        self._model.show(result)
        nodes = self._model.nodes
        self._corrections = self._picker = None
        if nodes is None and self._editor is not None:
            self._editor.show(None)
        # While a scene is being read, the editor's own selectors do not know its nodes yet.
        self._opening.start(0)
        self._tell("")
        self._on_rows()

    def _open_editor(self) -> None:
        """Make the editor ready when the section is open: it takes a while, and is not needed before."""
        nodes = self._model.nodes
        if nodes is None or self._corrections is not None or self._container.property("collapsed"):
            return
        if self._editor is None:
            self._editor = self._make_editor(self._ui.editorContainer.layout(), self._on_segment)
        self._editor.show(nodes.result)
        self._corrections = Corrections(nodes, self._editor.save_state)
        self._picker = PointPicker(slicer.mrmlScene, self._on_picked)
        self._on_rows()
        self._on_chosen(False)

    def close(self) -> None:
        """See `section.Section`."""
        self._later.stop()
        self._opening.stop()
        self._stop_picking()
        self._corrections = self._picker = None
        if self._editor is not None:
            self._editor.show(None)
        self._on_rows()

    def _on_rows(self) -> None:
        there, chosen = self._corrections is not None, len(self._model.chosen)
        ui = self._ui
        for button in (ui.addButton, ui.newButton, ui.undoButton, ui.redoButton):
            button.setEnabled(there)
        ui.splitButton.setEnabled(there and chosen == 1)
        ui.mergeButton.setEnabled(there and chosen > 1)
        ui.deleteButton.setEnabled(there and chosen > 0)

    def _on_chosen(self, _go: bool) -> None:
        self._on_rows()
        if self._editor is not None and self._corrections is not None and len(self._model.chosen) == 1:
            self._quiet = True
            self._editor.choose(self._model.chosen[0])
            self._quiet = False

    def _on_segment(self, segment_id: str) -> None:
        """Another segment was chosen in the editor itself."""
        if not self._quiet and self._corrections is not None and segment_id:
            self._model.choose([segment_id], go=False)

    def _on_add(self, pressed: bool) -> None:
        if self._picker is None or bool(pressed) == self._picker.active:
            return
        if pressed:
            self._editor.pause()
            self._picker.start()
            self._tell(_("Click on the missed node in a slice view."))
        else:
            self._stop_picking()
            self._tell("")

    def _on_picked(self, point: Optional[Point]) -> None:
        self._point = point
        self._later.start(0)

    def _on_later(self) -> None:
        point, self._point = self._point, None
        self._stop_picking()
        self._tell("")
        if point is not None:
            self._do(lambda: self._add(point))

    def _stop_picking(self) -> None:
        if self._picker is not None:
            self._picker.stop()
        self._ui.addButton.setChecked(False)

    def _add(self, point: Point) -> None:
        assert self._corrections is not None
        there = self._model.nodes.at(point) if self._model.nodes is not None else None
        if there is not None:
            self._model.choose([there.segment_id], go=False)
        self._show([self._corrections.add(point)])

    def _new(self) -> None:
        assert self._corrections is not None
        self._show([self._corrections.begin()])

    def _split(self) -> None:
        assert self._corrections is not None
        whole = self._model.chosen[0]
        self._show([whole, self._corrections.split(whole)])

    def _merge(self) -> None:
        assert self._corrections is not None
        self._show([self._corrections.merge(self._model.chosen)])

    def _delete(self) -> None:
        assert self._corrections is not None
        self._corrections.delete(self._model.chosen)
        self._show([])

    def _show(self, segment_ids: list[str]) -> None:
        # Measured at once: names and colors that are put right after the next correction would be an edit.
        while self._model.look():
            if not any(row.waiting for row in self._model.rows() if row.segment_id in segment_ids):
                break
        self._model.update()
        self._model.choose(segment_ids, go=False)

    def _do(self, what: Callable[[], None]) -> None:
        """Do something, and say why where it can't be done."""
        self._tell("")
        try:
            what()
        except (InputError, RuntimeError) as error:
            self._tell(str(error))

    def _tell(self, text: str) -> None:
        say(self._ui.correctLabel, text)
        self._ui.correctLabel.setVisible(bool(text))
