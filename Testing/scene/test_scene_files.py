"""The files of a result that Slicer opens, read by others than their writer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.images.image import Image, geometry_of
from LymphNodeSegLib.scene import write_scene_files

# Runs in a process of its own: a scene that has nothing to do with the one that wrote the file.
READ_SCENE = """
import json, sys
import numpy as np
from LymphNodeSegLib.scene.session import Session
from LymphNodeSegLib.scene.volumes import image_from_volume
import slicer, vtk
def first(kind, name):
    return scene.GetFirstNode(name, kind)
def path(node):
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item, names = tree.GetItemByDataNode(node), []
    while item and item != tree.GetSceneItemID():
        names.append(tree.GetItemName(item))
        item = tree.GetItemParent(item)
    return names[::-1]
def segment(node, id):
    s = node.GetSegmentation().GetSegment(id)
    tag = vtk.mutable("")
    s.GetTag("TerminologyEntry", tag)
    return {"id": id, "name": s.GetName(), "color": s.GetColor(), "terminology": str(tag)}
def content():
    t2, dwi = first("vtkMRMLScalarVolumeNode", "T2"), first("vtkMRMLScalarVolumeNode", "DWI registered")
    segmentation = first("vtkMRMLSegmentationNode", "Lymph nodes")
    table = first("vtkMRMLTableNode", "Lymph node measurements").GetTable()
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    segments = segmentation.GetSegmentation()
    ids = [segments.GetNthSegmentID(n) for n in range(segments.GetNumberOfSegments())]
    study = tree.GetItemParent(tree.GetItemByDataNode(t2))
    return {
        "t2": image_from_volume(t2).geometry.corners_lps_mm().tolist(),
        "dwi_mean": float(image_from_volume(dwi).array.mean()),
        "segments": [segment(segmentation, id) for id in ids],
        "layers": segments.GetNumberOfLayers() if ids else 0,
        "reference": segmentation.GetNodeReference("referenceImageGeometryRef").GetName(),
        "columns": [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())],
        "types": [table.GetColumn(n).GetDataTypeAsString() for n in range(table.GetNumberOfColumns())],
        "short": [table.GetValue(n, 1).ToString() for n in range(table.GetNumberOfRows())],
        "paths": [path(t2), path(dwi), path(segmentation)],
        "series_uid": tree.GetItemUID(tree.GetItemByDataNode(t2), "DICOM"),
        "dwi_uid": tree.GetItemUID(tree.GetItemByDataNode(dwi), "DICOM"),
        "study_uid": tree.GetItemUID(study, "DICOM"),
        "study_level": tree.GetItemLevel(study),
        "owners": list(map(tree.GetItemOwnerPluginName, (study, tree.GetItemByDataNode(segmentation)))),
    }
result = []
for file in sys.argv[1:]:
    session = Session()
    slicer.mrmlScene = scene = session.scene
    assert scene.ReadFromMRB(file)
    result.append(content())
print(json.dumps(result))
"""


@dataclass(frozen=True)
class Written:
    """A result on disk, what went into it, and what a process of its own read from its scene."""

    folder: Path
    t2: Image
    labels: Image
    scene: dict


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, ramp, labels_and_nodes, geometries):
    """A result for each geometry, and one without nodes; the folders' names have a space and an umlaut."""
    top = tmp_path_factory.mktemp("results")
    made = {}
    for name, count in [*((name, 5) for name in geometries), ("no nodes", 0)]:
        folder = top / f"Kläre {name}"
        folder.mkdir()
        t2 = ramp(geometries.get(name, geometries["oblique"]))
        labels, nodes = labels_and_nodes(t2.geometry, count)
        write_scene_files(folder, t2, t2.with_array(t2.array.astype(np.float32) + 0.5), None, labels, nodes)
        made[name] = (folder, t2, labels)
    files = [str(folder / "scene.mrb") for folder, _, _ in made.values()]
    done = subprocess.run(
        [sys.executable, "-c", READ_SCENE, *files], capture_output=True, text=True, check=True
    )
    scenes = json.loads(done.stdout.splitlines()[-1])
    return {name: Written(*made[name], scene) for name, scene in zip(made, scenes)}


@pytest.fixture(params=["axial", "left-handed oblique", "oblique", "sagittal"])
def written(request: pytest.FixtureRequest, results) -> Written:
    return results[request.param]


@pytest.fixture
def plain(results) -> Written:
    return results["oblique"]


def test_segmentation_lies_on_the_t2_for_simpleitk(written):
    folder, t2, labels = written.folder, written.t2, written.labels
    file = sitk.ReadImage(str(folder / "segmentation.seg.nrrd"))
    assert geometry_of(file).is_close(t2.geometry, 1e-6)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(file), labels.array)


def test_segmentation_header_names_each_node_and_no_diagnosis(plain):
    file = sitk.ReadImage(str(plain.folder / "segmentation.seg.nrrd"))
    for index in range(5):
        key = f"Segment{index}_"
        assert file.GetMetaData(key + "ID") == f"LN00{index + 1}"
        assert file.GetMetaData(key + "LabelValue") == str(index + 1)
        assert file.GetMetaData(key + "Layer") == "0"
        assert "~SCT^85756007^Tissue~SCT^59441001^Lymph node~" in file.GetMetaData(key + "Tags")
        assert "eoplasm" not in file.GetMetaData(key + "Tags")
    assert not file.HasMetaDataKey("Segment5_ID")
    colors = {file.GetMetaData(f"Segment{index}_Color") for index in range(3)}
    assert len(colors) == 3


def test_no_node_is_an_empty_segmentation_on_the_t2(results):
    empty = results["no nodes"]
    file = sitk.ReadImage(str(empty.folder / "segmentation.seg.nrrd"))
    assert geometry_of(file).is_close(empty.t2.geometry, 1e-6)
    assert not sitk.GetArrayViewFromImage(file).any()
    assert not file.HasMetaDataKey("Segment0_ID")
    assert empty.scene["segments"] == []
    assert empty.scene["reference"] == "T2"


def test_scene_opens_with_everything_in_its_place(written):
    scene, t2 = written.scene, written.t2
    expected = t2.geometry.corners_lps_mm()
    # A left-handed volume comes back with its slices in reverse: the same corners in another order.
    distances = np.linalg.norm(np.array(scene["t2"])[:, None] - expected[None], axis=-1)
    assert distances.min(axis=0).max() < 1e-4
    assert scene["dwi_mean"] == pytest.approx(t2.array.mean() + 0.5, abs=1e-3)
    assert [segment["id"] for segment in scene["segments"]] == ["LN001", "LN002", "LN003", "LN004", "LN005"]
    assert all("59441001^Lymph node" in segment["terminology"] for segment in scene["segments"])
    assert scene["segments"][0]["color"] == scene["segments"][3]["color"] != scene["segments"][1]["color"]
    assert scene["layers"] == 1
    assert scene["reference"] == "T2"
    assert scene["paths"] == [
        ["Patient", "Study", "T2"],
        ["Patient", "Study", "DWI registered"],
        ["Patient", "Study", "Lymph nodes"],
    ]
    assert (scene["study_level"], scene["study_uid"]) == ("Study", "1.2.3")
    assert scene["owners"] == ["Folder", "Segmentations"]  # Slicer's plugins that show the items
    assert scene["series_uid"] == "1.2.3.4"
    assert scene["dwi_uid"] == ""  # derived from the series, not the series


def test_scene_holds_a_typed_table_with_units(plain):
    scene = plain.scene
    types = dict(zip(scene["columns"], scene["types"]))
    assert types["Node"] == "string"
    assert {types[name] for name in ("Short axis [mm]", "Volume [mm3]", "Mean ADC [um2/s]")} == {"double"}
    assert [float(text) for text in scene["short"]] == pytest.approx(
        [4.25, float("nan"), 6.25, 7.25, 8.25], nan_ok=True
    )


def test_scene_is_a_bundle_whose_parts_others_can_read(written, tmp_path: Path):
    """The referees are zipfile, an XML parser and SimpleITK."""
    folder, t2, labels = written.folder, written.t2, written.labels
    with zipfile.ZipFile(folder / "scene.mrb") as bundle:
        assert bundle.testzip() is None
        bundle.extractall(tmp_path / "out")
    root = ElementTree.parse(next((tmp_path / "out").rglob("*.mrml"))).getroot()
    assert len(root.findall("Volume")) == 2
    assert len(root.findall("Segmentation")) == 1
    segmentation = sitk.ReadImage(str(next((tmp_path / "out").rglob("*.seg.nrrd"))))
    assert geometry_of(segmentation).is_close(t2.geometry, 1e-6)
    assert sitk.GetArrayViewFromImage(segmentation).sum() == labels.array.sum(dtype=int)


def test_nothing_but_the_two_files_is_left(plain):
    assert sorted(path.name for path in plain.folder.iterdir()) == ["scene.mrb", "segmentation.seg.nrrd"]
    assert all(path.name.startswith("Kläre") for path in plain.folder.parent.iterdir())


def test_unwritable_folder_is_an_error_and_no_silence(tmp_path: Path, ramp, labels_and_nodes, oblique):
    labels, nodes = labels_and_nodes(oblique, 1)
    with pytest.raises(OSError, match="could not be written"):
        write_scene_files(tmp_path / "missing" / "deeper", ramp(oblique), ramp(oblique), None, labels, nodes)


def test_relative_folder_and_no_complaint_of_vtk(
    tmp_path: Path, ramp, labels_and_nodes, oblique, monkeypatch, capfd
):
    labels, nodes = labels_and_nodes(oblique, 2)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    write_scene_files(Path("out"), ramp(oblique), ramp(oblique), ramp(oblique), labels, nodes)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["scene.mrb", "segmentation.seg.nrrd"]
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_scene_opens_on_its_images(written):
    folder, t2 = written.folder, written.t2
    with zipfile.ZipFile(folder / "scene.mrb") as bundle:
        root = ElementTree.fromstring(bundle.read(next(n for n in bundle.namelist() if n.endswith(".mrml"))))
    names = {volume.get("id"): volume.get("name") for volume in root.findall("Volume")}
    layers = {
        view.get("layoutName"): [dict(re.findall(r"(\w+):(\w+)", view.get("references")))]
        for view in root.findall("SliceComposite")
    }
    assert set(layers) == {"Red", "Green", "Yellow"}
    for (references,) in layers.values():
        assert names[references["backgroundVolume"]] == "T2"
        assert names[references["foregroundVolume"]] == "DWI registered"
    views = {view.get("layoutName"): view for view in root.findall("Slice")}
    center = t2.geometry.corners_lps_mm().mean(axis=0) * [-1.0, -1.0, 1.0]
    for view in views.values():
        matrix = np.array(view.get("sliceToRAS").split(), float).reshape(4, 4)
        np.testing.assert_allclose(matrix[:3, 3], center, atol=1e-3)
        # In the planes of the T2: each axis of the view is one of the volume's.
        cosines = np.abs(matrix[:3, :3].T @ (np.diag([-1.0, -1.0, 1.0]) @ t2.geometry.direction))
        np.testing.assert_allclose(np.sort(cosines, axis=1)[:, 2], 1.0, atol=1e-5)
