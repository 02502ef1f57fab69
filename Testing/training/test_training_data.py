"""What training sees: split, crops, augmentation, the displacement that is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image, StudyImages
from LymphNodeSegLib.network.fusion import FUSIONS, Preprocessing, fuse
from LymphNodeSegLib.phantom import make_phantom
from LymphNodeSegLib.registration.register import register
from torch.utils.data import DataLoader

from Training.augment import augmented
from Training.cases import AlignedDwi, Case, split_by_patient, write_case
from Training.config import FIRST_BENCHMARK_SEED, SECOND_LOOK, config_of, read_config
from Training.crops import Crops, batch_of
from Training.evaluate import Registered, held_out_case
from Training.learning import CropData
from Training.phantoms import aligned_dwis, prepare_phantom, resampled
from Training.prepare import cache_folder

GEOMETRY = Geometry((100, 90, 6), (3.0, -8.0, 4.0), (0.8, 0.8, 4.0))


def write_small(folder: Path, patient: str, seed: int = 0) -> Case:
    """A case with one square node, dark on T2 and bright on DWI."""
    chance = np.random.default_rng(seed)
    nodes = np.zeros((6, 90, 100), dtype=bool)
    nodes[2:4, 40:52, 50:62] = True
    t2 = 100 + chance.normal(0, 20, nodes.shape) - 60 * nodes
    dwi = 20 + chance.normal(0, 5, nodes.shape) + 100 * nodes
    variants = [AlignedDwi(dwi.astype(np.float32), np.ones(nodes.shape, dtype=bool))]
    write_case(folder, patient, Image(t2.astype(np.float32), GEOMETRY), variants, nodes, Preprocessing())
    return Case(folder)


def test_no_patient_is_on_both_sides(tmp_path: Path) -> None:
    cases = [write_small(tmp_path / f"{p}{n}", p, n) for p in ("anna", "berta", "carla") for n in range(2)]
    training, validation = split_by_patient(cases, 0.3, seed=1)
    assert {one.patient for one in training}.isdisjoint(one.patient for one in validation)
    assert len(training) + len(validation) == 6
    assert validation
    again = split_by_patient(list(reversed(cases)), 0.3, seed=1)[1]
    assert {one.patient for one in again} == {one.patient for one in validation}


def test_more_cases_move_no_patient_to_the_other_side(tmp_path: Path) -> None:
    cases = [write_small(tmp_path / f"p{n}", f"p{n}") for n in range(40)]
    few, all_of_them = (split_by_patient(some, 0.3, seed=1)[1] for some in (cases[:20], cases))
    assert {one.patient for one in few} <= {one.patient for one in all_of_them}
    assert 4 <= len(all_of_them) <= 20


def test_crops_repeat_and_a_share_of_them_holds_a_node(tmp_path: Path) -> None:
    case = write_small(tmp_path / "a", "a")
    crops = Crops([case], Preprocessing(), 64, 0.5, 200, seed=3, epoch=0)
    assert all(torch.equal(a, b) for a, b in zip(crops[5], crops[5]))
    other_epoch = Crops([case], Preprocessing(), 64, 0.5, 200, seed=3, epoch=1)
    assert not torch.equal(crops[5][0], other_epoch[5][0])
    sizes = {tuple(crops[n][0].shape) for n in range(200)}
    assert sizes == {(7, 64, 64)}
    share = np.mean([bool(crops[n][1].any()) for n in range(200)])
    assert 0.45 < share < 0.85


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_batch_holds_the_crops_as_they_are_cut_singly_from_the_fused_case(
    tmp_path: Path, fusion: str
) -> None:
    case, preprocessing = write_small(tmp_path / "a", "a"), Preprocessing(fusion=fusion)
    crops = Crops([case], preprocessing, 64, 0.5, 9, seed=3, epoch=0)
    loader = DataLoader(crops, batch_size=4, collate_fn=batch_of)
    inputs, nodes = (torch.cat(parts) for parts in zip(*loader))
    whole = fuse(case.t2.float(), case.dwi[0].float(), case.known[0].float(), preprocessing)
    places = whole.unfold(2, 64, 1).unfold(3, 64, 1)  # every crop of every slice
    for n in range(9):
        single = crops[n]
        assert torch.equal(inputs[n], single[0])
        assert torch.equal(nodes[n], single[1])
        there = (places[..., :1, :1] == single[0][None, :, None, None, :1, :1]).all(1)[..., 0, 0].nonzero()
        assert any(torch.equal(places[k, :, j, i], single[0]) for k, j, i in there.tolist())


def test_a_crop_larger_than_the_slice_is_filled(tmp_path: Path) -> None:
    inputs, nodes = Crops([write_small(tmp_path / "a", "a")], Preprocessing(), 128, 1.0, 1, 0, 0)[0]
    assert inputs.shape == (7, 128, 128)
    assert nodes.shape == (1, 128, 128)
    assert int(nodes.sum()) == 144


def test_a_crop_at_the_end_of_the_stack_repeats_its_last_slice(tmp_path: Path) -> None:
    case = write_small(tmp_path / "a", "a")
    crops = Crops([case], Preprocessing(neighbors=2), 112, 0.0, 60, seed=0, epoch=0)
    ends = [inputs for inputs, _ in (crops[n] for n in range(60)) if torch.equal(inputs[2], inputs[4])]
    assert ends
    for inputs in ends:
        assert torch.equal(inputs[2], inputs[3])  # T2 of the slice, and of the two after it
        assert torch.equal(inputs[7], inputs[9])  # the same of the DWI
        assert not torch.equal(inputs[2], inputs[1])


def test_cases_prepared_meanwhile_take_part_in_the_next_epoch(tmp_path: Path) -> None:
    values = {"data": {"source": "own", "cache": str(tmp_path), "crop": 64}, "schedule": {"batch": 2}}
    crops = CropData(config_of(values))
    cache = cache_folder(config_of(values))
    for name in ("a", "b"):
        write_small(cache / name, name)
    assert sum(map(len, crops.cases())) == 2
    write_small(cache / "c", "c")
    training, validation = crops.cases()
    assert {one.patient for one in training + validation} == {"a", "b", "c"}
    inputs, nodes = next(iter(crops.train_dataloader()))
    assert inputs.shape == (2, 7, 64, 64)
    assert nodes.shape == (2, 1, 64, 64)


def test_augmentation_moves_picture_and_truth_together(tmp_path: Path) -> None:
    case = write_small(tmp_path / "a", "a")
    crops = Crops([case], Preprocessing(), 80, 1.0, 32, seed=0, epoch=0)
    inputs, nodes = (torch.stack(one) for one in zip(*(crops[n] for n in range(32))))
    chance = torch.Generator().manual_seed(0)
    changed, moved = augmented(inputs, nodes, Preprocessing(), 0.0, chance)
    assert set(moved.unique().tolist()) <= {0.0, 1.0}
    inside, outside = changed[:, 4:5][moved > 0].mean(), changed[:, 4:5][moved == 0].mean()
    assert inside > outside + 2.0
    strong, _ = augmented(inputs, nodes, Preprocessing(), 1.0, torch.Generator().manual_seed(0))
    again, _ = augmented(inputs, nodes, Preprocessing(), 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(strong, again)
    assert torch.isfinite(strong).all()
    assert not torch.equal(strong, changed)


def test_half_precision_in_training_moves_no_pixel(tmp_path: Path) -> None:
    """A grid in bfloat16 would be off by half a pixel."""
    crops = Crops([write_small(tmp_path / "a", "a")], Preprocessing(), 80, 1.0, 4, seed=0, epoch=0)
    batch = [torch.stack(one) for one in zip(*(crops[n] for n in range(4)))]
    wanted = augmented(*batch, Preprocessing(), 1.0, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = augmented(*batch, Preprocessing(), 1.0, torch.Generator().manual_seed(1))
    for one, other in zip(wanted, found):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_can_be_augmented(tmp_path: Path, fusion: str) -> None:
    preprocessing = Preprocessing(fusion=fusion)
    crops = Crops([write_small(tmp_path / "a", "a")], preprocessing, 64, 1.0, 4, seed=0, epoch=0)
    inputs, nodes = (torch.stack(one) for one in zip(*(crops[n] for n in range(4))))
    changed, moved = augmented(inputs, nodes, preprocessing, 1.0, torch.Generator().manual_seed(0))
    assert changed.shape == inputs.shape == (4, preprocessing.channels, 64, 64)
    assert torch.isfinite(changed).all()
    assert moved.any()


def test_without_displacement_resampling_agrees_with_simpleitk() -> None:
    chance = np.random.default_rng(0)
    tilt = np.radians(15.0)
    direction = (1, 0, 0, 0, np.cos(tilt), -np.sin(tilt), 0, np.sin(tilt), np.cos(tilt))
    dwi = Image(
        chance.random((9, 40, 36)).astype(np.float32),
        Geometry((36, 40, 9), (0, -5, 1), (2, 2.2, 4), direction),
    )
    still = np.zeros((6, 90, 100, 3), dtype=np.float32)
    array, known = resampled(dwi, GEOMETRY, still)
    grid = Image(still[..., 0], GEOMETRY).to_sitk()
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(dwi.to_sitk(), grid, sitk.Transform(), sitk.sitkLinear, -1.0)
    )
    inside = (theirs >= 0) & known
    assert inside.mean() > 0.2
    np.testing.assert_allclose(array[inside], theirs[inside], atol=2e-3)


def test_a_known_shift_is_undone() -> None:
    dwi = Image(np.zeros((6, 90, 100), dtype=np.float32), GEOMETRY)
    dwi.array[3, 40, 50] = 1.0
    shift = np.zeros((6, 90, 100, 3), dtype=np.float32)
    shift[..., 1] = 4.0  # what lies at p is found at p + 4 mm in y
    moved, _ = resampled(dwi, GEOMETRY, shift)
    assert np.unravel_index(moved.argmax(), moved.shape) == (3, 35, 50)


def test_a_phantom_is_shown_as_the_application_would_register_it(monkeypatch: pytest.MonkeyPatch) -> None:
    phantom = make_phantom(700, "standard")
    high = [one for one in phantom.dwi_series if (one.acquisition.b_value_s_mm2 or 0) >= 400]
    theirs = [register(StudyImages(phantom.t2, one, phantom.dwi_series, phantom.adc)) for one in high]

    monkeypatch.setattr("Training.phantoms.SHARES", {"registered": 1.0})
    shown = aligned_dwis(phantom, np.random.default_rng(0), 1)[0]
    assert any(np.array_equal(shown.array, one.dwi.array) for one in theirs)
    np.testing.assert_array_equal(shown.known, theirs[0].known)
    np.testing.assert_array_equal(shown.adc, theirs[0].adc.array)

    monkeypatch.setattr("Training.phantoms.SHARES", {"as acquired": 1.0})
    displaced = aligned_dwis(phantom, np.random.default_rng(0), 1)[0]
    seen = displaced.known
    unmoved = [np.corrcoef(displaced.array[seen], one.dwi_unregistered.array[seen])[0, 1] for one in theirs]
    assert max(unmoved) > 0.9999
    moved = [np.corrcoef(displaced.array[seen], one.dwi.array[seen])[0, 1] for one in theirs]
    assert max(moved) < 0.95


def test_all_of_a_phantoms_variants_are_registered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    phantom, asked = make_phantom(700, "standard"), []
    monkeypatch.setattr("Training.phantoms.SHARES", {"registered": 1.0})
    monkeypatch.setattr(
        "LymphNodeSegLib.registration.register.register",
        lambda study, method: asked.append(method) or register(study, "none"),
    )
    variants = aligned_dwis(phantom, np.random.default_rng(0), 6)
    assert asked == ["deformable"]
    assert len({one.array.tobytes() for one in variants}) == sum(
        (one.acquisition.b_value_s_mm2 or 0) >= 400 for one in phantom.dwi_series
    )


def test_what_is_undone_brings_the_dwi_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    phantom = make_phantom(700, "standard")
    nodes, brightness = phantom.labels > 0, {}
    for state in ("as acquired", "partly", "registered"):
        monkeypatch.setattr("Training.phantoms.SHARES", {state: 1.0})
        shown = aligned_dwis(phantom, np.random.default_rng(1), 1)[0]
        brightness[state] = shown.array[nodes].mean() / shown.array[shown.known].mean()
    assert min(brightness["partly"], brightness["registered"]) > 1.03 * brightness["as acquired"]


def test_the_share_of_varied_pelvises_is_what_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def make_phantom(seed: int, difficulty: str, varied: bool) -> None:
        asked.append(varied)
        raise InputError("enough")

    monkeypatch.setattr("LymphNodeSegLib.phantom.make_phantom", make_phantom)
    for share in (0.0, 0.7, 1.0):
        asked.clear()
        config = config_of({"data": {"varied_share": share}})
        for seed in range(300):
            with pytest.raises(InputError):
                prepare_phantom(seed, config, tmp_path / "case")
        assert np.mean(asked) == pytest.approx(share, abs=0.08 if share == 0.7 else 0.0)


def test_kept_phantoms_are_taken_again_and_varied_ones_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    def registered(varied: bool, registration: str) -> Registered:
        made.append(varied)
        image = Image(np.full((6, 90, 100), 1.0 + varied, np.float32), GEOMETRY)
        adc, truth = (
            image.with_array(700.0 * image.array),
            image.with_array(np.zeros((6, 90, 100), np.uint16)),
        )
        return Registered(image, image, image.array > 0, adc, truth)

    monkeypatch.setattr("Training.evaluate.make_phantom", lambda seed, difficulty, varied: varied)
    monkeypatch.setattr("Training.evaluate.registered_phantom", registered)
    for varied in (False, True, False, True):
        case = held_out_case(5, "standard", "rigid", tmp_path, varied)
        assert case.t2.array[0, 0, 0] == 1.0 + varied
        assert case.adc.array[0, 0, 0] == 700.0 * (1.0 + varied)
        assert case.known.all()
        assert not case.truth.array.any()
    assert made == [False, True]


def test_the_configuration_is_checked() -> None:
    config = read_config(Path(__file__).parents[2] / "Training" / "config.yaml")
    assert config_of(config.as_dict()) == config
    with pytest.raises(InputError, match="setting 'speed'"):
        config_of({"schedule": {"speed": 3}})
    assert config_of({"second_look": {"steps": 7}}).second_look == replace(SECOND_LOOK, steps=7)
    with pytest.raises(InputError, match="benchmarks"):
        config_of({"data": {"first_seed": FIRST_BENCHMARK_SEED - 10, "cases": 11}})
