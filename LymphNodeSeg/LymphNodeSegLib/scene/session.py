"""A MRML scene that is ready for use, in Slicer or without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    import slicer

# What registers the node classes that our scenes hold, and thereby what an .mrb may bring back.
_MODULE_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
}


class Session:
    """A MRML scene on slicer-core with the application and module logics it needs.

    Keep the session as long as its scene is used.

    Attributes:
        scene: The scene, with color nodes, node classes and slice presets in place.
    """

    def __init__(self) -> None:
        import slicer
        import vtk

        self.scene: slicer.vtkMRMLScene = slicer.vtkMRMLScene()
        self._application = slicer.vtkSlicerApplicationLogic()
        self._application.SetMRMLScene(self.scene)
        colors = self._application.GetColorLogic()
        colors.SetMRMLScene(self.scene)
        colors.AddDefaultColorNodes()
        self._application.SetSliceLogics(vtk.vtkCollection())
        self._application.SetViewLogics(vtk.vtkCollection())
        self._logics = [
            self._add_logic(name, getattr(slicer, kind)()) for name, kind in _MODULE_LOGICS.items()
        ]
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        # Reading an .mrb goes through the data manager that this logic puts into the scene.
        self._remote_io = slicer.vtkMRMLRemoteIOLogic()
        self._remote_io.SetMRMLScene(self.scene)
        self._remote_io.AddDataIOToScene()

    def _add_logic(self, name: str, logic: Any) -> Any:
        logic.SetMRMLScene(self.scene)
        logic.SetMRMLApplicationLogic(self._application)
        self._application.SetModuleLogic(name, logic)
        return logic


_shared: Optional[Session] = None


def headless_scene() -> slicer.vtkMRMLScene:
    """The scene to work in: Slicer's own inside Slicer, otherwise one made on slicer-core.

    On slicer-core the same scene is handed out for the whole process, and is ``slicer.mrmlScene``, so that
    the array functions of ``slicer.util`` work on it.
    """
    global _shared
    import slicer

    if in_slicer():
        return slicer.mrmlScene
    if _shared is None:
        _shared = Session()
        slicer.mrmlScene = _shared.scene
    return _shared.scene


def in_slicer() -> bool:
    """Whether this process is the Slicer application, and not slicer-core."""
    import slicer

    return getattr(slicer, "app", None) is not None
