"""A phantom's files, read by programs that did not write them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.phantom import Phantom, write_dicom, write_nrrd


@pytest.fixture(scope="module")
def nrrd(axial: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "nrrd"
    write_nrrd(axial, folder)
    return folder


@pytest.fixture(scope="module")
def dicom(sagittal: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "dicom"
    write_dicom(sagittal, folder)
    return folder


def by_series(folder: Path) -> dict[str, list[pydicom.Dataset]]:
    series: dict[str, list[pydicom.Dataset]] = {}
    for path in sorted(folder.iterdir()):
        data = pydicom.dcmread(path)
        series.setdefault(data.SeriesDescription.split()[1], []).append(data)
    return series


def test_nrrd_files(nrrd: Path, axial: Phantom) -> None:
    b_values = [round(image.acquisition.b_value_s_mm2 or 0) for image in axial.dwi_series]
    names = {"t2.nrrd", "adc.nrrd", "truth.seg.nrrd", "truth.json", "displacement.nrrd"}
    assert {path.name for path in nrrd.iterdir()} == names | {f"dwi_b{b:04d}.nrrd" for b in b_values}
    t2 = sitk.ReadImage(str(nrrd / "t2.nrrd"))
    np.testing.assert_allclose(t2.GetDirection(), axial.t2.geometry.direction_lps, atol=1e-9)
    np.testing.assert_allclose(t2.GetOrigin(), axial.t2.geometry.origin_lps_mm, atol=1e-6)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(t2), axial.t2.array)


def test_truth_json(nrrd: Path, axial: Phantom) -> None:
    truth = json.loads((nrrd / "truth.json").read_text())
    assert truth["synthetic"] is True
    assert "No patient" in truth["statement"]
    assert (truth["seed"], truth["difficulty"]) == (3, "standard")
    assert len(truth["nodes"]) == len(axial.nodes)
    for record, node in zip(truth["nodes"], axial.nodes):
        x, y, z = node.center_lps_mm
        np.testing.assert_allclose(record["centroid_ras_mm"], [-x, -y, z], atol=1e-3)
        assert record["short_axis_mm"] <= record["long_axis_mm"] + 1e-3


def test_displacement_is_a_transform_for_simpleitk(nrrd: Path, axial: Phantom) -> None:
    """The file, used as SimpleITK's transform T2 -> DWI, gives the displacement of the phantom."""
    field = sitk.ReadImage(str(nrrd / "displacement.nrrd"), sitk.sitkVectorFloat64)
    transform = sitk.DisplacementFieldTransform(field)
    k, j, i = (n // 2 for n in axial.labels.shape)
    point = axial.t2.geometry.lps_from_ijk(np.array([i, j, k]))
    moved = np.array(transform.TransformPoint(point.tolist()))
    np.testing.assert_allclose(moved - point, axial.displacement_lps_mm[k, j, i], atol=1e-3)


def test_segmentation_opens_in_slicer(nrrd: Path, axial: Phantom) -> None:
    slicer = pytest.importorskip("slicer", reason="needs slicer-core")
    import vtk

    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(nrrd / "truth.seg.nrrd"))
    scene = slicer.vtkMRMLScene()
    node = slicer.vtkMRMLSegmentationNode()
    scene.AddNode(node)
    scene.AddNode(storage)
    assert storage.ReadData(node)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == len(axial.nodes)
    for node_truth in axial.nodes:
        segment_id = f"T{node_truth.label:03d}"
        segment = segmentation.GetSegment(segment_id)
        assert segment is not None, segment_id
        assert segment.GetLabelValue() == node_truth.label
        tag = vtk.reference("")
        assert segment.GetTag("TerminologyEntry", tag)
        assert "59441001" in str(tag)
    image = slicer.vtkOrientedImageData()
    last = axial.nodes[-1]
    assert node.GetBinaryLabelmapRepresentation(f"T{last.label:03d}", image)
    extent = np.array(image.GetExtent()).reshape(3, 2)
    assert (extent[:, 1] >= extent[:, 0]).all()
    accumulate = vtk.vtkImageAccumulate()
    accumulate.SetInputData(image)
    accumulate.IgnoreZeroOn()
    accumulate.Update()
    assert accumulate.GetVoxelCount() == int((axial.labels == last.label).sum())


def test_dicom_series(dicom: Path, sagittal: Phantom) -> None:
    assert {path.name for path in dicom.iterdir()} == {
        "study", "truth.seg.nrrd", "truth.json", "displacement.nrrd",
    }  # fmt: skip
    series = by_series(dicom / "study")
    assert set(series) == {"T2", "DWI", "ADC"}
    everything = [data for files in series.values() for data in files]
    assert len({data.StudyInstanceUID for data in everything}) == 1
    assert len({data.FrameOfReferenceUID for data in everything}) == 1
    assert len({data.SeriesInstanceUID for data in everything}) == 3
    assert len({data.SOPInstanceUID for data in everything}) == len(everything)
    assert {str(data.PatientName) for data in everything} == {"Phantom^Pelvis"}
    b_values = {data.DiffusionBValue for data in series["DWI"]}
    assert b_values == {image.acquisition.b_value_s_mm2 for image in sagittal.dwi_series}
    assert "ADC" in series["ADC"][0].ImageType
    assert "TRACEW" in series["DWI"][0].ImageType
    assert {data.InPlanePhaseEncodingDirection for data in series["DWI"]} <= {"ROW", "COL"}


def test_dicom_geometry_as_simpleitk_reads_it(dicom: Path, sagittal: Phantom) -> None:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in sorted((dicom / "study").glob("t2_*.dcm"))])
    image = reader.Execute()
    geometry = sagittal.t2.geometry
    np.testing.assert_allclose(image.GetDirection(), geometry.direction_lps, atol=1e-5)
    np.testing.assert_allclose(image.GetSpacing(), geometry.spacing_mm, atol=1e-5)
    np.testing.assert_allclose(image.GetOrigin(), geometry.origin_lps_mm, atol=1e-4)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sagittal.t2.array)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dicom3tools")
def test_dicom_is_valid(dicom: Path) -> None:
    for pattern in ("t2_000", "dwi_b*_000", "adc_000"):
        for path in (dicom / "study").glob(pattern + ".dcm"):
            report = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
            errors = [line for line in report.stderr.splitlines() if line.startswith("Error")]
            assert errors == []


def test_writing_again_gives_the_same_uids(dicom: Path, sagittal: Phantom, tmp_path: Path) -> None:
    write_dicom(sagittal, tmp_path / "again")
    one, other = dicom / "study" / "t2_000.dcm", tmp_path / "again" / "study" / "t2_000.dcm"
    assert one.read_bytes() == other.read_bytes()


def test_an_existing_folder_is_updated_and_nothing_else_touched(axial: Phantom, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    write_nrrd(axial, folder)
    write_nrrd(axial, folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "t2.nrrd").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_in_the_way_is_one_clear_line(axial: Phantom, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="name a folder"):
        write_nrrd(axial, tmp_path / "out")
    with pytest.raises(InputError, match="choose another"):
        write_nrrd(axial, tmp_path / "out" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_nothing_behind(
    axial: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("LymphNodeSegLib.phantom.files.write_truth", fail)
    with pytest.raises(InputError, match="is full"):
        write_nrrd(axial, tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []
