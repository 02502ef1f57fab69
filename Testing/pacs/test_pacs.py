"""A study from a PACS and the results back, by DICOMweb, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from LymphNodeSegLib.errors import Cancelled
from LymphNodeSegLib.images.dicomweb import PASSWORD, USER
from LymphNodeSegLib.images.pacs import find_studies, retrieve_study, store

from .conftest import Phantom, Server, done, listed, refusal


def instances(folder: Path) -> dict[str, pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file()]
    assert len({one.SOPInstanceUID for one in found}) == len(found)
    return {one.SOPInstanceUID: one for one in found}


def test_from_the_pacs_to_nodes_and_back(stored: Server, phantom: Phantom, tmp_path: Path) -> None:
    # Found by its patient, who is not named in the answer.
    text = done("pacs", "find", stored.url, "--patient-id", phantom.patient_id)
    assert phantom.study_uid in text
    assert phantom.patient_id not in text
    (study,) = listed(stored, "--patient-id", phantom.patient_id)
    sent = instances(phantom.study)
    assert (study["study_uid"], study["instances"]) == (phantom.study_uid, len(sent))
    assert study["modalities"] == ["MR"]

    # Got back bit for bit, in a folder that the next command takes.
    done("pacs", "get", stored.url, study["study_uid"], "--out", tmp_path / "got", "--progress", "none")
    got = instances(tmp_path / "got")
    assert got.keys() == sent.keys()
    for uid, one in got.items():
        assert one == sent[uid]
        assert one.file_meta.TransferSyntaxUID == sent[uid].file_meta.TransferSyntaxUID
    options = ("--registration", "rigid", "--progress", "none")
    done("segment", "--study", tmp_path / "got", "--out", tmp_path / "result", *options)
    record = json.loads((tmp_path / "result" / "run.json").read_text())
    assert record["inputs"]["t2"]["study_uid"] == phantom.study_uid

    # The truth's nodes, so that what is stored does not depend on the model.
    results = {"RTSTRUCT": "rtstruct", "SEG": "seg", "SR": "sr"}
    for name in results.values():
        path = tmp_path / f"{name}.dcm"
        done("export", phantom.truth, "--reference", phantom.t2, "--format", name, "--out", path)
    files = [tmp_path / f"{name}.dcm" for name in results.values()]
    done("pacs", "put", stored.url, *files, "--progress", "none")

    # Found again, in the same study.
    for modality in results:
        found = find_studies(stored.url, modality=modality)
        assert [one.study_uid for one in found] == [phantom.study_uid]
    (study,) = listed(stored)
    assert set(study["modalities"]) == {"MR", *results}
    assert study["instances"] == len(sent) + len(results)
    done("pacs", "get", stored.url, phantom.study_uid, "--out", tmp_path / "all", "--progress", "none")
    everything = instances(tmp_path / "all")
    for path in files:
        original = pydicom.dcmread(path)
        assert everything[original.SOPInstanceUID] == original


@pytest.mark.parametrize(
    "options", [("--patient-id", "nobody"), ("--date", "19000101"), ("--date", "-19000101")]
)
def test_filters(stored: Server, options: tuple[str, str]) -> None:
    assert listed(stored, *options) == []
    assert "No study found" in done("pacs", "find", stored.url, *options)


def test_date_range_that_fits(stored: Server, phantom: Phantom) -> None:
    (study,) = listed(stored)
    assert listed(stored, "--date", f"{study['date']}-{study['date']}") == [study]


def test_login_from_the_environment(locked_orthanc: Server) -> None:
    url = locked_orthanc.url
    assert USER in refusal("pacs", "find", url)
    assert "401" in refusal("pacs", "find", url, **{USER: "reader", PASSWORD: "wrong"})
    assert "No study found" in done("pacs", "find", url, **{USER: "reader", PASSWORD: "s3cret-ü"})


class Watcher:
    """Progress whose user cancels after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def stage(self, name: str) -> None: ...

    def message(self, text: str) -> None: ...

    def fraction(self, done: float) -> None:
        assert 0 <= done <= 1
        self.steps -= 1
        if self.steps < 0:
            raise Cancelled("Cancelled.")


def test_cancel_leaves_no_folder(stored: Server, phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        retrieve_study(stored.url, phantom.study_uid, tmp_path / "a" / "b", Watcher(5))
    assert list(tmp_path.iterdir()) == []


def test_cancel_says_what_was_stored(stored: Server, phantom: Phantom) -> None:
    with pytest.raises(Cancelled, match="2 of "):
        store(stored.url, [phantom.t2], Watcher(2))


def test_a_second_interrupt_says_what_was_stored(
    stored: Server, phantom: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def interrupted(client: object, datasets: list) -> object:
        sent.append(datasets)
        if len(sent) == 3:
            raise KeyboardInterrupt
        return real(client, datasets)

    real = DICOMwebClient.store_instances
    monkeypatch.setattr(DICOMwebClient, "store_instances", interrupted)
    with pytest.raises(Cancelled, match=r"on its way; before it, 2 of"):
        store(stored.url, [phantom.t2])
