"""Nodes become segments."""

from __future__ import annotations

import time

import numpy as np
import pytest
from LymphNodeSegLib.colors import SIZE_CLASS_COLORS, color_of
from LymphNodeSegLib.scene.segmentation import add_segmentation
from LymphNodeSegLib.scene.volumes import add_volume


def test_each_segment_covers_its_node(scene, ramp, labels_and_nodes, geometry):
    import slicer

    labels, nodes = labels_and_nodes(geometry, 12)
    t2 = add_volume(scene, ramp(geometry), "T2", "T2")
    # The order in which nodes are handed over must not matter.
    segmentation = add_segmentation(scene, labels, nodes[::-1], t2)
    slicer.mrmlScene = scene
    for node in nodes:
        inside = np.zeros(labels.array.shape, np.uint8)
        value = segmentation.GetSegmentation().GetSegment(node.id).GetLabelValue()
        layer = slicer.util.arrayFromSegmentInternalBinaryLabelmap(segmentation, node.id)
        extent = (
            segmentation.GetSegmentation()
            .GetSegment(node.id)
            .GetRepresentation("Binary labelmap")
            .GetExtent()
        )
        inside[extent[4] : extent[5] + 1, extent[2] : extent[3] + 1, extent[0] : extent[1] + 1] = (
            layer == value
        )
        np.testing.assert_array_equal(inside.astype(bool), labels.array == node.label)


def test_labels_and_nodes_that_do_not_belong_together_are_a_defect(scene, ramp, labels_and_nodes, oblique):
    labels, nodes = labels_and_nodes(oblique, 3)
    t2 = add_volume(scene, ramp(oblique), "T2", "T2")
    with pytest.raises(ValueError, match="label"):
        add_segmentation(scene, labels, nodes[:2], t2)
    without_second = labels.with_array(np.where(labels.array == 2, 0, labels.array))
    with pytest.raises(ValueError, match="label"):
        add_segmentation(scene, without_second, nodes, t2)
    assert scene.GetFirstNodeByClass("vtkMRMLSegmentationNode") is None


def test_sixty_nodes_take_a_fraction_of_a_second(scene, sixty_nodes):
    labels, nodes = sixty_nodes
    t2 = add_volume(scene, labels, "T2", "T2")
    began = time.process_time()
    add_segmentation(scene, labels, nodes, t2)
    assert time.process_time() - began < 1.0


# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
COLOR_VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


@pytest.mark.parametrize("vision", sorted(COLOR_VISION))
def test_size_classes_are_told_apart_by_every_eye(vision):
    from skimage.color import deltaE_ciede2000, rgb2lab

    rgb = np.array(list(SIZE_CLASS_COLORS.values())) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ COLOR_VISION[vision].T, 0.0, 1.0)
    seen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[None])[0]
    for first in range(3):
        for second in range(first):
            assert deltaE_ciede2000(lab[first], lab[second]) > 20.0


def test_a_node_without_a_class_has_slicers_own_color():
    assert color_of("") == (68, 172, 100)
    assert color_of("target") == SIZE_CLASS_COLORS["target"]


def test_slicer_reads_the_terminology_as_lymph_node():
    """The referee is Slicer's own terminology logic."""
    import slicer
    from LymphNodeSegLib.scene.segmentation import LYMPH_NODE_TERMINOLOGY

    logic, entry = slicer.vtkSlicerTerminologiesModuleLogic(), slicer.vtkSlicerTerminologyEntry()
    assert logic.DeserializeTerminologyEntry(LYMPH_NODE_TERMINOLOGY, entry)
    category, kind = entry.GetCategoryObject(), entry.GetTypeObject()
    assert (category.GetCodingSchemeDesignator(), category.GetCodeValue()) == ("SCT", "85756007")
    assert (kind.GetCodingSchemeDesignator(), kind.GetCodeValue()) == ("SCT", "59441001")
