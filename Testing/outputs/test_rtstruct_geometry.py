"""Masks -> RTSTRUCT -> plastimatch -> masks: nothing may be lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct

from Benchmarks.dicom_cases import (
    GRIDS,
    SHORT_AXES_MM,
    awkward_shapes,
    ellipsoids,
    nodes_of,
    reversed_slices,
    write_t2_series,
)
from Benchmarks.rtstruct_referees import dice, read_by_dcmrtstruct2nii, read_by_plastimatch


def shapes(t2: Image) -> list[np.ndarray]:
    return [awkward_shapes(t2.geometry), *(ellipsoids(t2.geometry, size) for size in SHORT_AXES_MM)]


def assert_equal(read: dict[str, np.ndarray], labels: Image) -> None:
    """Dice at least 0.999 and volume within 0.1 %, node by node."""
    for node in nodes_of(labels):
        truth = labels.array == node.label
        found = read[node.id]
        assert dice(found, truth) >= 0.999, node.id
        assert np.count_nonzero(found) == pytest.approx(np.count_nonzero(truth), rel=0.001), node.id


@pytest.mark.parametrize("grid", GRIDS)
def test_plastimatch_reads_back_the_masks(grid: str, tmp_path: Path, plastimatch: str) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS[grid])
    for array in shapes(t2):
        labels = t2.with_array(array)
        write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
        assert_equal(read_by_plastimatch(tmp_path / "rtstruct.dcm", tmp_path / "t2", t2.geometry), labels)


def test_slices_counted_from_the_other_end(tmp_path: Path, plastimatch: str) -> None:
    """A left-handed grid, as a segmentation that comes back from another program may have."""
    t2 = write_t2_series(tmp_path / "t2", reversed_slices(GRIDS["oblique, pixels 0.6x0.9"]))
    labels = t2.with_array(awkward_shapes(t2.geometry))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    assert_equal(read_by_plastimatch(tmp_path / "rtstruct.dcm", tmp_path / "t2", t2.geometry), labels)


def test_the_order_of_the_files_does_not_matter(tmp_path: Path, plastimatch: str) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["sagittal"])
    labels = t2.with_array(awkward_shapes(t2.geometry))
    files = sorted(t2.acquisition.source_files)
    assert files != list(t2.acquisition.source_files)
    write_rtstruct(labels, nodes_of(labels), files, tmp_path / "rtstruct.dcm")
    assert_equal(read_by_plastimatch(tmp_path / "rtstruct.dcm", tmp_path / "t2", t2.geometry), labels)


@pytest.mark.parametrize("name", ["patient", "phantom"])
def test_plastimatch_reads_back_whole_studies(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, plastimatch: str
) -> None:
    case = request.getfixturevalue(name)
    write_rtstruct(case.labels, case.nodes, case.files, tmp_path / "rtstruct.dcm")
    series = tmp_path / "series"
    series.mkdir()
    for file in case.files:
        (series / file.name).symlink_to(file)
    assert_equal(read_by_plastimatch(tmp_path / "rtstruct.dcm", series, case.t2.geometry), case.labels)


@pytest.mark.parametrize("grid", ["sagittal, pixels 0.9x0.6", "oblique, pixels 0.6x0.9"])
def test_dcmrtstruct2nii_reads_back_the_masks(grid: str, tmp_path: Path) -> None:
    python = os.environ.get("LYMPHNODESEG_DCMRTSTRUCT2NII")
    if not python:
        pytest.skip(
            "dcmrtstruct2nii needs a virtual environment of its own: name its python by "
            "LYMPHNODESEG_DCMRTSTRUCT2NII"
        )
    t2 = write_t2_series(tmp_path / "t2", GRIDS[grid])
    labels = t2.with_array(awkward_shapes(t2.geometry))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    read = read_by_dcmrtstruct2nii(Path(python), tmp_path / "rtstruct.dcm", tmp_path / "t2", t2.geometry)
    assert_equal(read, labels)
