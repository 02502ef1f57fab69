"""Which volumes of a scene are T2, DWI and ADC: by DICOM, by name, by contrast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.images.study import load_study, scan_study
from LymphNodeSegLib.images.volume import load_series
from LymphNodeSegLib.scene.candidates import candidate_of, candidates, role_of_contrast
from LymphNodeSegLib.scene.inputs import b_values_for_run, examine, propose
from LymphNodeSegLib.scene.volumes import fill_volume, vtk_matrix


class Database:
    """Volumes as Slicer's DICOM module loads them, and its database's answer."""

    def __init__(self, scene) -> None:
        self._scene, self._files = scene, {}

    def load(self, series, b_value, name: str):
        image = load_series(series, b_value)
        node = self._scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        fill_volume(node, image)
        node.SetAttribute("DICOM.instanceUIDs", " ".join(map(self.know, image.acquisition.source_files)))
        return node

    def know(self, path) -> str:
        uid = f"1.2.{len(self._files)}"
        self._files[uid] = str(path)
        return uid

    def file_of(self, uid: str) -> str:
        return self._files.get(uid, "")


@pytest.fixture
def loaded(scene, prostatex):
    """The whole study, each b-value a volume, with names that tell nothing."""
    database, nodes = Database(scene), {}
    for series in scan_study(prostatex):
        for volume in series.usable:
            name = f"Volume_{len(nodes)}"
            nodes[series.uid, volume.b_value] = database.load(series, volume.b_value, name)
    return database, nodes


def test_a_real_study_is_told_by_its_headers_as_on_the_command_line(scene, prostatex, loaded):
    database, _ = loaded
    expected = load_study(prostatex)
    chosen = propose(scene, database.file_of)
    for role, image in (("T2", expected.t2), ("DWI", expected.dwi), ("ADC", expected.adc)):
        known = candidate_of(chosen[role], database.file_of)
        assert known.series.uid == image.acquisition.series_uid
        assert known.series.volumes[0].b_value == image.acquisition.b_value_s_mm2 or role == "ADC"


def test_a_run_gets_what_the_command_line_gets(scene, prostatex, loaded):
    database, _ = loaded
    expected = load_study(prostatex)
    chosen = propose(scene, database.file_of)
    inputs = examine(chosen["T2"], chosen["DWI"], chosen["ADC"], file_of_instance=database.file_of)
    assert inputs.usable, inputs.text
    series, n = b_values_for_run(scene, chosen["DWI"], inputs, database.file_of)
    assert [one.acquisition.b_value_s_mm2 for one in series] == [
        one.acquisition.b_value_s_mm2 for one in expected.dwi_series
    ]
    for one, other in zip(series, expected.dwi_series):
        np.testing.assert_array_equal(one.array, other.array)
        # Read from a matrix of Slicer's on one way: equal but for rounding.
        assert one.acquisition.phase_encoding_lps == pytest.approx(
            other.acquisition.phase_encoding_lps, abs=1e-12
        )
    np.testing.assert_array_equal(series[n].array, expected.dwi.array)


def test_a_transform_turns_the_phase_encoding_along(scene, loaded):
    database, _ = loaded
    node = propose(scene, database.file_of)["DWI"]
    before = candidate_of(node, database.file_of).acquisition(0).phase_encoding_lps
    turn = np.eye(4)
    turn[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(vtk_matrix(turn))
    node.SetAndObserveTransformNodeID(transform.GetID())
    after = candidate_of(node, database.file_of).acquisition(0).phase_encoding_lps
    lps = np.diag([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(after, lps @ turn[:3, :3] @ lps @ before, atol=1e-6)


def test_a_wrong_choice_is_doubted(scene, loaded):
    database, _ = loaded
    chosen = propose(scene, database.file_of)
    text = examine(chosen["DWI"], chosen["ADC"], None, file_of_instance=database.file_of).text
    assert f"'{chosen['DWI'].GetName()}' looks like DWI, not like T2." in text
    assert f"'{chosen['ADC'].GetName()}' looks like ADC map, not like DWI." in text


def test_without_headers_and_names_the_contrast_tells(scene, loaded):
    """The database is gone, and the names tell nothing: which of the b-values is not known then."""
    database, nodes = loaded
    for node in nodes.values():
        node.SetAttribute("DICOM.instanceUIDs", None)
    by_node = {id(node): key for key, node in nodes.items()}
    with_headers = load_study_roles(database, nodes)
    chosen = propose(scene)
    assert {with_headers[by_node[id(node)]] for node in chosen.values()} == {"T2", "DWI", "ADC"}
    assert all(with_headers[by_node[id(node)]] == role for role, node in chosen.items())


def load_study_roles(database, nodes):
    from LymphNodeSegLib.images.reader import read_slices
    from LymphNodeSegLib.images.roles import role_of

    files = list(database._files.values())
    roles = {}
    for path in files:
        from pathlib import Path

        (piece,) = read_slices(Path(path))
        roles[piece.file.series_uid] = role_of([piece]).role
    return {key: roles[key[0]] for key in nodes}


@pytest.mark.parametrize("seed", [3, 8])
def test_contrast_of_phantoms(seed):
    from LymphNodeSegLib.phantom import make_phantom

    phantom = make_phantom(seed)
    assert role_of_contrast(phantom.t2.array, phantom.t2.geometry) == "T2"
    assert role_of_contrast(phantom.adc.array, phantom.adc.geometry) == "ADC"
    for image in phantom.dwi_series:
        assert role_of_contrast(image.array, image.geometry) == "DWI"


def test_volumes_that_are_hidden_empty_or_results_are_no_candidates(scene):
    for name in ("t2", "dwi"):
        scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    assert candidates(scene, lambda uid: "") == []
    assert propose(scene) == {}


def test_b_values_that_slicer_stacked_into_one_volume_are_taken_apart(scene, prostatex):
    """What Slicer's reader makes of a series of three b-values: 57 slices, three at each place."""
    database = Database(scene)
    (series,) = [one for one in scan_study(prostatex) if len(one.usable) > 1]
    volumes = [load_series(series, one.b_value) for one in series.usable]
    stacked = np.stack([image.array for image in volumes], axis=1).reshape(57, *volumes[0].array.shape[1:])
    thin = replace(volumes[0].geometry, size_ijk=stacked.shape[::-1], spacing_mm=(2.0, 2.0, 1.0))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "6: ep2d_diff_tra_DYNDIST")
    fill_volume(node, Image(stacked, thin))
    files = [path for slices in zip(*(one.acquisition.source_files for one in volumes)) for path in slices]
    node.SetAttribute("DICOM.instanceUIDs", " ".join(database.know(path) for path in files))
    regularized = scene.AddNewNodeByClass(
        "vtkMRMLGridTransformNode", f"{node.GetName()} acquisition transform"
    )
    node.SetAndObserveTransformNodeID(regularized.GetID())
    for other in scan_study(prostatex):
        if other.role in ("T2", "ADC") or other.computed:
            database.load(other, None, other.description)
    chosen = propose(scene, database.file_of)
    assert chosen["DWI"] is node  # measured, and not the computed one
    inputs = examine(chosen["T2"], node, chosen["ADC"], file_of_instance=database.file_of)
    assert [frame.b_value_s_mm2 for frame in inputs.frames] == [50.0, 400.0, 800.0]
    assert "DWI at b = 800 s/mm2" in inputs.text
    found, n = b_values_for_run(scene, node, inputs, database.file_of)
    for one, expected in zip(found, volumes):
        np.testing.assert_array_equal(one.array, expected.array)
        assert one.geometry.is_close(expected.geometry)
        assert one.acquisition.phase_encoding_lps == expected.acquisition.phase_encoding_lps
    assert found[n].acquisition.b_value_s_mm2 == 800.0
