"""The DICOM SEG, read without the library that wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.outputs.dicom_seg import write_dicom_seg

from Benchmarks.dicom_cases import GRIDS, ellipsoids, nodes_of, reversed_slices, write_t2_series


def frames_by_position(path: Path) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Segment number, position and mask of each frame, from the bits of the file."""
    seg = pydicom.dcmread(path)
    count = seg.NumberOfFrames * seg.Rows * seg.Columns
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")[:count]
    masks = bits.reshape(seg.NumberOfFrames, seg.Rows, seg.Columns).astype(bool)
    return [
        (
            int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber),
            np.array(group.PlanePositionSequence[0].ImagePositionPatient, float),
            mask,
        )
        for group, mask in zip(seg.PerFrameFunctionalGroupsSequence, masks)
    ]


def assert_holds(path: Path, labels: Image) -> None:
    """Every voxel of every node is in the file, at its place, and no other."""
    found = np.zeros_like(labels.array)
    for number, position, mask in frames_by_position(path):
        i, j, k = labels.geometry.ijk_from_lps(position)
        np.testing.assert_allclose([i, j], 0.0, atol=1e-3)
        assert k == pytest.approx(round(k), abs=1e-3)
        found[round(k)][mask] = number
    np.testing.assert_array_equal(found, labels.array)


@pytest.mark.parametrize("grid", ["axial, pixels 0.6x0.9", "sagittal", "oblique, pixels 0.6x0.9"])
@pytest.mark.parametrize("multi_frame", [False, True])
def test_the_voxels_are_at_their_place(grid: str, multi_frame: bool, tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS[grid], multi_frame=multi_frame)
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write_dicom_seg(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "seg.dcm")
    assert_holds(tmp_path / "seg.dcm", labels)


def test_slices_counted_from_the_other_end(tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", reversed_slices(GRIDS["oblique"]))
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write_dicom_seg(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "seg.dcm")
    assert_holds(tmp_path / "seg.dcm", labels)


def test_labels_may_have_gaps(tmp_path: Path) -> None:
    """A node that was deleted leaves one; segment numbers have none."""
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    array = ellipsoids(t2.geometry, 8.0)
    array[array == 2] = 0
    array[array == 6] = 300
    labels = t2.with_array(array)
    write_dicom_seg(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "seg.dcm")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [1, 2, 3, 4, 5]
    assert [item.TrackingID for item in seg.SegmentSequence] == ["LN001", "LN003", "LN004", "LN005", "LN300"]


def test_codes_and_tracking(synthetic, tmp_path: Path) -> None:
    nodes = [replace(synthetic.nodes[0], side="left", station="obturator"), *synthetic.nodes[1:]]
    for name in ("first.dcm", "second.dcm"):
        write_dicom_seg(synthetic.labels, nodes, synthetic.files, tmp_path / name, edited_ids={"LN003"})
    first, second = (pydicom.dcmread(tmp_path / name) for name in ("first.dcm", "second.dcm"))
    for item in first.SegmentSequence:
        assert item.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "85756007"
        assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "59441001"
        edited = item.TrackingID == "LN003"
        assert item.SegmentAlgorithmType == ("SEMIAUTOMATIC" if edited else "AUTOMATIC")
    (region,) = first.SegmentSequence[0].AnatomicRegionSequence
    assert region.CodeValue == "36086000"
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "7771000"
    assert first.SegmentSequence[1].AnatomicRegionSequence[0].CodeValue == "54268001"
    uids = [item.TrackingUID for item in first.SegmentSequence]
    assert len(set(uids)) == len(uids)
    assert uids == [item.TrackingUID for item in second.SegmentSequence]
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_another_result_has_other_tracking_uids(synthetic, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "one.dcm")
    other = synthetic.t2.with_array(ellipsoids(synthetic.t2.geometry, 9.0))
    write_dicom_seg(other, nodes_of(other), synthetic.files, tmp_path / "other.dcm")
    one, two = (
        {item.TrackingUID for item in pydicom.dcmread(tmp_path / name).SegmentSequence}
        for name in ("one.dcm", "other.dcm")
    )
    assert not one & two


def test_it_refers_to_every_image_that_shows_a_node(synthetic, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    (series,) = seg.ReferencedSeriesSequence
    header = pydicom.dcmread(synthetic.files[0])
    assert series.SeriesInstanceUID == header.SeriesInstanceUID
    assert seg.FrameOfReferenceUID == header.FrameOfReferenceUID
    shown = np.flatnonzero(synthetic.labels.array.any(axis=(1, 2)))
    expected = {pydicom.dcmread(synthetic.files[k]).SOPInstanceUID for k in shown}
    assert expected <= {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}


@pytest.mark.parametrize("label_map", [False, True])
def test_dcmqi_reads_it_back_equal(label_map: bool, synthetic, tmp_path: Path, dcmqi: Path) -> None:
    write_dicom_seg(
        synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm", label_map=label_map
    )
    subprocess.run(
        [
            *(dcmqi / "segimage2itkimage", "--inputDICOM", tmp_path / "seg.dcm"),
            *("--outputDirectory", tmp_path, "--outputType", "nrrd", "--mergeSegments"),
        ],
        check=True,
        capture_output=True,
    )
    (volume,) = tmp_path.glob("*.nrrd")
    read = sitk.Resample(
        sitk.ReadImage(str(volume)),
        synthetic.labels.to_sitk(),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), synthetic.labels.array)
    (metadata,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    types = {
        item["SegmentedPropertyTypeCodeSequence"]["CodeValue"]
        for group in metadata["segmentAttributes"]
        for item in group
    }
    assert "59441001" in types


def test_no_node_is_refused(synthetic, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No lymph node"):
        write_dicom_seg(synthetic.labels, [], synthetic.files, tmp_path / "seg.dcm")
    assert list(tmp_path.iterdir()) == []


def test_images_without_slice_thickness_will_do(tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    for file in t2.acquisition.source_files:
        header = pydicom.dcmread(file)
        del header.SliceThickness
        header.save_as(file)
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write_dicom_seg(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "seg.dcm")
    assert_holds(tmp_path / "seg.dcm", labels)


def test_without_highdicom_it_says_how_to_get_it(
    synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match="pip install highdicom"):
        write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm")
