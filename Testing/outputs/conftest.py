"""A T2 series on disk, nodes on it, and the programs that judge what we write."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.images.files import read_image
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.nodes.measure import measure_nodes
from LymphNodeSegLib.nodes.node import Node

from Benchmarks.dicom_cases import GRIDS, ellipsoids, write_t2_series


def program(name: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: plastimatch, dicom3tools, dcmtk)")
    return path


@pytest.fixture(scope="session")
def plastimatch() -> str:
    return program("plastimatch")


@pytest.fixture(scope="session")
def dcmqi() -> Path:
    """The folder of dcmqi's programs (PyPI: dcmqi), which may live in a virtual environment of its own."""
    named = os.environ.get("LYMPHNODESEG_DCMQI")
    found = shutil.which("segimage2itkimage", path=named)
    if found is None:
        pytest.skip("dcmqi is not installed (pip install dcmqi; name its folder by LYMPHNODESEG_DCMQI)")
    return Path(found).parent


def _complaints(command: Sequence[str]) -> set[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    return {
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Warning"))
    }


@pytest.fixture(scope="session")
def dciodvfy() -> Callable[[Path], set[str]]:
    """Errors and warnings of one DICOM file."""
    path = program("dciodvfy")
    return lambda file: _complaints([path, str(file)])


@pytest.fixture(scope="session")
def dcentvfy() -> Callable[[Sequence[Path]], set[str]]:
    """Contradictions between DICOM files of one patient."""
    path = program("dcentvfy")
    return lambda files: _complaints([path, *map(str, files)])


class Case:
    """A T2 series and nodes that were drawn on it.

    Attributes:
        t2: The image, with its files.
        labels: One label a node.
        nodes: The measured nodes.
    """

    def __init__(self, t2: Image, array: np.ndarray) -> None:
        self.t2 = t2
        self.labels = t2.with_array(array)
        self.nodes: Sequence[Node] = measure_nodes(self.labels)

    @property
    def files(self) -> Sequence[Path]:
        return self.t2.acquisition.source_files


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Six ellipsoids of 8 mm on an oblique series with pixels that are not square."""
    geometry = GRIDS["oblique, pixels 0.6x0.9"]
    t2 = write_t2_series(tmp_path_factory.mktemp("synthetic") / "t2", geometry)
    return Case(t2, ellipsoids(geometry, 8.0))


@pytest.fixture(scope="session")
def multi_frame(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same nodes on one enhanced multi-frame file whose frames run against k."""
    geometry = GRIDS["oblique, pixels 0.6x0.9"]
    folder = tmp_path_factory.mktemp("multi_frame") / "t2"
    return Case(write_t2_series(folder, geometry, multi_frame=True), ellipsoids(geometry, 8.0))


@pytest.fixture(scope="session")
def patient(prostatex: Path) -> Case:
    """Ellipsoids on the axial T2 of the real patient (nobody has labelled the patient's nodes)."""
    folder = next(prostatex.glob("*/*t2tsetra*"))
    t2 = read_image(folder, "T2")
    return Case(t2, ellipsoids(t2.geometry, 10.0))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The T2 of a phantom study and its true nodes."""
    from LymphNodeSegLib.phantom import make_phantom, write_dicom

    made = make_phantom(3)
    folder = tmp_path_factory.mktemp("phantom") / "out"
    write_dicom(made, folder)
    return Case(read_image(folder / "study", "T2"), made.labels.astype(np.uint16))
