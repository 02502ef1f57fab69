"""Images as MRML volumes, and back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..errors import InputError
from ..images.image import Acquisition, Geometry, Image

if TYPE_CHECKING:
    import slicer
    import vtk

# What a volume is that we made; marks it as a result.
ROLE_ATTRIBUTE = "LymphNodeSeg.Role"
PROBABILITY = "probability"
_FIXED_WINDOWS = {"ADC": (0.0, 3000.0), PROBABILITY: (0.0, 1.0)}  # um2/s, none
# Share of voxels (percent) below the lower and above the upper end of the display window.
T2_WINDOW_PERCENTILES = (1.0, 99.5)
DWI_WINDOW_PERCENTILES = (5.0, 99.8)
# How Slicer's DICOM reader names the transform by which it makes up for unequal slice distances.
ACQUISITION_TRANSFORM = " acquisition transform"
MAX_VOXELS_FOR_WINDOW = 200_000
VOXELS_A_STEP = 2_000_000
Steps = Generator[None, None, None]
# Files and the segmentation logic know none of these.
_WIDENED = {"b": np.uint8, "float16": np.float32, "int64": np.float64, "uint64": np.float64}


def add_volume(
    scene: slicer.vtkMRMLScene, image: Image, name: str, role: str = ""
) -> slicer.vtkMRMLScalarVolumeNode:
    """Put an image into a scene, exactly where it lies in the patient.

    Args:
        scene: The scene.
        image: What to show; its voxels are copied once, so that the scene may be edited.
        name: Name of the node.
        role: "T2", "DWI" or "ADC" sets the display window; empty takes the image's own role.

    Returns:
        The node, with a display node.
    """
    node = new_volume(scene, name, role or image.acquisition.role)
    last_of(volume_steps(node, image))
    return node


def new_volume(scene: slicer.vtkMRMLScene, name: str, role: str) -> slicer.vtkMRMLScalarVolumeNode:
    """A volume without voxels, with a display node; `volume_steps` gives it its image."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    if role:
        node.SetAttribute(ROLE_ATTRIBUTE, role)
    return node


def volume_steps(node: slicer.vtkMRMLScalarVolumeNode, image: Image) -> Steps:
    """Give a new volume its display window and its voxels, in steps of some milliseconds."""
    window = display_window(image.array, node.GetAttribute(ROLE_ATTRIBUTE) or "")
    yield
    if window is not None:
        # Before there are voxels: Slicer's automatic window would take half a second to find.
        display = node.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(*window)
    yield from _fill_steps(node, image)


def fill_volume(node: slicer.vtkMRMLVolumeNode, image: Image) -> None:
    """Give a volume node the voxels and the geometry of an image; the voxels are copied once."""
    last_of(_fill_steps(node, image))


def _fill_steps(node: slicer.vtkMRMLVolumeNode, image: Image) -> Steps:
    import vtk
    from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

    source = image.array
    kind = _WIDENED.get(source.dtype.name, _WIDENED.get(source.dtype.kind, source.dtype.newbyteorder("=")))
    data = vtk.vtkImageData()
    data.SetDimensions(*image.geometry.size_ijk)
    data.AllocateScalars(get_vtk_array_type(np.dtype(kind)), 1)
    yield from copy_steps(vtk_to_numpy(data.GetPointData().GetScalars()).reshape(source.shape), source)
    node.SetIJKToRASMatrix(vtk_matrix(image.geometry.ijk_to_ras))
    node.SetAndObserveImageData(data)


def last_of(steps: Generator[None, None, Any]) -> Any:
    """Take all steps at once; returns what they lead to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def copy_steps(target: np.ndarray, source: np.ndarray) -> Steps:
    """Copy an array [k, j, i] in slabs of slices."""
    thickness = max(1, VOXELS_A_STEP // max(1, source[0].size)) if len(source) else 1
    for start in range(0, len(source), thickness):
        target[start : start + thickness] = source[start : start + thickness]
        yield


def image_from_volume(node: slicer.vtkMRMLVolumeNode, role: str = "") -> Image:
    """The image that a volume node shows, where it shows it.

    A linear parent transform is applied to the geometry. The array is a read-only view of the node's
    voxels: copy it if the node may change meanwhile.

    Raises:
        InputError: the node has no voxels, several components, or a transform that bends or shears it.
    """
    from vtk.util.numpy_support import vtk_to_numpy

    name = node.GetName()
    data = node.GetImageData()
    if data is None or data.GetNumberOfPoints() == 0 or data.GetPointData().GetScalars() is None:
        raise InputError(f"Volume '{name}' holds no image: load it again or choose another.")
    if data.GetNumberOfScalarComponents() != 1:
        raise InputError(
            f"Volume '{name}' has {data.GetNumberOfScalarComponents()} values per voxel: "
            "choose a volume with one (a single b-value)."
        )
    array = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(data.GetDimensions()[::-1])
    array.flags.writeable = False
    return Image(array, volume_geometry(node), Acquisition(role=role, description=name))


def volume_geometry(
    node: slicer.vtkMRMLVolumeNode,
    in_world: bool = True,
    placed_as: Optional[slicer.vtkMRMLVolumeNode] = None,
) -> Geometry:
    """Where a volume node's voxels lie.

    Args:
        node: The volume.
        in_world: With its parent transform applied; otherwise below it.
        placed_as: Another volume, whose parent transform is applied instead.

    Raises:
        InputError: the parent transform bends or shears the volume, or flattens it.
    """
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    transform = (placed_as or node).GetParentTransformNode() if in_world else None
    return _placed(array_of_matrix(matrix), node.GetImageData().GetDimensions(), node, transform)


def placed_in_world(geometry: Geometry, node: slicer.vtkMRMLVolumeNode) -> Geometry:
    """The grid of a node's DICOM files, where the node's parent transform puts it.

    The transform by which Slicer makes up for unequal slice distances is of no use for the files themselves.

    Raises:
        InputError: the parent transform bends or shears the grid, or flattens it.
    """
    transform = node.GetParentTransformNode()
    if transform is not None and ACQUISITION_TRANSFORM in transform.GetName():
        transform = transform.GetParentTransformNode()
    return _placed(geometry.ijk_to_ras, geometry.size_ijk, node, transform)


def _placed(
    ijk_to_ras: np.ndarray,
    size_ijk: tuple[int, int, int],
    node: slicer.vtkMRMLVolumeNode,
    transform: Optional[slicer.vtkMRMLTransformNode],
) -> Geometry:
    import vtk

    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            raise InputError(
                f"Volume '{node.GetName()}' is under a non-linear transform: harden the transform first."
            )
        matrix = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToWorld(matrix)
        ijk_to_ras = array_of_matrix(matrix) @ ijk_to_ras
    geometry = geometry_from_ras(ijk_to_ras, size_ijk)
    if geometry is None:
        raise InputError(
            f"The axes of volume '{node.GetName()}' are not at right angles: "
            "harden its transform, which resamples it, or choose another volume."
        )
    return geometry


def geometry_from_ras(ijk_to_ras: np.ndarray, size_ijk: tuple[int, int, int]) -> Optional[Geometry]:
    """The geometry of a 4x4 IJK-to-RAS matrix; None if its axes are not at right angles."""
    ijk_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras
    spacing = np.linalg.norm(ijk_to_lps[:3, :3], axis=0)
    if not spacing.min() > 0.0:
        return None
    direction = ijk_to_lps[:3, :3] / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-3:
        return None
    return Geometry(
        tuple(int(n) for n in size_ijk),  # type: ignore[arg-type]
        tuple(ijk_to_lps[:3, 3].tolist()),
        tuple(spacing.tolist()),
        tuple(direction.ravel().tolist()),
    )


def display_window(array: np.ndarray, role: str) -> Optional[tuple[float, float]]:
    """Lower and upper end of the gray scale that suits an image; None for a role without a rule.

    T2 is shown from fat to air without the brightest vessels and bladder; DWI is dark but for what
    restricts diffusion; ADC has a scale of its own. Voxels of value 0 outside the field of view don't count.
    """
    if role in _FIXED_WINDOWS:
        return _FIXED_WINDOWS[role]
    percentiles = {"T2": T2_WINDOW_PERCENTILES, "DWI": DWI_WINDOW_PERCENTILES}.get(role)
    if percentiles is None:
        return None
    step = max(1, array.size // MAX_VOXELS_FOR_WINDOW)
    values = array.reshape(-1)[::step].astype(np.float32)
    values = values[np.isfinite(values) & (values != 0.0)]
    if values.size == 0:
        return None
    low, high = np.percentile(values, percentiles)
    return (float(low), float(high)) if high > low else None


def vtk_matrix(matrix: np.ndarray) -> vtk.vtkMatrix4x4:
    """A 4x4 array as VTK holds it."""
    import vtk

    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, dtype=float).ravel().tolist())
    return result


def array_of_matrix(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """VTK's matrix as a 4x4 array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
