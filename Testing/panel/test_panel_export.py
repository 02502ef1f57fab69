"""The export section: what can be exported, where to, and what the user reads about it."""

# ruff: noqa: N802, N815 - the names are Slicer's

from __future__ import annotations

import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.registration.result import Verdict
from LymphNodeSegLib.scene.result import ResultData, add_result
from LymphNodeSegLib.scene.run_facts import RunFacts, set_facts
from LymphNodeSegLib.scene.segments import write_mask
from LymphNodeSegLib.scene.volumes import add_volume, vtk_matrix
from LymphNodeSegLib.settings import Settings

from Benchmarks.dicom_cases import GRIDS, ellipsoids, write_t2_series

FACTS = RunFacts(
    "2026-11-26T09:30:00+00:00",
    Settings(),
    Verdict("kept", "Nothing was moved.", "none", 1.0, 1.0),
    "eru-net-demo",
    "0" * 64,
    {"notice": "Demonstration weights."},
    "cpu",
)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_t2_series(tmp_path_factory.mktemp("series") / "t2", GRIDS["oblique, pixels 0.6x0.9"])


@pytest.fixture
def result(scene, series) -> Any:
    """Six nodes on a T2 that came from DICOM."""
    labels = series.with_array(ellipsoids(series.geometry, 8.0))
    dwi = series.with_array(np.where(labels.array > 0, 500.0, 100.0).astype(np.float32))
    t2 = add_volume(scene, series, "T2", "T2")
    uids = [str(pydicom.dcmread(file).SOPInstanceUID) for file in series.acquisition.source_files]
    t2.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
    nodes = measure_nodes(labels, t2=series, dwi=dwi)
    made = add_result(scene, t2, ResultData(labels, nodes, dwi))
    set_facts(made.segmentation, FACTS)
    return made


class Database:
    """Slicer's DICOM database, as far as the export uses it."""

    isOpen = True

    def __init__(self, files: Any) -> None:
        self._files = {str(pydicom.dcmread(file).SOPInstanceUID): str(file) for file in files}
        self.imported: list[str] = []

    def fileForInstance(self, uid: str) -> str:
        return self._files.get(uid, "")

    def importDicom(self, folder: str, database: Database, **options: bool) -> bool:
        assert database is self
        assert options == {"copyFiles": True}
        self.imported += sorted(path.name for path in Path(folder).iterdir())
        return True


@pytest.fixture
def database(standins, series, monkeypatch) -> Database:
    import slicer

    made = Database(series.acquisition.source_files)
    monkeypatch.setattr(slicer, "dicomDatabase", made, raising=False)
    monkeypatch.setitem(sys.modules, "DICOMLib", types.SimpleNamespace(DICOMUtils=made))
    return made


@pytest.fixture
def section(application, standins, scene, database, result, tmp_path):
    from LymphNodeSegLib.panel.export_process import ExportProcess
    from LymphNodeSegLib.panel.export_section import ExportSection
    from LymphNodeSegLib.panel.section import Services
    from LymphNodeSegLib.resources import resource_path
    from PySide6 import QtWidgets

    container = QtWidgets.QWidget()
    QtWidgets.QVBoxLayout(container)
    load = lambda name: standins.load_ui(resource_path(f"UI/{name}"))  # noqa: E731
    made = ExportSection(container, Services(load, lambda: None, lambda text: None))
    made.container = container
    made.show(result)
    made._ui.folderPathLineEdit.setText(str(tmp_path / "results"))
    yield made
    made.close()
    ExportProcess.cancel_all()


def export(section, until, kinds: set[str]) -> str:
    """Tick boxes, press the button, wait; returns what the user then reads."""
    for kind, box in section._boxes.items():
        box.setChecked(kind in kinds)
    section._ui.exportButton.click()
    until(lambda: section._process is None)
    return section._ui.exportLabel.text()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_the_chosen_files_come_into_the_folder_and_are_linked(section, until, tmp_path):
    text = export(section, until, {"rtstruct", "table", "report"})
    expected = {"rtstruct.dcm", "measurements.csv", "measurements.json", "report.html"}
    assert names_in(tmp_path / "results") == expected
    assert text.startswith("Written:")
    assert (tmp_path / "results" / "report.html").as_uri() in text
    assert section._ui.exportButton.text() == "E&xport"


def test_an_edited_node_is_exported_as_edited(section, until, result, tmp_path):
    listed = section._model.nodes
    row = listed.rows[0]
    listed.set_station([row.segment_id], "obturator")
    listed.set_side([row.segment_id], "right")
    listed.set_reviewed([row.segment_id], True)
    mask = row.node.mask
    mask.array.setflags(write=True)
    mask.array[0] = False
    write_mask(result.segmentation, row.segment_id, mask)
    export(section, until, {"rtstruct", "table"})
    rois = pydicom.dcmread(tmp_path / "results" / "rtstruct.dcm").StructureSetROISequence
    assert [roi.ROIGenerationAlgorithm for roi in rois] == ["SEMIAUTOMATIC"] + ["AUTOMATIC"] * 5
    assert rois[0].ROIName == "LN001 right obturator"
    table = (tmp_path / "results" / "measurements.csv").read_text(encoding="utf-8").splitlines()
    assert "Edited by a reader. Reviewed by a reader." in table[1]
    assert "by a reader" not in table[2]


def test_contours_lie_on_the_original_slices_of_a_moved_volume(section, until, result, scene, tmp_path):
    export(section, until, {"rtstruct"})
    before = pydicom.dcmread(tmp_path / "results" / "rtstruct.dcm")
    (tmp_path / "results" / "rtstruct.dcm").unlink()
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    for node in (result.t2, result.segmentation, result.dwi):
        node.SetAndObserveTransformNodeID(transform.GetID())
    assert export(section, until, {"rtstruct"}).startswith("Written")
    after = pydicom.dcmread(tmp_path / "results" / "rtstruct.dcm")
    for one, other in zip(before.ROIContourSequence, after.ROIContourSequence):
        for a, b in zip(one.ContourSequence, other.ContourSequence):
            assert a.ContourData == b.ContourData


def test_into_the_database_without_a_folder(section, until, database, tmp_path):
    section._ui.folderPathLineEdit.setText("")
    section._ui.databaseCheckBox.setChecked(True)
    text = export(section, until, {"rtstruct", "seg", "sr", "table"})
    assert database.imported == ["rtstruct.dcm", "seg.dcm", "sr.dcm"]
    assert "DICOM database" in text
    assert names_in(tmp_path / "results") == set()


def test_files_that_are_there_are_replaced_only_if_the_user_agrees(section, until, tmp_path, monkeypatch):
    import slicer

    asked: list[str] = []
    answer = [False]

    def ask(text: str, **options: str) -> bool:
        asked.append(text)
        return answer[0]

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", ask, raising=False)
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "rtstruct.dcm").write_text("mine")
    (folder / "scene.mrb").write_text("mine")
    assert export(section, until, {"rtstruct", "table"}) == "Nothing was written."
    assert names_in(folder) == {"rtstruct.dcm", "scene.mrb"}
    assert "rtstruct.dcm" in asked[0]
    assert "measurements.csv" not in asked[0]
    answer[0] = True
    export(section, until, {"rtstruct", "table"})
    assert (folder / "rtstruct.dcm").read_bytes()[128:132] == b"DICM"
    assert (folder / "scene.mrb").read_text() == "mine"


def test_a_t2_that_is_no_dicom_says_so_and_still_gives_table_and_report(section, until, result, tmp_path):
    result.t2.RemoveAttribute("DICOM.instanceUIDs")
    section.show(result)
    assert "was not loaded from DICOM" in section._ui.exportLabel.text()
    assert not section._boxes["rtstruct"].isEnabled()
    assert not section._ui.databaseCheckBox.isEnabled()
    export(section, until, {"rtstruct", "table", "report"})
    assert names_in(tmp_path / "results") == {"measurements.csv", "measurements.json", "report.html"}


def test_a_study_that_left_the_database_is_told(section, result, database):
    database._files.clear()
    section.show(result)
    assert "import the study there" in section._ui.exportLabel.text()


def test_a_series_loaded_as_files_is_referred_to_without_the_database(
    section, until, result, database, series, scene, tmp_path
):
    database._files.clear()
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    for file in series.acquisition.source_files:
        storage.AddFileName(str(file))
    storage.SetFileName(str(series.acquisition.source_files[0]))
    result.t2.SetAndObserveStorageNodeID(storage.GetID())
    section.show(result)
    export(section, until, {"rtstruct"})
    assert names_in(tmp_path / "results") == {"rtstruct.dcm"}


def test_nothing_chosen_and_no_folder_are_told(section, until):
    assert export(section, until, set()) == "Choose what to export."
    section._ui.folderPathLineEdit.setText("")
    assert export(section, until, {"table"}) == "Choose a folder."


def test_cancel_leaves_nothing(section, tmp_path):
    section._ui.exportButton.click()
    assert section._ui.exportButton.text() == "Cancel"
    section._ui.exportButton.click()
    assert section._process is None
    assert "Cancelled" in section._ui.exportLabel.text()
    assert names_in(tmp_path / "results") == set()


def test_leaving_the_module_does_not_end_it_but_leaving_slicer_does(
    section, until, result, tmp_path, monkeypatch
):
    from LymphNodeSegLib.panel.export_process import ExportProcess

    section._ui.exportButton.click()
    section.close()
    assert section._process is not None
    until(lambda: section._process is None)
    assert "rtstruct.dcm" in names_in(tmp_path / "results")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    section.show(result)
    section._ui.folderPathLineEdit.setText(str(tmp_path / "others"))
    section._ui.exportButton.click()
    ExportProcess.cancel_all()
    assert section._process is None
    assert not list(tmp_path.glob("lymphnodeseg-*"))
    assert names_in(tmp_path / "others") == set()


def test_a_folder_that_cannot_be_written_to_is_told(section, until, tmp_path):
    (tmp_path / "results").write_text("a file")
    assert "is a file" in export(section, until, {"table"})


def test_a_process_that_dies_is_told(section, until, tmp_path, monkeypatch):
    from LymphNodeSegLib.panel import export_process

    monkeypatch.setattr(export_process, "PROGRAM", "import os; os.abort()")
    assert "ended unexpectedly" in export(section, until, {"table"})
    assert names_in(tmp_path / "results") == set()


def test_a_package_that_is_missing_is_installed_only_if_the_user_agrees(standins, monkeypatch):
    import slicer
    from LymphNodeSegLib.panel import packages

    asked: list[str] = []

    def ask(text: str, **options: str) -> bool:
        asked.append(text)
        return False

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", ask, raising=False)
    monkeypatch.setattr(packages, "_install", lambda *args: pytest.fail("it was not agreed to"))
    assert packages.package_problem("numpy") == ""
    assert not asked
    assert "was not installed" in packages.package_problem("no_such_package")
    assert "from the internet" in asked[0]


def test_a_package_that_cannot_be_had_says_what_to_do_offline(standins, monkeypatch):
    import slicer
    from LymphNodeSegLib.panel import packages

    def fail(package: str, constraints: Path) -> None:
        raise RuntimeError

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *args, **options: True, raising=False)
    monkeypatch.setattr(packages, "_install", fail)
    assert "pip download no_such_package" in packages.package_problem("no_such_package")


def test_pip_is_held_to_what_is_installed(standins, tmp_path):
    from LymphNodeSegLib.panel.packages import write_constraints

    lines = write_constraints(tmp_path).read_text(encoding="utf-8").splitlines()
    assert f"numpy=={np.__version__}" in lines
    assert any(line.lower().startswith("simpleitk==") for line in lines)
