"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test data, which is not part of the repository."""
    folder = Path(os.environ.get("LYMPHNODESEG_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder} (set LYMPHNODESEG_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def prostatex(shared_data: Path) -> Path:
    """A whole pelvic MRI study of a real patient (ProstateX-0000) as DICOM."""
    return shared_data / "prostatex" / "ProstateX-0000"
