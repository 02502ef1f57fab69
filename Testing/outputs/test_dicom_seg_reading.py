"""DICOM SEGs of others: of dcmqi, FRACTIONAL, LABELMAP, overlapping, damaged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.outputs.dicom_seg import write_dicom_seg
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation
from pydicom.sr.codedict import codes

from Benchmarks.dicom_cases import GRIDS, awkward_shapes, nodes_of, write_t2_series


def foreign_seg(path: Path, files: list[Path], pixels: np.ndarray, kind: str, names: list[str]) -> Path:
    """A SEG as another program may write it: no tracking ids, names of its own."""
    seg = hd.seg.Segmentation(
        source_images=[pydicom.dcmread(file) for file in files],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                number, name, codes.SCT.Organ, codes.SCT.LymphNode, hd.seg.SegmentAlgorithmTypeValues.MANUAL
            )
            for number, name in enumerate(names, start=1)
        ],
        series_instance_uid=hd.UID(),
        series_number=5,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Somebody",
        manufacturer_model_name="Something",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(path)
    return path


def test_ours_comes_back_on_the_grid_of_the_t2(synthetic, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm")
    read = read_segmentation(tmp_path / "seg.dcm", synthetic.t2)
    np.testing.assert_array_equal(read.labels.array, synthetic.labels.array)
    assert list(read.ids.values()) == [node.id for node in synthetic.nodes]
    alone = read_segmentation(tmp_path / "seg.dcm")
    assert np.count_nonzero(alone.labels.array) == np.count_nonzero(synthetic.labels.array)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_names_and_voxels_of_others(kind: str, tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["sagittal, pixels 0.9x0.6"])
    array = awkward_shapes(t2.geometry)
    names = ["node A", "LN002", "LN007 left", "x", "y", "z"]
    path = foreign_seg(tmp_path / "seg.dcm", list(t2.acquisition.source_files), array, kind, names)
    read = read_segmentation(path, t2)
    np.testing.assert_array_equal(read.labels.array, array)
    assert list(read.names.values()) == names
    assert list(read.ids.values()) == ["LN001", "LN002", "LN007", "LN004", "LN005", "LN006"]


def test_a_fraction_of_one_half_belongs_to_the_segment(tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    fractions = np.zeros((*t2.array.shape, 1), dtype=np.float32)
    fractions[4, 10:20, 10:20] = 0.25
    fractions[4, 12:18, 12:18] = 0.75
    path = foreign_seg(
        tmp_path / "seg.dcm", list(t2.acquisition.source_files), fractions, "FRACTIONAL", ["a"]
    )
    read = read_segmentation(path, t2)
    np.testing.assert_array_equal(read.labels.array == 1, fractions[..., 0] > 0.5)


def test_of_overlapping_segments_the_later_wins_and_it_is_said(tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    masks = np.zeros((*t2.array.shape, 2), dtype=np.uint8)
    masks[3:6, 10:20, 10:20, 0] = 1
    masks[4, 15:25, 15:25, 1] = 1
    path = foreign_seg(tmp_path / "seg.dcm", list(t2.acquisition.source_files), masks, "BINARY", ["a", "b"])
    read = read_segmentation(path, t2)
    np.testing.assert_array_equal(read.labels.array == 2, masks[..., 1] == 1)
    np.testing.assert_array_equal(read.labels.array == 1, (masks[..., 0] == 1) & (masks[..., 1] == 0))
    assert any("overlap" in note for note in read.notes)


def test_a_seg_by_dcmqi(synthetic, tmp_path: Path, dcmqi: Path) -> None:
    sitk.WriteImage(synthetic.labels.to_sitk(), str(tmp_path / "labels.nrrd"))
    attributes: list[dict[str, Any]] = [
        {
            "labelID": node.label,
            "SegmentDescription": "node",
            "SegmentLabel": f"node number {node.label}",
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": code("85756007", "Tissue"),
            "SegmentedPropertyTypeCodeSequence": code("59441001", "Lymph node"),
        }
        for node in synthetic.nodes
    ]
    metadata = {
        "ContentCreatorName": "Somebody",
        "SeriesDescription": "by dcmqi",
        "SeriesNumber": "5",
        "InstanceNumber": "1",
        "segmentAttributes": [attributes],
    }
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    subprocess.run(
        [
            *(dcmqi / "itkimage2segimage", "--inputImageList", tmp_path / "labels.nrrd"),
            *(
                "--inputDICOMDirectory",
                synthetic.files[0].parent,
                "--inputMetadata",
                tmp_path / "metadata.json",
            ),
            *("--outputDICOM", tmp_path / "seg.dcm"),
        ],
        check=True,
        capture_output=True,
    )
    read = read_segmentation(tmp_path / "seg.dcm", synthetic.t2)
    np.testing.assert_array_equal(read.labels.array, synthetic.labels.array)
    assert read.names[3] == "node number 3"


def code(value: str, meaning: str) -> dict[str, str]:
    return {"CodeValue": value, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}


@pytest.mark.parametrize(("kind", "count"), [("rtstruct", 60), ("seg", 15)])
def test_damaged_files_are_refused_or_read_and_never_crash(kind: str, count: int, tmp_path: Path) -> None:
    """Bytes changed, cut off, repeated at random: an InputError of one line, or a segmentation."""
    t2 = write_t2_series(tmp_path / "t2", GRIDS["axial"])
    labels = t2.with_array(awkward_shapes(t2.geometry))
    write = {"rtstruct": write_rtstruct, "seg": write_dicom_seg}[kind]
    write(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "good.dcm")
    good = (tmp_path / "good.dcm").read_bytes()
    rng = np.random.default_rng(5)
    refusals = []
    for number in range(count):
        data = bytearray(good)
        if number % 3 == 0:
            data = data[: int(rng.integers(1, len(data)))]
        for _ in range(1 + number % 7):
            data[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(data)
        try:
            read_segmentation(path, t2)
        except InputError as refusal:
            refusals.append(str(refusal))
    assert refusals
    assert not any("\n" in refusal for refusal in refusals)


@pytest.mark.parametrize(
    "keyword", ["SegmentSequence", "PerFrameFunctionalGroupsSequence", "PixelData", "Rows"]
)
def test_a_seg_that_lacks_something_is_refused(synthetic, keyword: str, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm")
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    delattr(dataset, keyword)
    dataset.save_as(tmp_path / "broken.dcm")
    with pytest.raises(InputError):
        read_segmentation(tmp_path / "broken.dcm", synthetic.t2)


def test_an_encoding_that_nobody_can_decode_is_named(synthetic, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "seg.dcm")
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0\0" * 40] * int(dataset.NumberOfFrames))
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    dataset.save_as(tmp_path / "seg.dcm")
    with pytest.raises(InputError, match="stored as RLE Lossless"):
        read_segmentation(tmp_path / "seg.dcm")
