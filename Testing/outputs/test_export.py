"""Export of segmentation files: who drew the nodes, and SEG as a label map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.outputs.export import export_segmentation
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation


def algorithms(path: Path) -> list[str]:
    dataset = pydicom.dcmread(path)
    if dataset.Modality == "SEG":
        return [str(segment.SegmentAlgorithmType) for segment in dataset.SegmentSequence]
    return [str(roi.ROIGenerationAlgorithm) for roi in dataset.StructureSetROISequence]


@pytest.fixture
def result(synthetic, tmp_path: Path) -> Path:
    """The .seg.nrrd of a run."""
    pytest.importorskip("slicer")
    from LymphNodeSegLib.scene import write_scene_files

    write_scene_files(tmp_path, synthetic.t2, synthetic.t2, None, synthetic.labels, synthetic.nodes)
    return tmp_path / "segmentation.seg.nrrd"


@pytest.mark.parametrize("output_format", ["rtstruct", "seg"])
def test_only_what_a_reader_changed_is_semiautomatic(synthetic, result: Path, output_format: str) -> None:
    series, out = Path(synthetic.files[0]).parent, result.with_name("out.dcm")
    export_segmentation(result, series, output_format, out)
    assert algorithms(out) == ["AUTOMATIC"] * 6
    image = sitk.ReadImage(str(result))
    array = sitk.GetArrayFromImage(image)
    where = np.argwhere(array == 2)[0]
    array[tuple(where)] = 0
    edited = sitk.GetImageFromArray(array)
    edited.CopyInformation(image)
    for key in image.GetMetaDataKeys():
        edited.SetMetaData(key, image.GetMetaData(key))
    sitk.WriteImage(edited, str(result), True)
    export_segmentation(result, series, output_format, out)
    assert algorithms(out) == ["AUTOMATIC", "SEMIAUTOMATIC", *["AUTOMATIC"] * 4]


def test_what_somebody_drew_is_not_called_automatic(synthetic, tmp_path: Path) -> None:
    sitk.WriteImage(synthetic.labels.to_sitk(), str(tmp_path / "labels.nrrd"))
    series = Path(synthetic.files[0]).parent
    export_segmentation(tmp_path / "labels.nrrd", series, "rtstruct", tmp_path / "out.dcm")
    assert algorithms(tmp_path / "out.dcm") == ["SEMIAUTOMATIC"] * 6


def test_a_label_map_comes_back(synthetic, tmp_path: Path) -> None:
    sitk.WriteImage(synthetic.labels.to_sitk(), str(tmp_path / "labels.nrrd"))
    series = Path(synthetic.files[0]).parent
    export_segmentation(tmp_path / "labels.nrrd", series, "seg", tmp_path / "out.dcm", label_map=True)
    assert pydicom.dcmread(tmp_path / "out.dcm").SegmentationType == "LABELMAP"
    read = read_segmentation(tmp_path / "out.dcm", synthetic.t2)
    np.testing.assert_array_equal(read.labels.array > 0, synthetic.labels.array > 0)
    assert list(read.ids.values()) == [node.id for node in synthetic.nodes]
