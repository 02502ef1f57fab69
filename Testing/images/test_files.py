"""Files that the user names: what is read, and what is refused in one line."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.checks import check_pair
from LymphNodeSegLib.images.files import read_image
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.images.study import load_pair, load_study, scan_study

OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, -1.0)  # left-handed too


def volume(seed: int = 0, shape: tuple[int, ...] = (6, 20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def write(
    path: Path, array: np.ndarray, origin: tuple[float, ...] = (1.0, 2.0, 3.0), **options: bool
) -> Path:
    image = sitk.GetImageFromArray(array, **options)
    if image.GetDimension() == 3:
        image.SetOrigin(origin)
        image.SetSpacing((0.6, 0.9, 4.0))
        image.SetDirection(OBLIQUE)
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz", ".mha", ".mhd"])
def test_formats_keep_voxels_and_oblique_geometry(tmp_path: Path, suffix: str) -> None:
    array = volume()
    image = read_image(write(tmp_path / f"bild ü{suffix}", array), "T2")
    assert np.array_equal(image.array, array)
    want = Geometry((30, 20, 6), (1.0, 2.0, 3.0), (0.6, 0.9, 4.0), OBLIQUE)
    assert image.geometry.is_close(want, 1e-4 if "nii" in suffix else 1e-9)
    assert image.acquisition.role == "T2"


def test_one_volume_stored_as_4d_is_read(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(volume(shape=(1, 6, 20, 30)), isVector=False)
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    assert read_image(tmp_path / "a.nii.gz").array.shape == (6, 20, 30)


def bad_text(folder: Path) -> Path:
    (folder / "a.nrrd").write_text("this is no image")
    return folder / "a.nrrd"


def bad_truncated(folder: Path) -> Path:
    path = write(folder / "a.nii.gz", volume())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def bad_inner_truncated(folder: Path) -> Path:
    path = write(folder / "a.nii.gz", volume())
    inner = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(inner[: len(inner) // 2]))
    return path


def bad_truncated_plain(folder: Path) -> Path:
    return cut(write(folder / "a.nii", volume()))


def bad_truncated_nrrd(folder: Path) -> Path:
    return cut(write(folder / "a.nrrd", volume()))


def bad_truncated_mha(folder: Path) -> Path:
    return cut(write(folder / "a.mha", volume()))


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def bad_nan(folder: Path) -> Path:
    array = volume().astype(np.float32)
    array[2, 3, 4] = np.nan
    return write(folder / "a.nrrd", array)


def bad_infinite(folder: Path) -> Path:
    array = volume().astype(np.float64)
    array[2, 3, 4] = np.inf
    return write(folder / "a.mha", array)


def bad_single_slice(folder: Path) -> Path:
    return write(folder / "a.nrrd", volume(shape=(1, 20, 30)))


def bad_2d(folder: Path) -> Path:
    return write(folder / "a.nrrd", volume(shape=(20, 30)))


def bad_4d(folder: Path) -> Path:
    sitk.WriteImage(
        sitk.GetImageFromArray(volume(shape=(3, 6, 20, 30)), isVector=False), str(folder / "a.nii")
    )
    return folder / "a.nii"


def bad_vector(folder: Path) -> Path:
    return write(folder / "a.nrrd", volume(shape=(6, 20, 30, 3)), isVector=True)


def bad_sheared(folder: Path) -> Path:
    path = write(folder / "a.nrrd", volume())
    sheared = b"space directions: (0.6,0,0) (0.3,0.9,0) (0,0,4)\n"
    lines = path.read_bytes().split(b"\n")
    lines = [sheared.strip() if line.startswith(b"space directions") else line for line in lines]
    path.write_bytes(b"\n".join(lines))
    return path


def bad_huge(folder: Path) -> Path:
    path = write(folder / "a.mha", volume())
    path.write_bytes(path.read_bytes().replace(b"DimSize = 30 20 6", b"DimSize = 90000 90000 9000"))
    return path


def bad_labels(folder: Path) -> Path:
    return write(folder / "a.nrrd", (volume() // 100).astype(np.uint8))


def bad_constant(folder: Path) -> Path:
    return write(folder / "a.nrrd", np.zeros((6, 20, 30), np.int16))


def bad_absent(folder: Path) -> Path:
    return folder / "none.nii.gz"


def bad_picture(folder: Path) -> Path:
    (folder / "a.png").write_bytes(b"\x89PNG")
    return folder / "a.png"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bad_text, "cannot be read"),
        (bad_truncated, "cut off"),
        (bad_inner_truncated, "cut off"),
        (bad_truncated_plain, "cut off"),
        (bad_truncated_nrrd, "cut off"),
        (bad_truncated_mha, "cut off"),
        (bad_nan, "1 voxels that are no numbers"),
        (bad_infinite, "no numbers"),
        (bad_single_slice, "single slice"),
        (bad_2d, "no 3-D image"),
        (bad_4d, "no 3-D image"),
        (bad_vector, "no 3-D image"),
        (bad_sheared, "sheared"),
        (bad_huge, "cannot be read"),
        (bad_labels, "looks like a segmentation"),
        (bad_constant, "empty"),
        (bad_absent, "does not exist"),
        (bad_picture, "no image file"),
    ],
)
def test_refused_in_one_clear_line(tmp_path: Path, make: object, says: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=says) as caught:
        read_image(path, "T2")
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0])
def test_adc_comes_in_um2_s_whatever_its_unit(tmp_path: Path, factor: float) -> None:
    truth = np.random.default_rng(1).uniform(300, 3000, (6, 20, 30))
    truth[:, :5] = 0.0
    image = read_image(write(tmp_path / "adc.nrrd", (truth * factor).astype(np.float32)), "ADC")
    assert np.allclose(image.array, truth, rtol=1e-5)


def test_adc_without_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fit neither"):
        read_image(write(tmp_path / "adc.nrrd", 1e8 + volume().astype(np.float32)), "ADC")


def image_at(z_mm: float, seed: int = 0) -> Image:
    return Image(volume(seed), Geometry((30, 20, 6), (0.0, 0.0, z_mm), (1.0, 1.0, 4.0)))


def test_pairs() -> None:
    t2 = image_at(0.0)
    assert check_pair(t2, image_at(0.0, 1)) == ()
    with pytest.raises(InputError, match="same image"):
        check_pair(t2, image_at(0.0))
    with pytest.raises(InputError, match=r"do not overlap.*400 mm apart"):
        check_pair(t2, image_at(400.0, 1))
    (warning,) = check_pair(t2, image_at(12.0, 1))
    assert "50 % of the T2" in warning
    with pytest.raises(InputError, match="ADC map is the same"):
        check_pair(t2, image_at(0.0, 1), image_at(0.0, 1))


def test_a_dwi_in_another_plane_is_told_and_a_tilted_one_is_not() -> None:
    def tilted(degrees: float) -> Image:
        """A cube about the origin, turned about the patient's left-right axis."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        direction = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        x, y, z = direction @ [-11.5, -11.5, -11.5]
        cube = Geometry((24, 24, 24), (x, y, z), (1.0, 1.0, 1.0), tuple(direction.ravel()))
        return Image(np.random.default_rng(int(degrees)).uniform(0, 9, (24, 24, 24)), cube)

    assert check_pair(tilted(0), tilted(25)) == ()
    assert check_pair(tilted(0), tilted(180)) == ()  # from above downwards
    (warning,) = check_pair(tilted(0), tilted(90))
    assert "T2 is axial and the DWI coronal" in warning
    assert "Choose a T2 in the plane of the DWI" in warning


def test_pairs_of_other_frames_and_studies() -> None:
    def image(seed: int, **known: str) -> Image:
        return replace(image_at(0.0, seed), acquisition=Acquisition(**known))

    def warnings(t2: dict[str, str], dwi: dict[str, str]) -> tuple[str, ...]:
        return check_pair(image(0, **t2), image(1, **dwi))

    here = {"study_uid": "1", "frame_of_reference_uid": "2"}
    assert warnings(here, here) == ()
    assert warnings(here, {}) == ()  # a file that does not say
    (frame,) = warnings(here, {**here, "frame_of_reference_uid": "3"})
    assert "frames of reference" in frame
    (study,) = warnings(here, {**here, "study_uid": "3"})
    assert "different studies" in study


def test_named_files_become_a_study(tmp_path: Path) -> None:
    t2 = write(tmp_path / "t2.nrrd", volume())
    dwi = write(tmp_path / "dwi.nii.gz", volume(1))
    study = load_pair(t2, dwi)
    assert study.adc is None
    assert study.dwi_series == (study.dwi,)
    assert study.dwi.acquisition.role == "DWI"


def test_named_dicom_folders_bring_all_b_values(prostatex: Path) -> None:
    folders = {path.name.split(".")[0]: path for path in (prostatex / "07-07-2011").iterdir()}
    named = load_pair(folders["4"], folders["6"], folders["7"])
    whole = load_study(prostatex)
    assert [image.acquisition.b_value_s_mm2 for image in named.dwi_series] == [50.0, 400.0, 800.0]
    assert np.array_equal(named.dwi.array, whole.dwi.array)
    assert named.adc is not None
    assert named.adc.geometry == named.dwi.geometry


def test_folder_of_several_series_is_ambiguous(prostatex: Path) -> None:
    with pytest.raises(InputError, match="3 series that could be meant"):
        read_image(prostatex, "T2")


@pytest.mark.parametrize("kind", ["empty", "text", "absent", "file"])
def test_no_study(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "study"
    if kind == "file":
        folder.write_text("x")
    elif kind != "absent":
        folder.mkdir()
    if kind == "text":
        (folder / "a.txt").write_text("no DICOM" * 100)
    with pytest.raises(InputError) as caught:
        scan_study(folder)
    assert "\n" not in str(caught.value)
    assert "DICOM study." in str(caught.value)
