"""A study from a PACS and the results back, by DICOMweb, against a real server: Orthanc on this machine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pydicom
import pytest
from click.testing import Result
from dicomweb_client import DICOMwebClient
from LymphNodeSegLib.cli import app
from LymphNodeSegLib.errors import Cancelled, InputError
from LymphNodeSegLib.images.dicomweb import PASSWORD, USER
from LymphNodeSegLib.images.pacs import find_studies, retrieve_study, store
from typer.testing import CliRunner

PLUGINS = [
    path
    for folder in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc", "/usr/local/share/orthanc/plugins")
    for path in sorted(Path(folder).glob("libOrthancDicomWeb.so*"))
]
ORTHANC = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
SECONDS_TO_START = 60


@dataclass
class Server:
    """A running Orthanc, and the clean environment to talk to it in."""

    url: str
    environment: Mapping[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, **more: object) -> Iterator[Server]:
    """An Orthanc of our own: loopback only, all its files in the folder, no configuration of the system."""
    if not ORTHANC or not PLUGINS:
        pytest.skip("Orthanc with its DICOMweb plugin is not installed (Debian: orthanc orthanc-dicomweb)")
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(PLUGINS[0])],
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **more,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen([ORTHANC, str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        wait_for(port, process, folder / "orthanc.log")
        yield Server(f"http://127.0.0.1:{port}/dicom-web")
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"Orthanc did not start: {log.read_text()[-1000:]}")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from start(tmp_path_factory.mktemp("orthanc"))


@pytest.fixture(scope="module")
def locked_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    users = {"reader": "s3cret-ü"}
    yield from start(tmp_path_factory.mktemp("locked"), AuthenticationEnabled=True, RegisteredUsers=users)


def lymphnodeseg(*arguments: object, **environment: str) -> Result:
    """The command in this process, as starting one for each takes longer than what it does."""
    # A proxy of the environment must not see the study; nothing listens on port 1.
    away = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": ""}
    return CliRunner().invoke(app, [*map(str, arguments)], env={**away, **environment})


def done(*arguments: object, **environment: str) -> str:
    result = lymphnodeseg(*arguments, **environment)
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result.stdout


def refusal(*arguments: object, **environment: str) -> str:
    """The one line of a command that exits with 2."""
    result = lymphnodeseg(*arguments, **environment)
    assert result.exit_code == 2, (result.stderr, result.exception)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("lymphnodeseg: ")]
    return line


@dataclass(frozen=True)
class Phantom:
    """A synthetic study with a patient's name, its T2 series alone, and the truth."""

    study: Path
    t2: Path
    truth: Path
    study_uid: str
    patient_id: str


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    folder = tmp_path_factory.mktemp("phantom")
    done("phantom", "--out", folder / "made", "--format", "dicom", "--seed", 8)
    study, t2 = folder / "made" / "study", folder / "t2"
    t2.mkdir()
    for path in study.glob("t2_*.dcm"):
        shutil.copy(path, t2)
    first = pydicom.dcmread(next(t2.iterdir()), stop_before_pixels=True)
    return Phantom(study, t2, folder / "made" / "truth.seg.nrrd", first.StudyInstanceUID, first.PatientID)


@pytest.fixture(scope="module")
def stored(orthanc: Server, phantom: Phantom) -> Server:
    """The server with the study on it."""
    done("pacs", "put", orthanc.url, phantom.study, "--progress", "none")
    return orthanc


def instances(folder: Path) -> dict[str, pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file()]
    assert len({one.SOPInstanceUID for one in found}) == len(found)
    return {one.SOPInstanceUID: one for one in found}


def listed(server: Server, *options: object) -> list[dict]:
    return json.loads(done("pacs", "find", server.url, *options, "--json"))["studies"]


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
