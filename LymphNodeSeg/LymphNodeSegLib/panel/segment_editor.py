"""Slicer's Segment Editor as a part of the panel."""

from __future__ import annotations

from typing import Any, Callable, Optional

import qt
import slicer

from ..scene.result import ResultNodes
from .folding import fold

# What one needs to correct the outline of a node, in the order in which one needs it.
EFFECTS = ("Paint", "Erase", "Draw", "Scissors", "Smoothing", "Margin", "Islands", "Logical operators")
# Parts of the widget that the panel has already: the list of segments, undo and redo.
_DOUBLES = ("SegmentsTableResizableFrame", "UndoRedoGroupBox")
_NODE_TAG = "LymphNodeSeg"
_UNDO_STATES = 20
# What a panel of 400 pixels leaves for a tool's options, and what Slicer puts around them.
_OPTIONS_WIDTH, _AROUND_OPTIONS = 280, 60


class SegmentEditor:
    """Wraps ``qMRMLSegmentEditorWidget``, with an editor node of the panel's own.

    Args:
        layout: Where the widget goes.
        on_segment: Called with the segment that the user has chosen in the editor.
    """

    def __init__(self, layout: Any, on_segment: Callable[[str], None]) -> None:
        self._widget = slicer.qMRMLSegmentEditorWidget()
        widget = self._widget
        widget.setMaximumNumberOfUndoStates(_UNDO_STATES)
        widget.setSegmentationNodeSelectorVisible(False)
        widget.setSourceVolumeNodeSelectorVisible(False)
        widget.setSwitchToSegmentationsButtonVisible(False)
        widget.setAddRemoveSegmentButtonsVisible(False)
        widget.setSpecifyGeometryButtonVisible(False)
        widget.setEffectNameOrder(list(EFFECTS))
        widget.unorderedEffectsVisible = False
        widget.setAutoShowSourceVolumeNode(False)
        # Slicer lays a tool's options beside the tools, which makes a narrow panel wide.
        widget.setEffectColumnCount(len(EFFECTS) + 1)
        parts = {part.objectName: part for part in widget.layout().children()}
        parts["horizontalLayout"].setDirection(qt.QBoxLayout.TopToBottom)
        for name in _DOUBLES:
            slicer.util.findChild(widget, name).setVisible(False)
        self._narrow()
        widget.connect("currentSegmentIDChanged(QString)", on_segment)
        layout.addWidget(widget)

    def _narrow(self) -> None:
        """Keep the tools' options from making the panel wider: it would be with all its views drawn anew."""
        widget, least = self._widget, [int(self._widget.minimumSizeHint.width())]
        for name in EFFECTS:
            effect = widget.effectByName(name)
            if effect is not None and effect.optionsFrame().layout() is not None:
                fold(effect.optionsFrame().layout(), _OPTIONS_WIDTH)
                least.append(effect.optionsFrame().minimumSizeHint.width() + _AROUND_OPTIONS)
        # What they would like to have counts too, unless it is ignored.
        widget.setSizePolicy(qt.QSizePolicy.Ignored, widget.sizePolicy.verticalPolicy())
        widget.setMinimumWidth(max(least))

    def show(self, result: Optional[ResultNodes]) -> None:
        """Edit the segmentation of a result on its T2; None: nothing."""
        widget = self._widget
        if result is None:
            widget.setActiveEffect(None)
            widget.removeViewObservations()
            widget.uninstallKeyboardShortcuts()
            widget.setSegmentationNode(None)
            return
        widget.setMRMLSegmentEditorNode(_editor_node())
        widget.setMRMLScene(slicer.mrmlScene)
        widget.setSegmentationNode(result.segmentation)
        widget.setSourceVolumeNode(result.t2)
        widget.setupViewObservations()
        widget.installKeyboardShortcuts()

    def choose(self, segment_id: str) -> None:
        """Edit a segment."""
        self._widget.setCurrentSegmentID(segment_id)

    def pause(self) -> None:
        """Put the tool away, so that a click in a view does not paint."""
        self._widget.setActiveEffect(None)

    def save_state(self) -> None:
        """Let undo lead back to here."""
        self._widget.saveStateForUndo()

    def undo(self) -> None:
        """Take the last change back."""
        self._widget.undo()

    def redo(self) -> None:
        """Make it again."""
        self._widget.redo()


def _editor_node() -> slicer.vtkMRMLSegmentEditorNode:
    """The scene's node for the state of this editor; Slicer's module Segment Editor has its own."""
    node = slicer.mrmlScene.GetSingletonNode(_NODE_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(_NODE_TAG)
        node.SetSaveWithScene(False)
        node = slicer.mrmlScene.AddNode(node)
    return node
