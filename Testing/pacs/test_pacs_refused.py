"""What a PACS, a network or a user can do wrong: one line, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pydicom
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.dicomweb import USER
from LymphNodeSegLib.images.pacs import find_studies, retrieve_study, store

from .conftest import Phantom, Server, free_port, listed, refusal


class TestRefused:
    """Exit 2, one line, nothing left behind."""

    @pytest.fixture
    def out(self, tmp_path: Path) -> Iterator[Path]:
        yield tmp_path / "parent" / "out"
        assert not (tmp_path / "parent").exists()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".lymphnodeseg")]

    def test_closed_port(self, phantom: Phantom, out: Path) -> None:
        url = f"http://127.0.0.1:{free_port()}/dicom-web"
        file = next(phantom.t2.iterdir())
        for arguments in (("find", url), ("get", url, phantom.study_uid, "--out", out), ("put", url, file)):
            assert "No server can be reached" in refusal("pacs", *arguments)

    @pytest.mark.parametrize("path", ["", "/app", "/nothing"])
    def test_not_the_root_of_the_service(
        self, stored: Server, phantom: Phantom, out: Path, path: str
    ) -> None:
        url = stored.url.replace("/dicom-web", path)
        file = next(phantom.t2.iterdir())
        for arguments in (("find", url), ("get", url, phantom.study_uid, "--out", out), ("put", url, file)):
            assert "address" in refusal("pacs", *arguments)

    def test_unknown_study(self, stored: Server, out: Path) -> None:
        assert "no such study" in refusal("pacs", "get", stored.url, "1.2.3", "--out", out)

    @pytest.mark.parametrize("uid", ["../../etc", "Doe^Jane", ""])
    def test_no_uid(self, stored: Server, out: Path, uid: str) -> None:
        assert "no StudyInstanceUID" in refusal("pacs", "get", stored.url, uid, "--out", out)

    @pytest.mark.parametrize("url", ["localhost", "ftp://localhost/x", "http://[::1", "http://h:99999/x"])
    def test_no_address(self, phantom: Phantom, url: str) -> None:
        for arguments in (("find", url), ("put", url, next(phantom.t2.iterdir()))):
            assert "give" in refusal("pacs", *arguments)

    def test_login_in_the_address(self) -> None:
        line = refusal("pacs", "find", "http://reader:s3cret@127.0.0.1/dicom-web")
        assert USER in line
        assert "s3cret" not in line

    def test_a_file_that_is_not_dicom_stops_all(
        self, stored: Server, phantom: Phantom, tmp_path: Path
    ) -> None:
        before = listed(stored)
        dataset = pydicom.dcmread(next(phantom.t2.iterdir()))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(tmp_path / "1.dcm")
        (tmp_path / "2.dcm").write_text("no image")
        assert "2.dcm" in refusal("pacs", "put", stored.url, tmp_path / "1.dcm", tmp_path / "2.dcm")
        assert listed(stored) == before

    def test_rejected_by_the_server(self, stored: Server, phantom: Phantom, tmp_path: Path) -> None:
        good = next(phantom.t2.iterdir())
        dataset = pydicom.dcmread(good)
        del dataset.SOPInstanceUID
        dataset.save_as(tmp_path / "without_uid.dcm")
        line = refusal("pacs", "put", stored.url, good, tmp_path / "without_uid.dcm")
        assert "'without_uid.dcm' was not stored" in line
        assert "1 of 2 files" in line

    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
    def test_a_file_that_is_cut_off(
        self, stored: Server, phantom: Phantom, tmp_path: Path, share: float, compressed: bool
    ) -> None:
        dataset = pydicom.dcmread(next(phantom.t2.iterdir()))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        if compressed:
            dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        path = tmp_path / "cut.dcm"
        dataset.save_as(path)
        header = path.read_bytes().index(b"\xe0\x7f\x10\x00")
        size = path.stat().st_size
        path.write_bytes(path.read_bytes()[: header + round(share * (size - header))])
        before = listed(stored)
        assert "cut.dcm" in refusal("pacs", "put", stored.url, path)
        assert listed(stored) == before

    def test_folder_in_use(self, stored: Server, phantom: Phantom, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("keep")
        assert "not empty" in refusal("pacs", "get", stored.url, phantom.study_uid, "--out", tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture
def impostor() -> Iterator[tuple[str, dict]]:
    """A server that answers everything alike, as told; what it was asked is kept."""
    told: dict = {"status": 200, "headers": {}, "body": b"", "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told["asked"].append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(told["status"])
            for name, value in {**told["headers"], "Content-Length": len(told["body"])}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(told["body"])

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dicom-web", told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b"[1, 2]", b'{"error": "x"}', b'[{"0020000D": 1}]']
)
def test_answers_that_are_not_dicomweb(impostor: tuple[str, dict], tmp_path: Path, body: bytes) -> None:
    url, told = impostor
    told["body"] = body
    with pytest.raises(InputError, match="not DICOMweb"):
        find_studies(url)
    with pytest.raises(InputError, match="not DICOMweb"):
        retrieve_study(url, "1.2.3", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_silence_is_not_taken_for_stored(impostor: tuple[str, dict], phantom: Phantom) -> None:
    with pytest.raises(InputError, match=r"does not confirm.* 0 of 1"):
        store(impostor[0], [next(phantom.t2.iterdir())])


def test_rejection_in_a_friendly_answer(impostor: tuple[str, dict], phantom: Phantom) -> None:
    url, told = impostor
    told["status"], told["headers"] = 202, {"Content-Type": "application/dicom+json; charset=utf-8"}
    failed = {"00081197": {"vr": "US", "Value": [0xA900]}}
    told["body"] = json.dumps({"00081198": {"vr": "SQ", "Value": [failed]}}).encode()
    with pytest.raises(InputError, match="A900"):
        store(url, [next(phantom.t2.iterdir())])


def test_no_study_goes_where_a_redirect_points(impostor: tuple[str, dict], phantom: Phantom) -> None:
    url, told = impostor
    told["status"], told["headers"] = 307, {"Location": "/elsewhere"}
    with pytest.raises(InputError, match="another address"):
        store(url, [next(phantom.t2.iterdir())])
    assert not any("elsewhere" in path for path in told["asked"])
