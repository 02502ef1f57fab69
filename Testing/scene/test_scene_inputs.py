"""What the panel says of the selected volumes."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.candidates import role_of_name
from LymphNodeSegLib.scene.inputs import examine, propose
from LymphNodeSegLib.scene.volumes import add_volume, fill_volume, vtk_matrix


@pytest.fixture
def pair(scene):
    """T2 and DWI of one place; the DWI covers the T2's upper half only."""
    rng = np.random.default_rng(3)
    t2 = Image(rng.uniform(0, 900, (20, 40, 40)), Geometry((40, 40, 20), spacing_mm=(1.0, 1.0, 3.0)))
    dwi = Image(rng.uniform(0, 90, (10, 20, 20)), Geometry((20, 20, 10), (0.5, 0.5, 30.0), (2.0, 2.0, 3.0)))
    return named(scene, t2, "t2_tse_tra"), named(scene, dwi, "ep2d_diff_b800")


def named(scene, image: Image, name: str):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    fill_volume(node, image)
    return node


def test_usable_pair_is_described(pair):
    inputs = examine(*pair, None)
    assert inputs.usable
    assert "axial, 1.00 x 1.00 x 3.00 mm, 40 x 40 x 20" in inputs.text
    assert "covers 50 % of the T2" in inputs.text
    assert "nodes outside it cannot be found" in inputs.text


def test_missing_choice_is_said(pair):
    assert examine(None, None, None).text == "Choose the T2-weighted volume."
    assert examine(pair[0], None, None).text == "Choose the diffusion-weighted volume."
    assert not examine(pair[0], None, None).usable


def test_same_volume_twice(pair):
    inputs = examine(pair[0], pair[0], None)
    assert not inputs.usable
    assert "same image" in inputs.text


def test_volumes_apart(scene, pair):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[0, 3] = 500.0
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    pair[1].SetAndObserveTransformNodeID(transform.GetID())
    inputs = examine(*pair, None)
    assert not inputs.usable
    assert "do not overlap" in inputs.text


def test_label_map(scene, pair):
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "mask")
    fill_volume(labels, Image(np.ones((20, 40, 40), np.uint8), Geometry((40, 40, 20))))
    assert "label map" in examine(pair[0], labels, None).text
    assert not examine(pair[0], labels, None).usable


def test_single_slice(scene, pair):
    flat = named(scene, Image(np.random.default_rng(0).uniform(size=(1, 9, 9)), Geometry((9, 9, 1))), "flat")
    assert "single slice" in examine(pair[0], flat, None).text


def test_volume_without_voxels(scene, pair):
    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    assert "holds no image" in examine(pair[0], empty, None).text


def test_proposal_by_name(scene, pair):
    rng = np.random.default_rng(4)
    other = Image(rng.uniform(size=(4, 5, 6)), Geometry((6, 5, 4), (5.0, 5.0, 40.0)))
    named(scene, other, "ep2d_diff_b50")
    adc = named(scene, other, "ep2d_diff_ADC")
    add_volume(scene, other, "DWI registered b1400", "DWI")  # a result, not an input
    assert propose(scene) == {"T2": pair[0], "DWI": pair[1], "ADC": adc}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("t2_tse_tra", "T2"),
        ("5: T2 FSE", "T2"),
        ("t2star", ""),
        ("T2 map", ""),
        ("dwi_b0800", "DWI"),
        ("ep2d_diff_tra_DYNDIST_ADC", "ADC"),
        ("eADC", ""),
        ("t1_vibe", ""),
        ("MRHead", ""),
    ],
)
def test_role_by_name(name, role):
    assert role_of_name(name) == role
