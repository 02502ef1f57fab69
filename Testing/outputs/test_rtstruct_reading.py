"""RTSTRUCTs of others, drawn by hand so that the volume is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from Benchmarks.dicom_cases import GRIDS, awkward_shapes, nodes_of, reversed_slices, write_t2_series
from Benchmarks.rtstruct_referees import dice

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
Loop = Sequence[tuple[float, float]]


def rtstruct(
    path: Path, rois: dict[str, list[tuple[np.ndarray, str]]], frame_of_reference_uid: str = "1.2.3"
) -> Path:
    """Write a bare RTSTRUCT of contours (n, 3) in LPS, with their geometric types."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = RTSTRUCT, generate_uid()
    data.ReferencedFrameOfReferenceSequence = [Dataset()]
    data.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = frame_of_reference_uid
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, drawn.ReferencedROINumber = number, name, number
        drawn.ContourSequence = []
        for points, kind in contours:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
            contour.ContourData = [f"{value:.4f}" for value in np.ravel(points)]
            drawn.ContourSequence.append(contour)
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)
    return path


def axial(loop: Loop, z: float, kind: str = "CLOSED_PLANAR") -> tuple[np.ndarray, str]:
    return np.array([(x, y, z) for x, y in loop]), kind


def square(low: float, high: float) -> Loop:
    return [(low, low), (high, low), (high, high), (low, high)]


def grid(spacing_mm=(1.0, 1.0, 3.0), size=(60, 60, 20), **kwargs) -> Image:
    geometry = Geometry(size, (-30.0, -30.0, -30.0), spacing_mm, **kwargs)
    return Image(np.zeros(size[::-1], np.uint8), geometry)


def volume_mm3(read, label: int = 1) -> float:
    return np.count_nonzero(read.labels.array == label) * read.labels.geometry.voxel_volume_mm3


STACK_Z = (-6.0, -3.0, 0.0, 3.0)
BOX = 20.0 * 20.0 * 12.0


def box(loops: Sequence[Loop], kind: str = "CLOSED_PLANAR", z=STACK_Z) -> list[tuple[np.ndarray, str]]:
    return [axial(loop, depth, kind) for depth in z for loop in loops]


def test_a_box_has_its_volume_and_place(tmp_path: Path) -> None:
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"LN007 left": box([square(-10.5, 9.5)])}), grid())
    assert volume_mm3(read) == BOX
    k, j, i = np.nonzero(read.labels.array)
    assert (i.min(), i.max(), j.min(), j.max(), k.min(), k.max()) == (20, 39, 20, 39, 8, 11)
    assert read.ids == {1: "LN007"}
    assert read.names == {1: "LN007 left"}


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_separate_inner_loop_is_a_hole_and_one_in_it_an_island(kind: str, tmp_path: Path) -> None:
    loops = [square(-2.5, 1.5), square(-10.5, 9.5), square(-5.5, 4.5)]
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box(loops, kind)}), grid())
    assert volume_mm3(read) == BOX - 10 * 10 * 12 + 4 * 4 * 12


def test_a_keyhole_is_a_hole(tmp_path: Path) -> None:
    outer, inner = square(-10.5, 9.5), square(-5.5, 4.5)
    keyhole = [*outer, outer[0], *inner[:1], *inner[:0:-1], inner[0]]
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([keyhole])}), grid())
    assert volume_mm3(read) == BOX - 10 * 10 * 12


def test_loops_side_by_side_add_up(tmp_path: Path) -> None:
    loops = [square(-10.5, -0.5), [(x + 15.0, y) for x, y in square(-10.5, -0.5)]]
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box(loops)}), grid())
    assert volume_mm3(read) == 2 * 10 * 10 * 12


def test_the_same_loop_twice_is_no_hole(tmp_path: Path) -> None:
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)] * 2)}), grid())
    assert volume_mm3(read) == BOX


def test_contours_between_the_slices(tmp_path: Path) -> None:
    z = tuple(depth + 1.2 for depth in STACK_Z)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)], z=z)}), grid())
    assert volume_mm3(read) == BOX


def test_contours_halfway_between_the_slices_count_once(tmp_path: Path) -> None:
    z = tuple(depth + 1.5 for depth in STACK_Z)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)], z=z)}), grid())
    assert volume_mm3(read) == BOX


def test_contours_closer_than_the_slices(tmp_path: Path) -> None:
    z = np.arange(-7.0, 5.0, 1.0)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)], z=z)}), grid())
    assert volume_mm3(read) == BOX


def test_contours_farther_apart_than_the_slices(tmp_path: Path) -> None:
    read = read_segmentation(
        rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)])}), grid((1.0, 1.0, 1.0), (60, 60, 60))
    )
    assert volume_mm3(read) == BOX


def test_slices_without_a_contour_stay_empty(tmp_path: Path) -> None:
    z = (-9.0, -6.0, 3.0, 6.0)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)], z=z)}), grid())
    assert np.flatnonzero(read.labels.array.any(axis=(1, 2))).tolist() == [7, 8, 11, 12]


@pytest.mark.parametrize(
    "direction",
    [(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)],
)
def test_a_grid_of_another_orientation(direction: tuple[float, ...], tmp_path: Path) -> None:
    loops = [square(-10.4, 9.6), square(-5.4, 4.6)]
    image = grid((1.0, 1.0, 1.0), (60, 60, 60), direction_lps=direction)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box(loops)}), image)
    assert volume_mm3(read) == BOX - 10 * 10 * 12
    points = image.geometry.lps_from_ijk(np.argwhere(read.labels.array)[:, ::-1])
    np.testing.assert_allclose(points.min(axis=0), (-10.0, -10.0, -7.0), atol=1e-6)
    np.testing.assert_allclose(points.max(axis=0), (9.0, 9.0, 4.0), atol=1e-6)


def test_an_oblique_grid_keeps_volume_and_center(tmp_path: Path) -> None:
    direction = GRIDS["oblique"].direction
    start = tuple(-direction @ (0.4 * 89 * np.ones(3)))
    geometry = Geometry((90, 90, 90), start, (0.8, 0.8, 0.8), tuple(direction.ravel()))
    image = Image(np.zeros((90, 90, 90), np.uint8), geometry)
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.0, 10.0)])}), image)
    assert volume_mm3(read) == pytest.approx(BOX, rel=0.01)
    center = image.geometry.lps_from_ijk(np.argwhere(read.labels.array)[:, ::-1]).mean(axis=0)
    np.testing.assert_allclose(center, (0.0, 0.0, -1.5), atol=0.1)


def test_the_later_of_overlapping_rois_wins_and_it_is_said(tmp_path: Path) -> None:
    rois = {"first": box([square(-10.5, 9.5)]), "second": box([square(4.5, 14.5)])}
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", rois), grid())
    assert volume_mm3(read, 2) == 10 * 10 * 12
    assert volume_mm3(read, 1) == BOX - 5 * 5 * 12
    assert any("overlap" in note for note in read.notes)


def test_rois_without_ids_get_free_ones(tmp_path: Path) -> None:
    names = ("Heart", "LN002", "LN002 again", "LN12", "LN0345")
    rois = {name: box([[(x + 6 * n, y) for x, y in square(-20.5, -16.5)]]) for n, name in enumerate(names)}
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", rois), grid())
    assert read.ids == {1: "LN001", 2: "LN002", 3: "LN003", 4: "LN004", 5: "LN0345"}
    assert read.names[1] == "Heart"


def test_points_and_open_lines_are_passed_over(tmp_path: Path) -> None:
    rois = {
        "isocenter": [axial([(0.0, 0.0)], 0.0, "POINT")],
        "needle": [axial([(0.0, 0.0), (5.0, 5.0), (9.0, 5.0)], 0.0, "OPEN_PLANAR")],
        "LN001": box([square(-10.5, 9.5)]),
    }
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", rois), grid())
    assert read.ids == {1: "LN001"}


PLAN = {
    "BODY": "EXTERNAL",
    "Bladder": "ORGAN",
    "PTV": "PTV",
    "GTV-N1": "GTV",
    "Nodes left": "AVOIDANCE",
    "mine": "",
    "LN004": "ORGAN",
}


def plan(path: Path, types: dict[str, str]) -> Path:
    """An RTSTRUCT of a planning system: an ROI of each type, side by side."""
    rois = {name: box([[(x + 6 * n, y) for x, y in square(-20.5, -16.5)]]) for n, name in enumerate(types)}
    dataset = pydicom.dcmread(rtstruct(path, rois))
    dataset.RTROIObservationsSequence = []
    for number, kind in enumerate(types.values(), start=1):
        observation = Dataset()
        observation.ObservationNumber = observation.ReferencedROINumber = number
        observation.RTROIInterpretedType, observation.ROIInterpreter = kind, ""
        dataset.RTROIObservationsSequence.append(observation)
    dataset.save_as(path)
    return path


def test_organs_and_margins_of_a_plan_are_no_nodes(tmp_path: Path) -> None:
    read = read_segmentation(plan(tmp_path / "a.dcm", PLAN), grid())
    assert list(read.names.values()) == ["GTV-N1", "Nodes left", "mine", "LN004"]
    (note,) = read.notes
    assert "BODY (EXTERNAL), Bladder (ORGAN), PTV (PTV). Give" in note


def test_where_nothing_else_is_there_all_are_taken(tmp_path: Path) -> None:
    read = read_segmentation(plan(tmp_path / "a.dcm", {"left": "ORGAN", "right": "CTV"}), grid())
    assert (list(read.names.values()), read.notes) == (["left", "right"], ())


def test_another_frame_of_reference_is_said(tmp_path: Path) -> None:
    image = grid()
    image = Image(image.array, image.geometry, Acquisition(frame_of_reference_uid="9.9.9"))
    read = read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)])}), image)
    assert any("frame of reference" in note for note in read.notes)


@pytest.mark.parametrize(
    ("rois", "message"),
    [
        ({}, "no closed contour"),
        ({"x": [axial([(0.0, 0.0)], 0.0, "POINT")]}, "no closed contour"),
        ({"x": box([square(500.0, 510.0)])}, "do not overlap"),
        (
            {
                "x": [
                    (
                        np.array([(0, 0, 0), (9, 0, 0), (9, 9, 9), (0, 9, 0), (0, 5, 5)], float),
                        "CLOSED_PLANAR",
                    )
                ]
            },
            "parallel planes",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(rois, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_segmentation(rtstruct(tmp_path / "a.dcm", rois), grid())


@pytest.mark.parametrize("data", [["1", "2"], ["1", "2", "nan"] * 4, ["1", "2", "3", "4"] * 5])
def test_broken_contour_data_is_refused(data: list[str], tmp_path: Path) -> None:
    dataset = pydicom.dcmread(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)])}))
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = data
    dataset.save_as(tmp_path / "b.dcm")
    with pytest.raises(InputError, match="damaged"):
        read_segmentation(tmp_path / "b.dcm", grid())


def test_without_an_image_it_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--image"):
        read_segmentation(rtstruct(tmp_path / "a.dcm", {"x": box([square(-10.5, 9.5)])}))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("other_end", [False, True])
def test_ours_comes_back_the_same(name: str, other_end: bool, tmp_path: Path) -> None:
    geometry = reversed_slices(GRIDS[name]) if other_end else GRIDS[name]
    t2 = write_t2_series(tmp_path / "t2", geometry)
    labels = t2.with_array(awkward_shapes(geometry))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    read = read_segmentation(tmp_path / "rtstruct.dcm", t2)
    np.testing.assert_array_equal(read.labels.array, labels.array)
    assert list(read.ids.values()) == [node.id for node in nodes_of(labels)]


def test_the_reference_phantom_is_equal_to_its_mask(shared_data: Path) -> None:
    """IBSI's CT phantom: RTSTRUCT by CERR, mask made by others."""
    folder = shared_data / "rtstruct_ref" / "ibsi1_ct_lung_phantom"
    mask = Image.from_sitk(sitk.ReadImage(str(folder / "nifti" / "mask" / "mask.nii.gz")))
    read = read_segmentation(folder / "dicom" / "mask" / "DCM_RS_00060.dcm", mask)
    assert read.names == {1: "GTV-1"}
    assert dice(read.labels.array == 1, mask.array > 0) >= 0.99
    turned = Image.from_sitk(sitk.PermuteAxes(mask.to_sitk(), [2, 0, 1]))
    sagittal = read_segmentation(folder / "dicom" / "mask" / "DCM_RS_00060.dcm", turned)
    assert dice(sagittal.labels.array == 1, turned.array > 0) >= 0.99


def test_a_planning_rtstruct_has_the_volumes_of_its_contours(shared_data: Path, tmp_path: Path) -> None:
    """dicompyler's example: structures of a breast plan; areas by the shoelace formula."""
    dataset = pydicom.dcmread(shared_data / "rtstruct_ref" / "dicompyler_rtss.dcm")
    names = {roi.ROINumber: roi.ROIName for roi in dataset.StructureSetROISequence}
    del dataset.RTROIObservationsSequence  # which says what they are, and that they are no nodes
    dataset.ROIContourSequence = [
        item
        for item in dataset.ROIContourSequence
        if names[item.ReferencedROINumber] in ("Heart", "Tumor Bed")
    ]
    loops = {
        names[item.ReferencedROINumber]: [
            np.reshape(np.array(contour.ContourData, float), (-1, 3)) for contour in item.ContourSequence
        ]
        for item in dataset.ROIContourSequence
    }
    everything = np.concatenate([loop for several in loops.values() for loop in several])
    low, high = everything.min(axis=0) - 2.03, everything.max(axis=0) + 2.03
    step_mm = float(np.diff(np.unique(np.round(everything[:, 2], 2))).min())
    columns, rows = (int(np.ceil(length)) for length in (high - low)[:2])
    slices = round((everything[:, 2].max() - everything[:, 2].min()) / step_mm) + 1
    origin = (float(low[0]), float(low[1]), float(everything[:, 2].min()))
    dataset.save_as(tmp_path / "two.dcm")
    image = grid((1.0, 1.0, step_mm), (columns, rows, slices))
    image = Image(image.array, replace(image.geometry, origin_lps_mm=origin))
    read = read_segmentation(tmp_path / "two.dcm", image)
    for label, name in read.names.items():
        expected = sum(_shoelace(loop[:, :2]) for loop in loops[name]) * step_mm
        assert volume_mm3(read, label) == pytest.approx(expected, rel=0.01), name


def _shoelace(points: np.ndarray) -> float:
    x, y = points.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))
