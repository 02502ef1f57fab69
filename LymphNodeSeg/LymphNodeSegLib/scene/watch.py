"""Who edits the segmentation of a result, and when: any event of it, told in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from .result import ResultNodes

if TYPE_CHECKING:
    import vtk


class Watch:
    """Calls back whenever the segments of a result, their display or the place of its T2 may have changed.

    Args:
        result: The result.
        changed: Called in the middle of what changes it: take note, and look later.
    """

    def __init__(self, result: ResultNodes, changed: Callable[[], None]) -> None:
        import slicer

        segmentation, kinds = result.segmentation, slicer.vtkSegmentation
        self._changed = changed
        self._observed: list[tuple[vtk.vtkObject, int]] = []
        for event in (
            kinds.SourceRepresentationModified,
            kinds.SegmentAdded,
            kinds.SegmentRemoved,
            kinds.SegmentModified,
            kinds.SegmentsOrderModified,
            slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent,
            slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
        ):
            self._observe(segmentation, event)
        self._observe(result.t2, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)

    def close(self) -> None:
        """Look away."""
        for observed, tag in self._observed:
            observed.RemoveObserver(tag)
        self._observed = []

    def _observe(self, observed: vtk.vtkObject, event: int) -> None:
        self._observed.append((observed, observed.AddObserver(event, self._on_event)))

    def _on_event(self, *_: Any) -> None:
        self._changed()
