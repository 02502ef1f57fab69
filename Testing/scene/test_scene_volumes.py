"""Images become MRML volumes and come back, in the same place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.scene.volumes import (
    add_volume,
    array_of_matrix,
    display_window,
    image_from_volume,
    vtk_matrix,
)


def test_volume_has_the_voxels_and_the_exact_ras_matrix(scene, ramp, geometry):
    import vtk

    image = ramp(geometry)
    node = add_volume(scene, image, "T2", "T2")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    expected = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.ijk_to_lps
    np.testing.assert_allclose(array_of_matrix(matrix), expected, atol=1e-12)
    i, j, k = 5, 3, 7
    assert node.GetImageData().GetScalarComponentAsDouble(i, j, k, 0) == image.array[k, j, i]


def test_file_that_slicer_writes_shows_the_same_place_in_simpleitk(scene, ramp, geometry, tmp_path: Path):
    """SimpleITK is the referee: it samples the written file at physical points of the original."""
    import slicer

    image = ramp(geometry)
    node = add_volume(scene, image, "T2", "T2")
    storage = slicer.vtkMRMLNRRDStorageNode()
    storage.SetFileName(str(tmp_path / "t2.nrrd"))
    assert storage.WriteData(node)
    written = sitk.ReadImage(str(tmp_path / "t2.nrrd"))
    for i, j, k in [(0, 0, 0), (23, 16, 8), (5, 3, 7)]:
        point = geometry.lps_from_ijk(np.array([i, j, k]))
        there = written.TransformPhysicalPointToContinuousIndex(point.tolist())
        np.testing.assert_allclose(there, np.round(there), atol=1e-6)
        assert written[tuple(round(n) for n in there)] == image.array[k, j, i]


def test_round_trip_keeps_geometry_and_voxels(scene, ramp, geometry):
    image = ramp(geometry)
    back = image_from_volume(add_volume(scene, image, "T2"))
    assert back.geometry.is_close(geometry, 1e-9)
    np.testing.assert_array_equal(back.array, image.array)


@pytest.mark.parametrize(
    "dtype", [bool, np.float16, np.int64, np.uint8, np.int16, np.uint16, np.float32, ">i2"]
)
def test_every_kind_of_voxel_keeps_its_value(scene, ramp, oblique, dtype):
    image = ramp(oblique)
    values = (image.array % 200).astype(dtype)
    back = image_from_volume(add_volume(scene, image.with_array(values), "X"))
    np.testing.assert_array_equal(back.array.astype(float), values.astype(float))


def test_scene_owns_its_voxels(scene, ramp, oblique):
    image = ramp(oblique)
    node = add_volume(scene, image, "T2")
    node.GetImageData().GetPointData().GetScalars().Fill(7)
    assert image.array.max() > 7


def test_what_was_read_from_the_scene_cannot_change_it(scene, ramp, oblique):
    back = image_from_volume(add_volume(scene, ramp(oblique), "T2"))
    with pytest.raises(ValueError, match="read-only"):
        back.array[0, 0, 0] = 1


def test_linear_parent_transform_moves_the_image(scene, ramp, oblique):
    node = add_volume(scene, ramp(oblique), "T2")
    # 90 degrees about S, then 10 mm to the right and 5 mm up.
    to_world = np.array(
        [[0.0, -1.0, 0.0, 10.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 5.0], [0.0, 0.0, 0.0, 1.0]]
    )
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(vtk_matrix(to_world))
    node.SetAndObserveTransformNodeID(transform.GetID())
    moved = image_from_volume(node).geometry
    right, anterior, superior = oblique.ijk_to_ras[:3, 3]
    np.testing.assert_allclose(moved.ijk_to_ras[:3, 3], [10.0 - anterior, right, superior + 5.0], atol=1e-9)
    np.testing.assert_allclose(moved.spacing_mm, oblique.spacing_mm, atol=1e-9)


def test_bending_and_shearing_transforms_are_refused(scene, ramp, oblique):
    import vtk

    node = add_volume(scene, ramp(oblique), "T2")
    shear = np.eye(4)
    shear[0, 1] = 0.3
    linear = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    linear.SetMatrixTransformToParent(vtk_matrix(shear))
    node.SetAndObserveTransformNodeID(linear.GetID())
    with pytest.raises(InputError, match="right angles"):
        image_from_volume(node)

    bspline = vtk.vtkThinPlateSplineTransform()
    bending = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    bending.SetAndObserveTransformToParent(bspline)
    node.SetAndObserveTransformNodeID(bending.GetID())
    with pytest.raises(InputError, match="non-linear"):
        image_from_volume(node)


def test_volume_without_image_is_refused(scene):
    with pytest.raises(InputError, match="holds no image"):
        image_from_volume(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty"))


def test_color_volume_is_refused(scene):
    import vtk

    data = vtk.vtkImageData()
    data.SetDimensions(4, 4, 4)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Color")
    node.SetAndObserveImageData(data)
    with pytest.raises(InputError, match="3 values per voxel"):
        image_from_volume(node)


def test_window_suits_the_tissue_and_not_the_outliers(scene, oblique):
    """Tissue from 100 to 600, a few hot voxels at 30000: the window ends near the tissue."""
    rng = np.random.default_rng(5)
    array = rng.uniform(100.0, 600.0, oblique.size_ijk[::-1]).astype(np.float32)
    array.reshape(-1)[:5] = 30000.0
    node = add_volume(scene, Image(array, oblique), "T2", "T2")
    display = node.GetDisplayNode()
    assert 90.0 < display.GetWindowLevelMin() < 150.0
    assert 550.0 < display.GetWindowLevelMax() < 650.0
    assert display.GetAutoWindowLevel() == 0


def test_window_of_adc_is_in_its_units_and_black_images_have_none():
    assert display_window(np.full((3, 3, 3), 1200.0), "ADC") == (0.0, 3000.0)
    assert display_window(np.zeros((3, 3, 3)), "T2") is None
    assert display_window(np.full((3, 3, 3), np.nan), "DWI") is None
