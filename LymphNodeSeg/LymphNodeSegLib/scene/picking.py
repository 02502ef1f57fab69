"""One point that the user sets in a view, with Slicer's own place mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from ..nodes.node import Point

if TYPE_CHECKING:
    import slicer

_SELECTION, _INTERACTION = "vtkMRMLSelectionNodeSingleton", "vtkMRMLInteractionNodeSingleton"
_KIND = "vtkMRMLMarkupsFiducialNode"


class PointPicker:
    """Waits for one click in a view. Esc, or any other mouse mode, ends it without a point.

    Args:
        scene: The scene.
        picked: Called with the point, or with None where none was set; once for each `start`. It is called in
            the middle of Slicer's own handling of the click: look at the point later.
    """

    def __init__(self, scene: slicer.vtkMRMLScene, picked: Callable[[Optional[Point]], None]) -> None:
        self._scene, self._picked = scene, picked
        self._markups: Any = None
        self._tags: list[tuple[Any, int]] = []

    @property
    def active(self) -> bool:
        """Whether a click is waited for."""
        return self._markups is not None

    def start(self) -> None:
        """Wait for a click."""
        import slicer

        self.stop()
        markups = self._scene.CreateNodeByClass(_KIND)
        markups.UnRegister(self._scene)
        markups.SetName("Missed node")
        markups.SetHideFromEditors(True)
        markups.SetSaveWithScene(False)
        self._scene.AddNode(markups)
        markups.CreateDefaultDisplayNodes()
        markups.GetDisplayNode().SetSaveWithScene(False)
        markups.GetDisplayNode().SetPointLabelsVisibility(False)
        self._markups = markups
        selection, interaction = map(self._scene.GetNodeByID, (_SELECTION, _INTERACTION))
        selection.SetReferenceActivePlaceNodeClassName(_KIND)
        selection.SetActivePlaceNodeID(markups.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        self._observe(markups, slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent, self._on_point)
        self._observe(interaction, slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, self._on_mode)

    def stop(self) -> None:
        """Wait no longer; `picked` is not called."""
        import slicer

        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags = []
        markups, self._markups = self._markups, None
        if markups is None:
            return
        interaction = self._scene.GetNodeByID(_INTERACTION)
        if interaction is not None and interaction.GetCurrentInteractionMode() == interaction.Place:
            interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
        for node in (markups, markups.GetDisplayNode()):
            if node is not None and self._scene.IsNodePresent(node):
                self._scene.RemoveNode(node)

    def _observe(self, observed: Any, event: int, callback: Callable[..., None]) -> None:
        self._tags.append((observed, observed.AddObserver(event, callback)))

    def _on_point(self, *_: Any) -> None:
        point = [0.0, 0.0, 0.0]
        self._markups.GetNthControlPointPositionWorld(0, point)
        r, a, s = point
        self._end((r, a, s))

    def _on_mode(self, interaction: Any, *_: Any) -> None:
        if interaction.GetCurrentInteractionMode() != interaction.Place:
            self._end(None)

    def _end(self, point: Optional[Point]) -> None:
        """Only look away: who placed the point is not done with its node yet."""
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags = []
        self._picked(point)
