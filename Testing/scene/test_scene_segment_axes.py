"""Any segment is measured on its own voxels, as Slicer's Segment Statistics wants it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.segment_axes import measured_segment
from LymphNodeSegLib.scene.segmentation import add_segmentation
from LymphNodeSegLib.scene.volumes import add_volume

PIXEL_MM = 0.8
BALLS = (((15.1, 14.2, 18.0), 12.0), ((45.3, 30.4, 18.0), 7.0))  # center and diameter, mm


@pytest.fixture
def balls(scene, geometry: Geometry, labels_and_nodes):
    """Two balls of 12 and 7 mm on one grid, in a segmentation whose segments share a layer."""
    grid = Geometry((80, 60, 24), geometry.origin_lps_mm, (PIXEL_MM, PIXEL_MM, 1.5), geometry.direction_lps)
    k, j, i = np.indices(grid.size_ijk[::-1])
    points_mm = np.stack([i * PIXEL_MM, j * PIXEL_MM, k * 1.5])
    array = np.zeros(grid.size_ijk[::-1], np.uint16)
    for label, (center_mm, diameter_mm) in enumerate(BALLS, 1):
        offsets = points_mm - np.array(center_mm).reshape(3, 1, 1, 1)
        array[np.linalg.norm(offsets, axis=0) <= diameter_mm / 2] = label
    labels = Image(array, grid)
    nodes = [replace(node, mask=None) for node in labels_and_nodes(geometry, 2)[1]]
    t2 = add_volume(scene, labels, "T2", "T2")
    return add_segmentation(scene, labels, nodes, t2)


@pytest.mark.parametrize(("segment_id", "diameter_mm"), [("LN001", 12.0), ("LN002", 7.0)])
def test_a_ball_has_its_diameter_in_every_plane(balls, segment_id: str, diameter_mm: float):
    node = measured_segment(balls, segment_id)
    for measured in (node.short_axis_mm, node.long_axis_mm, node.axial_short_axis_mm):
        assert measured == pytest.approx(diameter_mm, abs=1.5 * PIXEL_MM)


def test_the_axes_lie_where_the_segment_lies(balls, geometry: Geometry):
    node = measured_segment(balls, "LN002")
    bounds_mm = np.zeros(6)
    balls.GetSegmentation().GetSegment("LN002").GetBounds(bounds_mm)
    low, high = bounds_mm[::2] - 1.0, bounds_mm[1::2] + 1.0
    for point in (*_ends(node.long_axis), *_ends(node.axial_short_axis), node.centroid_ras_mm):
        assert (low <= point).all()
        assert (point <= high).all()


def _ends(diameter):
    return diameter.start_ras_mm, diameter.end_ras_mm


def test_an_empty_segment_has_no_axes(balls):
    balls.GetSegmentation().AddEmptySegment("empty")
    assert measured_segment(balls, "empty") is None


def test_after_its_transform_was_hardened_a_turned_segment_has_the_same_axes(balls, scene):
    import vtk

    before = measured_segment(balls, "LN001")
    turn = vtk.vtkTransform()
    turn.RotateX(90.0)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    balls.SetAndObserveTransformNodeID(transform.GetID())
    balls.HardenTransform()
    after = measured_segment(balls, "LN001")
    assert after.short_axis_mm == pytest.approx(before.short_axis_mm, abs=1e-6)
    assert after.long_axis_mm == pytest.approx(before.long_axis_mm, abs=1e-6)
