"""What the slice views show: T2 with the registered DWI over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .volumes import volume_geometry

if TYPE_CHECKING:
    import slicer

# Name, letter, color and orientation of Slicer's three slice views.
SLICE_VIEWS = (
    ("Red", "R", (0.953, 0.290, 0.200), "Axial"),
    ("Green", "G", (0.431, 0.690, 0.294), "Coronal"),
    ("Yellow", "Y", (0.929, 0.835, 0.298), "Sagittal"),
)


def show_images(
    scene: slicer.vtkMRMLScene,
    t2: slicer.vtkMRMLVolumeNode,
    dwi: slicer.vtkMRMLVolumeNode,
    dwi_opacity: float = 0.0,
) -> None:
    """Show T2 in the background and DWI in the foreground of every slice view, in the planes of the T2."""
    set_layers(scene, t2.GetID(), dwi.GetID(), dwi_opacity)
    for node in _nodes(scene, "vtkMRMLSliceNode"):
        node.RotateToVolumePlane(t2)


def set_layers(scene: slicer.vtkMRMLScene, background: str, foreground: str, opacity: float) -> None:
    """Put volumes, by their node ids, into every slice view."""
    for node in _nodes(scene, "vtkMRMLSliceCompositeNode"):
        node.SetBackgroundVolumeID(background)
        node.SetForegroundVolumeID(foreground)
        node.SetForegroundOpacity(opacity)


def foreground(scene: slicer.vtkMRMLScene) -> tuple[str, float]:
    """Node id and opacity of what lies in the foreground of the slice views; "" for nothing."""
    nodes = _nodes(scene, "vtkMRMLSliceCompositeNode")
    if not nodes:
        return "", 0.0
    return nodes[0].GetForegroundVolumeID() or "", float(nodes[0].GetForegroundOpacity())


def jump_to(scene: slicer.vtkMRMLScene, ras_mm: Sequence[float]) -> None:
    """Center every slice view on a point."""
    for node in _nodes(scene, "vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*ras_mm)


def add_slice_views(scene: slicer.vtkMRMLScene, t2: slicer.vtkMRMLVolumeNode) -> None:
    """Give a scene without Slicer the nodes of the three slice views, so that it opens on its images.

    The views are centered on the T2 and show all of it.
    """
    import slicer

    corners_ras_mm = volume_geometry(t2).corners_lps_mm() * [-1.0, -1.0, 1.0]
    width_mm = float(np.ptp(corners_ras_mm, axis=0).max())
    for name, letter, color, orientation in SLICE_VIEWS:
        # Made by the scene, whose default slice node holds the orientations' presets.
        view = scene.CreateNodeByClass("vtkMRMLSliceNode")
        view.UnRegister(scene)
        view.SetName(name)
        view.SetLayoutName(name)
        view.SetLayoutLabel(letter)
        view.SetLayoutColor(*color)
        scene.AddNode(view)
        view.SetOrientation(orientation)
        view.RotateToVolumePlane(t2)
        view.SetFieldOfView(width_mm, width_mm, 1.0)
        view.JumpSliceByCentering(*corners_ras_mm.mean(axis=0).tolist())
        layers = slicer.vtkMRMLSliceCompositeNode()
        layers.SetName(name)
        layers.SetLayoutName(name)
        scene.AddNode(layers)


def _nodes(scene: slicer.vtkMRMLScene, kind: str) -> list[slicer.vtkMRMLNode]:
    return [scene.GetNthNodeByClass(n, kind) for n in range(scene.GetNumberOfNodesByClass(kind))]
