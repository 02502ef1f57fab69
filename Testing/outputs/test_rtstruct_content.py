"""What a planning system or archive reads in the RTSTRUCT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct

from Benchmarks.dicom_cases import GRIDS, awkward_shapes, ellipsoids, nodes_of, write_t2_series

CARRIED_OVER = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)


@pytest.fixture(scope="module")
def written(synthetic, tmp_path_factory: pytest.TempPathFactory) -> pydicom.Dataset:
    path = tmp_path_factory.mktemp("rtstruct") / "rtstruct.dcm"
    nodes = list(synthetic.nodes)
    nodes[0] = replace(nodes[0], side="left", station="external iliac", size_class="target")
    nodes[1] = replace(nodes[1], size_class="normal", side="unknown", station="unknown")
    write_rtstruct(synthetic.labels, nodes, synthetic.files, path, edited_ids={"LN002"})
    return pydicom.dcmread(path)


def sources(files) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in files]


@pytest.mark.parametrize("keyword", CARRIED_OVER)
def test_patient_and_study_are_those_of_the_t2(written, synthetic, keyword: str) -> None:
    assert written[keyword].value == pydicom.dcmread(synthetic.files[0])[keyword].value


def test_every_instance_of_the_t2_is_referenced(written, synthetic) -> None:
    (frame,) = written.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    originals = sources(synthetic.files)
    assert frame.FrameOfReferenceUID == originals[0].FrameOfReferenceUID
    assert study.ReferencedSOPInstanceUID == originals[0].StudyInstanceUID
    assert series.SeriesInstanceUID == originals[0].SeriesInstanceUID
    referenced = [item.ReferencedSOPInstanceUID for item in series.ContourImageSequence]
    assert sorted(referenced) == sorted(image.SOPInstanceUID for image in originals)


def test_each_contour_lies_on_the_image_that_it_names(written, synthetic) -> None:
    by_uid = {image.SOPInstanceUID: image for image in sources(synthetic.files)}
    for roi in written.ROIContourSequence:
        for contour in roi.ContourSequence:
            image = by_uid[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            row, column = np.reshape(np.array(image.ImageOrientationPatient, float), (2, 3))
            points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
            depth = (points - np.array(image.ImagePositionPatient, float)) @ np.cross(row, column)
            assert np.abs(depth).max() < 1e-4


def test_contours_of_a_multi_frame_t2_name_the_frame(multi_frame, tmp_path: Path) -> None:
    write_rtstruct(multi_frame.labels, multi_frame.nodes, multi_frame.files, tmp_path / "rtstruct.dcm")
    image = pydicom.dcmread(multi_frame.files[0])
    row, column = np.reshape(
        np.array(
            image.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, float
        ),
        (2, 3),
    )
    for roi in pydicom.dcmread(tmp_path / "rtstruct.dcm").ROIContourSequence:
        for contour in roi.ContourSequence:
            (reference,) = contour.ContourImageSequence
            assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
            frame = image.PerFrameFunctionalGroupsSequence[reference.ReferencedFrameNumber - 1]
            position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
            assert np.abs((points - position) @ np.cross(row, column)).max() < 1e-4


def test_one_roi_a_node(written, synthetic) -> None:
    names = [roi.ROIName for roi in written.StructureSetROISequence]
    assert names == ["LN001 left external iliac", "LN002", "LN003", "LN004", "LN005", "LN006"]
    numbers = [roi.ROINumber for roi in written.StructureSetROISequence]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert [item.ReferencedROINumber for item in written.ROIContourSequence] == numbers
    assert [item.ReferencedROINumber for item in written.RTROIObservationsSequence] == numbers
    volumes_cm3 = [float(roi.ROIVolume) for roi in written.StructureSetROISequence]
    assert volumes_cm3 == pytest.approx([node.volume_mm3 / 1000 for node in synthetic.nodes], abs=1e-5)


def test_edited_nodes_are_semiautomatic(written) -> None:
    algorithms = [roi.ROIGenerationAlgorithm for roi in written.StructureSetROISequence]
    assert algorithms == ["AUTOMATIC", "SEMIAUTOMATIC", "AUTOMATIC", "AUTOMATIC", "AUTOMATIC", "AUTOMATIC"]


def test_the_observation_says_lymph_node_and_no_therapy(written) -> None:
    for item in written.RTROIObservationsSequence:
        (code,) = item.RTROIIdentificationCodeSequence
        assert (code.CodeValue, code.CodingSchemeDesignator) == ("59441001", "SCT")
        assert item.RTROIInterpretedType == ""
        assert item.ROIInterpreter == ""


def test_size_classes_differ_in_color(written) -> None:
    colors = [tuple(item.ROIDisplayColor) for item in written.ROIContourSequence]
    assert colors[0] != colors[1]
    assert all(0 <= value <= 255 for color in colors for value in color)


def test_it_says_who_made_it_and_that_it_is_for_research(written) -> None:
    assert written.Manufacturer == "LymphNodeSeg"
    assert written.SoftwareVersions.startswith("LymphNodeSeg ")
    assert "research" in written.SeriesDescription.lower()
    assert "research" in written.StructureSetDescription.lower()
    assert written.ApprovalStatus == "UNAPPROVED"


@pytest.mark.parametrize("grid", ["axial", "oblique, pixels 0.6x0.9"])
def test_contours_are_planar_polygons_with_numbers_of_16_characters(grid: str, tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS[grid])
    labels = t2.with_array(awkward_shapes(t2.geometry))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    for roi in pydicom.dcmread(tmp_path / "rtstruct.dcm").ROIContourSequence:
        for contour in roi.ContourSequence:
            numbers = contour.get_item("ContourData").value.decode("ascii").rstrip().split("\\")
            assert max(map(len, numbers)) <= 16
            assert contour.ContourGeometricType == "CLOSED_PLANAR"
            assert contour.NumberOfContourPoints * 3 == len(numbers)
            assert contour.NumberOfContourPoints >= 4


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 144", "Люксембург^Роза"),
        ("ISO_IR 192", "王^小東"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (None, "Plain^Name"),
    ],
)
def test_names_survive_in_the_character_set_of_the_t2(character_set, name: str, tmp_path: Path) -> None:
    t2 = write_t2_series(
        tmp_path / "t2", GRIDS["axial"], SpecificCharacterSet=character_set or "", PatientName=name
    )
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    original, written = (
        pydicom.dcmread(path) for path in (t2.acquisition.source_files[0], tmp_path / "rtstruct.dcm")
    )
    assert str(written.PatientName) == name
    assert (written.get("SpecificCharacterSet") or None) == (original.get("SpecificCharacterSet") or None)


def test_a_station_that_the_character_set_lacks_makes_it_utf8(tmp_path: Path) -> None:
    t2 = write_t2_series(
        tmp_path / "t2", GRIDS["axial"], SpecificCharacterSet="ISO_IR 144", PatientName="Роза"
    )
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    nodes = [replace(node, station="iliaque latéral") for node in nodes_of(labels)]
    write_rtstruct(labels, nodes, t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    written = pydicom.dcmread(tmp_path / "rtstruct.dcm")
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == "Роза"
    assert written.StructureSetROISequence[0].ROIName == "LN001 iliaque latéral"


def test_deidentified_stays_marked_as_deidentified(patient, tmp_path: Path) -> None:
    write_rtstruct(patient.labels, patient.nodes, patient.files, tmp_path / "rtstruct.dcm")
    assert pydicom.dcmread(tmp_path / "rtstruct.dcm").PatientIdentityRemoved == "YES"


def test_no_node_is_refused_and_writes_nothing(synthetic, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No lymph node"):
        write_rtstruct(synthetic.labels, [], synthetic.files, tmp_path / "rtstruct.dcm")
    assert list(tmp_path.iterdir()) == []


def test_another_series_is_refused(synthetic, tmp_path: Path) -> None:
    other = write_t2_series(tmp_path / "other", GRIDS["axial"])
    with pytest.raises(InputError, match="give the series that the nodes were drawn on"):
        write_rtstruct(
            synthetic.labels, synthetic.nodes, other.acquisition.source_files, tmp_path / "rtstruct.dcm"
        )


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "ImagePositionPatient", "SOPInstanceUID"])
def test_broken_reference_headers_are_refused(synthetic, keyword: str, tmp_path: Path) -> None:
    files = []
    for file in synthetic.files:
        header = pydicom.dcmread(file)
        delattr(header, keyword)
        files.append(tmp_path / file.name)
        header.save_as(files[-1])
    with pytest.raises(InputError, match="original DICOM series"):
        write_rtstruct(synthetic.labels, synthetic.nodes, files, tmp_path / "rtstruct.dcm")


def test_files_that_are_no_dicom_are_refused(synthetic, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match="cannot be read as DICOM"):
        write_rtstruct(synthetic.labels, synthetic.nodes, [tmp_path / "notes.txt"], tmp_path / "rtstruct.dcm")


def test_a_folder_that_is_not_there_is_refused_in_one_line(synthetic, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_rtstruct(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "none" / "rtstruct.dcm")


def test_a_failed_write_leaves_the_old_file(
    synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rtstruct.dcm"
    path.write_bytes(b"old")

    def full_disk(self: pydicom.Dataset, file: Path, **_: object) -> None:
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pydicom.Dataset, "save_as", full_disk)
    with pytest.raises(InputError, match="No space left"):
        write_rtstruct(synthetic.labels, synthetic.nodes, synthetic.files, path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["rtstruct.dcm"]


def test_messages_hold_no_patient_data(synthetic, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    t2 = write_t2_series(
        tmp_path / "t2", GRIDS["axial"], PatientID="SECRET" * 20, PatientBirthDate="1.1.SECRET"
    )
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    recwarn.clear()
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    assert [str(warning.message) for warning in recwarn if "SECRET" in str(warning.message)] == []


@pytest.mark.parametrize("seed", range(40))
def test_damaged_reference_headers_are_refused_in_one_line_or_do_no_harm(
    seed: int, small, tmp_path: Path
) -> None:
    labels, files = small
    rng = np.random.default_rng(seed)
    damaged = []
    for file in files:
        content = bytearray(file.read_bytes())
        if rng.random() < 0.3:
            content = content[: int(rng.integers(132, len(content)))]
        for position in rng.integers(132, len(content), 6):
            content[position] = int(rng.integers(0, 256))
        damaged.append(tmp_path / file.name)
        damaged[-1].write_bytes(content)
    try:
        write_rtstruct(labels, nodes_of(labels), damaged, tmp_path / "rtstruct.dcm")
    except InputError as refusal:
        message = str(refusal)
    else:
        message = ""
        assert pydicom.dcmread(tmp_path / "rtstruct.dcm").StructureSetROISequence[0].ROIName == "LN001"
    assert "\n" not in message
    assert (tmp_path / "rtstruct.dcm").exists() == (message == "")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    """A series whose files are nearly all header."""
    geometry = replace(GRIDS["axial"], size_ijk=(6, 5, 2))
    t2 = write_t2_series(tmp_path_factory.mktemp("small") / "t2", geometry)
    array = np.zeros((2, 5, 6), np.uint16)
    array[:, 1:3, 2:5] = 1
    return t2.with_array(array), t2.acquisition.source_files
