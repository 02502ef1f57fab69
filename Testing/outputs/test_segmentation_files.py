"""Segmentations of any kind, on the grid that is wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.outputs.rtstruct import write_rtstruct
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation, read_segmentations

from Benchmarks.dicom_cases import GRIDS, ellipsoids, nodes_of, reversed_slices, write_t2_series


def label_map(name: str = "oblique, pixels 0.6x0.9", size_mm: float = 8.0) -> Image:
    return Image(ellipsoids(GRIDS[name], size_mm), GRIDS[name])


def save(image: Image, path: Path) -> Path:
    sitk.WriteImage(image.to_sitk(), str(path))
    return path


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".nii", ".mha", ".mhd"])
def test_a_label_map_has_a_node_for_each_label(suffix: str, tmp_path: Path) -> None:
    labels = label_map()
    labels = labels.with_array(np.where(labels.array == 3, 17, labels.array).astype(np.uint16))
    read = read_segmentation(save(labels, tmp_path / f"labels{suffix}"))
    np.testing.assert_array_equal(read.labels.array, labels.array)
    assert read.labels.geometry.is_close(labels.geometry, 1e-3)
    assert read.ids == {n: f"LN{n:03d}" for n in (1, 2, 4, 5, 6, 17)}


def test_a_label_map_of_decimals_that_are_whole(tmp_path: Path) -> None:
    labels = label_map()
    path = save(labels.with_array(labels.array.astype(np.float32)), tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(read_segmentation(path).labels.array, labels.array)


def test_a_mask_of_all_nodes_in_one_is_told_from_labels(tmp_path: Path) -> None:
    labels = label_map()
    mask = labels.with_array((labels.array > 0).astype(np.uint8))
    (note,) = read_segmentation(save(mask, tmp_path / "mask.nrrd")).notes
    assert "one label, in 6 pieces that do not touch" in note
    one = labels.with_array((labels.array == 1).astype(np.uint8))
    assert read_segmentation(save(one, tmp_path / "one.nrrd")).notes == ()


def test_an_empty_label_map_is_a_segmentation_without_nodes(tmp_path: Path) -> None:
    empty = Image(np.zeros((4, 5, 6), np.uint8), Geometry((6, 5, 4)))
    read = read_segmentation(save(empty, tmp_path / "empty.nrrd"))
    assert read.ids == {}
    assert not read.labels.array.any()


@pytest.mark.parametrize("turn", ["flipped", "permuted", "cropped", "other end"])
def test_the_result_has_the_grid_of_the_image(turn: str, tmp_path: Path) -> None:
    """The same voxels stored in another way, as other programs do."""
    labels = label_map()
    stored = labels.to_sitk()
    if turn == "flipped":
        stored = sitk.Flip(stored, [True, False, True])
    elif turn == "permuted":
        stored = sitk.PermuteAxes(stored, [2, 0, 1])
    elif turn == "cropped":
        k, j, i = np.nonzero(labels.array)
        stored = stored[
            int(i.min()) : int(i.max()) + 1, int(j.min()) : int(j.max()) + 1, int(k.min()) : int(k.max()) + 1
        ]
    else:
        other = reversed_slices(labels.geometry)
        stored = Image(labels.array[::-1].copy(), other).to_sitk()
    sitk.WriteImage(stored, str(tmp_path / "labels.nrrd"))
    read = read_segmentation(tmp_path / "labels.nrrd", labels)
    np.testing.assert_array_equal(read.labels.array, labels.array)
    assert read.labels.geometry == labels.geometry


def test_a_node_outside_the_image_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    labels = label_map("axial")
    path = save(labels, tmp_path / "labels.nrrd")
    half = Image(
        np.zeros((14, 96, 64), np.uint8),
        Geometry((64, 96, 14), labels.geometry.origin_lps_mm, labels.geometry.spacing_mm),
    )
    read = read_segmentation(path, half)
    assert sorted(read.ids) == [1, 2, 4, 5]
    assert any("LN003, LN006" in note for note in read.notes)


def test_an_image_elsewhere_is_refused(tmp_path: Path) -> None:
    path = save(label_map("axial"), tmp_path / "labels.nrrd")
    far = Image(np.zeros((5, 5, 5), np.uint8), Geometry((5, 5, 5), (900.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="do not overlap"):
        read_segmentation(path, far)


# Segmentations as Slicer writes them


def slicer_segmentation(path: Path, masks: dict[str, np.ndarray], image: Image, whole_grid: bool) -> Path:
    """Write masks by slicer-core; those that overlap get layers of their own."""
    slicer = pytest.importorskip("slicer")
    import vtk
    from vtk.util import numpy_support

    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(image.geometry.ijk_to_ras.ravel().tolist())
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    for name, mask in masks.items():
        voxels = np.argwhere(mask)
        low, high = voxels.min(axis=0), voxels.max(axis=0)
        block = np.ascontiguousarray(mask[tuple(slice(a, b + 1) for a, b in zip(low, high))], dtype=np.uint8)
        data = slicer.vtkOrientedImageData()
        data.SetExtent(*(int(v) for a, b in zip(low[::-1], high[::-1]) for v in (a, b)))
        scalars = numpy_support.numpy_to_vtk(block.ravel(), deep=1, array_type=vtk.VTK_UNSIGNED_CHAR)
        data.GetPointData().SetScalars(scalars)
        data.SetImageToWorldMatrix(matrix)
        segment = slicer.vtkSegment()
        segment.SetName(f"name of {name}")
        segment.AddRepresentation("Binary labelmap", data)
        node.GetSegmentation().AddSegment(segment, name)
    if whole_grid:
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        pixels = vtk.vtkImageData()
        pixels.SetDimensions(image.geometry.size_ijk)
        pixels.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        volume.SetAndObserveImageData(pixels)
        volume.SetIJKToRASMatrix(matrix)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def masks_of(labels: Image) -> dict[str, np.ndarray]:
    return {f"LN{n:03d}": labels.array == n for n in np.unique(labels.array) if n}


def test_a_slicer_segmentation_keeps_ids_names_and_the_whole_grid(tmp_path: Path) -> None:
    labels = label_map()
    read = read_segmentation(slicer_segmentation(tmp_path / "a.seg.nrrd", masks_of(labels), labels, True))
    np.testing.assert_array_equal(read.labels.array, labels.array)
    assert read.labels.geometry.is_close(labels.geometry)
    assert list(read.ids.values()) == ["LN001", "LN002", "LN003", "LN004", "LN005", "LN006"]
    assert read.names[2] == "name of LN002"
    assert read.notes == ()


def test_a_slicer_segmentation_without_a_reference_lands_on_that_of_the_image(tmp_path: Path) -> None:
    labels = label_map("sagittal")
    path = slicer_segmentation(tmp_path / "a.seg.nrrd", masks_of(labels), labels, False)
    assert read_segmentation(path).labels.geometry.size_ijk != labels.geometry.size_ijk
    np.testing.assert_array_equal(read_segmentation(path, labels).labels.array, labels.array)


def test_overlapping_segments_have_layers_and_the_later_one_wins(tmp_path: Path) -> None:
    labels = label_map()
    masks = masks_of(labels)
    masks["LN002"] = masks["LN002"] | np.roll(masks["LN002"], 3, axis=2)
    masks["extra"] = np.roll(masks["LN002"], 2, axis=1)
    path = slicer_segmentation(tmp_path / "a.seg.nrrd", masks, labels, True)
    assert sitk.ReadImage(str(path)).GetNumberOfComponentsPerPixel() > 1
    read = read_segmentation(path)
    found = {read.ids[n]: read.labels.array == n for n in read.ids}
    np.testing.assert_array_equal(found["extra"], masks["extra"])
    np.testing.assert_array_equal(found["LN002"], masks["LN002"] & ~masks["extra"])
    assert any("overlap" in note for note in read.notes)


def test_a_segmentation_of_our_scene(tmp_path: Path) -> None:
    pytest.importorskip("slicer")
    from LymphNodeSegLib.scene import write_scene_files

    labels = label_map("oblique")
    write_scene_files(tmp_path, labels, labels, None, labels, nodes_of(labels))
    read = read_segmentation(tmp_path / "segmentation.seg.nrrd")
    assert list(read.ids.values()) == ["LN001", "LN002", "LN003", "LN004", "LN005", "LN006"]
    np.testing.assert_array_equal(
        read_segmentation(tmp_path / "segmentation.seg.nrrd", labels).labels.array, labels.array
    )
    assert read.labels.geometry.is_close(labels.geometry)


# Two segmentations to compare


def test_two_segmentations_come_on_one_grid_that_holds_both(tmp_path: Path) -> None:
    """What the prediction has beyond a cropped truth is a false positive and must not get lost."""
    labels = label_map()
    prediction = save(labels, tmp_path / "prediction.nrrd")
    only_first = np.where(labels.array == 1, labels.array, 0).astype(np.uint16)
    k, j, i = (slice(int(v.min()), int(v.max()) + 1) for v in np.nonzero(only_first))
    cropped = Image(labels.with_array(only_first).array, labels.geometry).to_sitk()[i, j, k]
    sitk.WriteImage(cropped, str(tmp_path / "truth.nrrd"))
    one, two = read_segmentations(prediction, tmp_path / "truth.nrrd")
    assert one.labels.geometry == two.labels.geometry
    assert np.count_nonzero(one.labels.array) == np.count_nonzero(labels.array)
    assert np.count_nonzero(two.labels.array) == np.count_nonzero(only_first)
    np.testing.assert_array_equal(one.labels.array == 1, two.labels.array == 1)


@pytest.mark.parametrize("rtstruct_first", [True, False])
def test_an_rtstruct_takes_the_grid_of_the_other(rtstruct_first: bool, tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["oblique"])
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, tmp_path / "rtstruct.dcm")
    paths = [tmp_path / "rtstruct.dcm", save(labels, tmp_path / "labels.nrrd")]
    one, two = read_segmentations(*(paths if rtstruct_first else paths[::-1]))
    np.testing.assert_array_equal(one.labels.array, two.labels.array)
    with pytest.raises(InputError, match="Both files are RTSTRUCT"):
        read_segmentations(paths[0], paths[0])
    both = read_segmentations(paths[0], paths[0], t2)
    for one in both:
        np.testing.assert_array_equal(one.labels.array, labels.array)


def test_an_rtstruct_without_preamble(tmp_path: Path) -> None:
    t2 = write_t2_series(tmp_path / "t2", GRIDS["oblique"])
    labels = t2.with_array(ellipsoids(t2.geometry, 8.0))
    path = tmp_path / "rtstruct.dcm"
    write_rtstruct(labels, nodes_of(labels), t2.acquisition.source_files, path)
    content = path.read_bytes()
    path.write_bytes(
        content[content.index(b"\x08\x00", 132 + 12 + int.from_bytes(content[140:144], "little")) :]
    )
    np.testing.assert_array_equal(read_segmentation(path, t2).labels.array, labels.array)


def test_segmentations_of_different_patients_are_refused(tmp_path: Path) -> None:
    near = save(label_map("axial"), tmp_path / "near.nrrd")
    geometry = Geometry((3, 3, 3), (9e5, 9e5, 9e5))
    far = save(Image(np.ones((3, 3, 3), np.uint8), geometry), tmp_path / "far.nrrd")
    with pytest.raises(InputError, match="too far apart"):
        read_segmentations(far, near)


# What cannot be used


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    rng = np.random.default_rng(0)
    noise = Image(rng.integers(0, 4000, (12, 40, 40)).astype(np.int16), Geometry((40, 40, 12)))
    halves = noise.with_array(rng.integers(0, 3, noise.array.shape) * np.float32(0.5))
    unknown = noise.with_array(np.where(noise.array > 2000, np.nan, 1.0).astype(np.float32))
    good = save(label_map(), folder / "good.nrrd").read_bytes()
    for name, content in {
        "text.nrrd": b"no image",
        "text.dcm": b"no image",
        "truncated.nii.gz": save(label_map(), folder / "good.nii.gz").read_bytes()[:-40],
        "truncated.nrrd": good[: len(good) // 2],
        "empty.nrrd": b"",
        "sheared.nrrd": b"NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 4 4\n"
        b"space directions: (1,0,0) (0.5,1,0) (0,0,3)\nkinds: domain domain domain\nencoding: raw\n\n"
        + bytes(63)
        + b"\1",
        "empty": b"",
    }.items():
        (folder / name).write_bytes(content)
    sitk.WriteImage(sitk.Image([5, 5], sitk.sitkUInt8), str(folder / "flat.nrrd"))
    sitk.WriteImage(sitk.Image([5, 5, 5, 2], sitk.sitkUInt8), str(folder / "series.nrrd"))
    sitk.WriteImage(sitk.Image([5, 5, 5], sitk.sitkVectorUInt8, 3), str(folder / "colors.nrrd"))
    (folder / "folder").mkdir()
    t2 = write_t2_series(folder / "t2", GRIDS["axial"])
    return {
        "absent": (folder / "none.nrrd", "does not exist"),
        "a folder": (folder / "folder", "is a folder"),
        "an image": (save(noise, folder / "image.nrrd"), "different values"),
        "negative": (save(noise.with_array(-noise.array), folder / "negative.nrrd"), "whole numbers from 0"),
        "halves": (save(halves, folder / "halves.nrrd"), "not whole numbers"),
        "unknown": (save(unknown, folder / "nan.nrrd"), "whole numbers from 0"),
        "text": (folder / "text.nrrd", "cannot be read"),
        "no DICOM": (folder / "text.dcm", "is no segmentation"),
        "cut off": (folder / "truncated.nii.gz", "cannot be read"),
        "truncated": (folder / "truncated.nrrd", "cannot be read"),
        "empty": (folder / "empty.nrrd", "cannot be read"),
        "empty DICOM": (folder / "empty", "is no segmentation"),
        "two dimensions": (folder / "flat.nrrd", "dimensions"),
        "four dimensions": (folder / "series.nrrd", "dimensions"),
        "colors": (folder / "colors.nrrd", "several values"),
        "sheared": (folder / "sheared.nrrd", "is sheared"),
        "an MR image": (t2.acquisition.source_files[0], "neither an RTSTRUCT nor a SEG"),
    }


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    return bad_files(tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize(
    "kind",
    [
        "absent",
        "a folder",
        "an image",
        "negative",
        "halves",
        "unknown",
        "text",
        "no DICOM",
        "cut off",
        "truncated",
        "empty",
        "empty DICOM",
        "two dimensions",
        "four dimensions",
        "colors",
        "sheared",
        "an MR image",
    ],
)
def test_what_is_no_segmentation_is_refused_in_one_line(kind: str, bad: dict[str, tuple[Path, str]]) -> None:
    path, message = bad[kind]
    with pytest.raises(InputError, match=message) as refusal:
        read_segmentation(path)
    assert "\n" not in str(refusal.value)
