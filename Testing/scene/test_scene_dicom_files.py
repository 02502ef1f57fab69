"""The files that a volume came from, as Slicer's DICOM database knows them."""

from __future__ import annotations

import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.scene.dicom_files import INSTANCES_ATTRIBUTE, dicom_files

UIDS = [f"1.2.{n}" for n in range(30)]


@pytest.fixture
def volume(scene, tmp_path):
    """A volume of thirty instances, and the database's answers."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "T2")
    node.SetAttribute(INSTANCES_ATTRIBUTE, " ".join(UIDS))
    files = {uid: tmp_path / f"{uid}.dcm" for uid in UIDS}
    for path in files.values():
        path.write_bytes(bytes(128) + b"DICM")
    return node, {uid: str(path) for uid, path in files.items()}


def test_the_database_is_asked_for_a_known_series_only_once(volume):
    node, known = volume
    asked = []

    def ask(uid):
        asked.append(uid)
        return known.get(uid, "")

    first = dicom_files(node, ask)
    assert [str(path) for path in first] == list(known.values())
    assert asked == UIDS
    assert dicom_files(node, ask) == first
    assert len(asked) == len(UIDS) + 1


def test_a_series_that_leaves_the_database_and_comes_back_is_noticed(volume, tmp_path):
    node, known = volume
    dicom_files(node, lambda uid: known[uid])
    with pytest.raises(InputError, match="import the study there"):
        dicom_files(node, lambda uid: "")
    moved = {uid: str(tmp_path / f"moved {uid}.dcm") for uid in UIDS}
    for path in moved.values():
        (tmp_path / path).write_bytes(bytes(128) + b"DICM")
    assert [str(path) for path in dicom_files(node, moved.get)] == list(moved.values())


def test_a_series_that_is_there_in_part_is_asked_for_again(volume):
    node, known = volume
    part = {uid: known[uid] for uid in UIDS[:10]}
    with pytest.raises(InputError):
        dicom_files(node, lambda uid: part.get(uid, ""))
    assert len(dicom_files(node, lambda uid: known[uid])) == len(UIDS)
