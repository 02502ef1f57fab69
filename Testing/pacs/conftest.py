"""A real server, Orthanc, on this machine alone; and a study to put on it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest
from click.testing import Result
from LymphNodeSegLib.cli import app
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


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from start(tmp_path_factory.mktemp("orthanc"))


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    folder = tmp_path_factory.mktemp("phantom")
    done("phantom", "--out", folder / "made", "--format", "dicom", "--seed", 8)
    study, t2 = folder / "made" / "study", folder / "t2"
    t2.mkdir()
    for path in study.glob("t2_*.dcm"):
        shutil.copy(path, t2)
    first = pydicom.dcmread(next(t2.iterdir()), stop_before_pixels=True)
    return Phantom(study, t2, folder / "made" / "truth.seg.nrrd", first.StudyInstanceUID, first.PatientID)


@pytest.fixture(scope="session")
def stored(orthanc: Server, phantom: Phantom) -> Server:
    """The server with the study on it."""
    done("pacs", "put", orthanc.url, phantom.study, "--progress", "none")
    return orthanc


def listed(server: Server, *options: object) -> list[dict]:
    return json.loads(done("pacs", "find", server.url, *options, "--json"))["studies"]
