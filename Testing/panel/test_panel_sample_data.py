"""The pelvis phantom in Sample Data: made by a process of its own, without a network, put into the scene."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import pytest


class Application:
    """What the sample uses of slicer.app."""

    def __init__(self, application: Any) -> None:
        self.processEvents = lambda *flags: application.processEvents()


@pytest.fixture(scope="module")
def made(standins, application, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom, made once by the very program that Slicer runs."""
    import slicer

    folder = tmp_path_factory.mktemp("sample") / "phantom"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicer, "app", Application(application), raising=False)
        from LymphNodeSegLib.panel import sample_data

        patch.setattr(sample_data, "python_executable", lambda: sys.executable)
        sample_data._make(folder)
    return folder


@pytest.fixture
def make(standins):
    """What makes the phantom, before it is stood in for."""
    from LymphNodeSegLib.panel import sample_data

    return sample_data._make


@pytest.fixture
def sample_data(made, make, scene, application, standins, monkeypatch):
    """The module, ready to load the phantom that was made."""
    import shutil

    import slicer
    from LymphNodeSegLib.panel import sample_data

    monkeypatch.setattr(slicer, "app", Application(application), raising=False)
    monkeypatch.setattr(sample_data, "_make", lambda folder: shutil.copytree(made, folder))
    monkeypatch.setattr(slicer.util, "showStatusMessage", lambda *args: None, raising=False)
    monkeypatch.setattr(
        slicer.util, "tryWithErrorDisplay", lambda *args, **kwargs: contextlib.nullcontext(), raising=False
    )
    nobody = types.SimpleNamespace(widgetRepresentation=lambda: None)
    monkeypatch.setattr(slicer, "modules", types.SimpleNamespace(sampledata=nobody), raising=False)
    return sample_data


def test_the_volumes_are_what_the_panel_proposes(sample_data, scene):
    from LymphNodeSegLib.scene.inputs import examine, propose

    nodes = sample_data.load_volumes()
    assert [node.GetName() for node in nodes] == ["T2", "DWI b50", "DWI b1400", "ADC"]
    chosen = propose(scene)
    assert {role: node.GetName() for role, node in chosen.items()} == {
        "T2": "T2",
        "DWI": "DWI b1400",
        "ADC": "ADC",
    }
    assert examine(chosen["T2"], chosen["DWI"], chosen["ADC"]).usable


def test_they_lie_in_one_study_and_know_their_dicom_instances(sample_data, scene, made):
    import pydicom
    from LymphNodeSegLib.scene.subject_hierarchy import hierarchy, study_of

    nodes = sample_data.load_volumes()
    studies = {study_of(scene, node) for node in nodes}
    assert len(studies) == 1
    assert hierarchy(scene).GetItemName(studies.pop()) == "Pelvis phantom"
    uids = nodes[0].GetAttribute("DICOM.instanceUIDs").split()
    assert len(uids) == nodes[0].GetImageData().GetDimensions()[2]
    assert set(uids) == {
        str(pydicom.dcmread(file).SOPInstanceUID) for file in (made / "study").glob("t2_*.dcm")
    }


def test_the_truth_is_there_and_hidden(sample_data, made, scene):
    sample_data.load_volumes()
    known = json.loads(next(made.rglob("truth.json")).read_text(encoding="utf-8"))["nodes"]
    truth = scene.GetFirstNodeByName("Phantom truth")
    assert truth.GetSegmentation().GetNumberOfSegments() == len(known) > 0
    assert not truth.GetDisplayNode().GetVisibility()


def test_the_dicom_sample_puts_the_study_into_the_database(sample_data, scene, monkeypatch):
    import slicer

    imported = []

    def import_dicom(folder: str, database: Any, **options: bool) -> bool:
        imported.append((len(list(Path(folder).glob("*.dcm"))), database, options))
        return True

    database = types.SimpleNamespace(isOpen=True)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    utilities = types.SimpleNamespace(importDicom=import_dicom)
    monkeypatch.setitem(sys.modules, "DICOMLib", types.SimpleNamespace(DICOMUtils=utilities))
    assert len(sample_data.load_dicom_study()) == 4
    count, where, options = imported[0]
    assert count > 27
    assert where is database
    assert options == {"copyFiles": True}, "the folder it was made in goes away"


def test_without_a_database_nothing_is_loaded(sample_data, scene, monkeypatch):
    import slicer
    from LymphNodeSegLib.errors import InputError

    monkeypatch.setattr(slicer, "dicomDatabase", types.SimpleNamespace(isOpen=False), raising=False)
    monkeypatch.setitem(sys.modules, "DICOMLib", types.SimpleNamespace(DICOMUtils=None))
    before = scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="is not open"):
        sample_data.load_dicom_study()
    assert scene.GetNumberOfNodes() == before


def test_a_failure_is_told_and_leaves_nothing(sample_data, make, scene, monkeypatch, tmp_path):
    from LymphNodeSegLib.errors import InputError

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sample_data, "_make", make)
    monkeypatch.setattr(sample_data, "PROGRAM", "import sys; sys.exit('No space left on device')")
    monkeypatch.setattr(sample_data, "python_executable", lambda: sys.executable)
    before = scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="No space left on device"):
        sample_data.load_volumes()
    assert scene.GetNumberOfNodes() == before
    assert list(tmp_path.iterdir()) == []


def test_both_samples_are_registered_with_a_thumbnail(sample_data, monkeypatch):
    registered: list[dict[str, Any]] = []
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **given: registered.append(given))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    sample_data.register()
    assert [one["sampleName"] for one in registered] == ["Pelvis phantom", "Pelvis phantom (DICOM)"]
    assert {one["category"] for one in registered} == {"Lymph Node Segmentation"}
    assert all(Path(one["thumbnailFileName"]).is_file() for one in registered)
    assert not any(one["uris"] for one in registered), "nothing is downloaded"
