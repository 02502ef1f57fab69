"""What the second look learns from: places, their truth and their augmentation; and that it learns."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.inference import segment_image
from LymphNodeSegLib.network.model_file import Model, load_model, save_model
from LymphNodeSegLib.network.second_look import SecondLook
from LymphNodeSegLib.network.suspects import ADC_MIDDLE, ADC_SPREAD, cut
from torch import Tensor, nn

from Training.cases import AlignedDwi, Case, write_case
from Training.config import Config, Data, Schedule
from Training.export import with_scores
from Training.place_augment import augmented_places
from Training.places import PlaceCrops, SuspectCase, first_look, prefer_what_is_wrong
from Training.prepare import cache_folder
from Training.second import PlaceData, loss_where_drawn, scaled_second_look, train_second_look

GEOMETRY = Geometry((150, 140, 9), spacing_mm=(0.8, 0.8, 4.0))
PREPROCESSING = Preprocessing()


class BrightDwi(nn.Module):
    """Suspects whatever is bright on the slice's own DWI."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs[:, 4:5] - 3.0) * 3.0


MODEL = Model(BrightDwi(), PREPROCESSING, 4, sha256="0" * 64)


def patient(seed: int, adc: bool = True) -> tuple[Image, AlignedDwi, np.ndarray]:
    """Four balls that are bright on the DWI; two are nodes, which the T2 does not tell, and the ADC does."""
    chance = np.random.default_rng(seed)
    k, j, i = np.meshgrid(*(np.arange(n) for n in GEOMETRY.size_ijk[::-1]), indexing="ij")
    body = np.hypot(j - 69.5, i - 74.5) < 66
    t2 = np.where(body, 100 + chance.normal(0, 10, body.shape), 0.0)
    dwi, diffusion = np.where(body, 20 + 0.3 * i, 0.0), np.where(body, 1500.0, 0.0)
    nodes = np.zeros(body.shape, dtype=bool)
    for number, (row, column) in enumerate(((45, 50), (45, 100), (95, 50), (95, 100))):
        center = (chance.uniform(3, 5), row + chance.uniform(-5, 5), column + chance.uniform(-5, 5))
        ball = np.hypot((k - center[0]) * 5, np.hypot(j - center[1], i - center[2])) < chance.uniform(6, 9)
        is_node = (number + seed) % 2 == 0
        t2[ball], dwi[ball], diffusion[ball] = 60.0, 180.0, 800.0 if is_node else 2200.0
        nodes |= ball & is_node
    images = [one.astype(np.float32) for one in (t2, dwi, diffusion)]
    return Image(images[0], GEOMETRY), AlignedDwi(images[1], body, images[2] if adc else None), nodes


def suspect_case(folder: Path, seed: int = 0) -> SuspectCase:
    t2, dwi, nodes = patient(seed)
    write_case(folder, folder.name, t2, [dwi], nodes, PREPROCESSING)
    return suspect_case_again(folder)


def suspect_case_again(folder: Path) -> SuspectCase:
    (case,) = first_look(Case(folder), MODEL, "cpu")
    return case


def test_suspects_are_those_of_the_first_look_which_is_kept(tmp_path: Path) -> None:
    case = suspect_case(tmp_path / "a")
    assert len(case.places) == 4
    _, dwi, _ = patient(0)
    bright = cut(torch.from_numpy(dwi.array), (0, 0, 0), dwi.array.shape) > 100
    assert case.drawn((0, 0, 0), dwi.array.shape)[bright].float().mean() > 0.99
    kept = list((tmp_path / "a").glob("first-*.npy"))
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    first_look(Case(tmp_path / "a"), MODEL, "cpu")
    assert kept[0].stat().st_mtime_ns == stamp
    first_look(Case(tmp_path / "a"), dataclasses.replace(MODEL, sha256="1" * 64), "cpu")
    assert len(list((tmp_path / "a").glob("first-*.npy"))) == 2


def test_places_repeat_and_show_a_suspect(tmp_path: Path) -> None:
    crops = PlaceCrops([suspect_case(tmp_path / "a")], 20, seed=3, epoch=0)
    assert torch.equal(crops[4], crops[4])
    assert not torch.equal(crops[4], PlaceCrops(crops._cases, 20, seed=3, epoch=1)[4])
    for n in range(20):
        drawn = crops[n][:, 7]
        assert drawn.any()
        assert drawn[:, 36:-36, 36:-36].any()  # near the middle


def test_places_that_are_drawn_wrongly_come_more_often(tmp_path: Path) -> None:
    case = suspect_case(tmp_path / "a")
    crops = PlaceCrops([case], 300, seed=0, epoch=0)
    middle = slice(crops[0].shape[-1] // 2 - 8, crops[0].shape[-1] // 2 + 8)
    with_node = [bool(crops[n][:, 6, middle, middle].any()) for n in range(300)]
    # Two of four are nodes, and the first look takes all four for nodes.
    assert 0.25 < sum(with_node) / 300 < 0.45


class LowAdc(nn.Module):
    """A second look that the ADC tells everything; without one it finds nothing."""

    def forward(self, places: Tensor) -> Tensor:
        adc, measured = places[:, :, 4], places[:, :, 5]
        return torch.where((measured > 0) & (adc < 0.0) & (places[:, :, 3] > 0), 9.0, -9.0)


def test_what_a_trained_second_look_still_draws_wrongly_comes_more_often(tmp_path: Path) -> None:
    case = suspect_case(tmp_path / "a")
    is_node = np.array([bool(case.nodes[one.region].any()) for one in case.places])
    assert sorted(is_node) == [False, False, True, True]
    assert case.odds[is_node].max() < case.odds[~is_node].min()  # the first look takes all four for nodes
    prefer_what_is_wrong(case, LowAdc(), "1" * 64, "cpu")
    assert case.odds[is_node].min() > 10 * case.odds[~is_node].max()  # which are missed without an ADC
    assert case.odds.sum() == pytest.approx(1.0)
    odds, again = case.odds, suspect_case_again(tmp_path / "a")
    prefer_what_is_wrong(again, nn.Identity(), "1" * 64, "cpu")  # as it was kept: nothing is asked again
    np.testing.assert_array_equal(again.odds, odds)


def test_augmentation_moves_what_is_seen_with_the_truth(tmp_path: Path) -> None:
    crops = PlaceCrops([suspect_case(tmp_path / "a")], 24, seed=0, epoch=0)
    places = torch.stack([crops[n] for n in range(24)])
    seen, nodes, drawn = augmented_places(places, 0.8, 0.0, torch.Generator().manual_seed(0))
    assert seen.shape == (24, 7, 6, 80, 80)
    assert nodes.shape == drawn.shape == (24, 7, 80, 80)
    suspected = (seen[:, :, 3] > 0) & (drawn > 0)
    assert nodes[suspected].mean() > 0.2
    adc = seen[:, :, 4] * ADC_SPREAD + ADC_MIDDLE
    measured = seen[:, :, 5] > 0
    inside = suspected & (nodes > 0) & measured
    assert adc[inside].median() == pytest.approx(800, abs=10)
    beside = suspected & (nodes == 0) & measured
    assert adc[beside].quantile(0.9) == pytest.approx(2200, abs=20)
    strong = [augmented_places(places, 0.8, 1.0, torch.Generator().manual_seed(5))[0] for _ in range(2)]
    assert torch.equal(*strong)
    assert torch.isfinite(strong[0]).all()
    light = augmented_places(places, 0.8, 0.3, torch.Generator().manual_seed(5))[0]
    for shown in (strong[0], light):
        without = (shown[:, :, 5].flatten(1).amax(1) == 0).float().mean()
        assert 0.3 < without < 0.8  # half of them are shown without an ADC, however lightly they are changed
    assert strong[0][:, :, 4][strong[0][:, :, 5] == 0].abs().max() == 0.0


def test_a_case_without_adc_is_shown_without(tmp_path: Path) -> None:
    t2, dwi, nodes = patient(0, adc=False)
    write_case(tmp_path / "a", "a", t2, [dwi], nodes, PREPROCESSING)
    (case,) = first_look(Case(tmp_path / "a"), MODEL, "cpu")
    assert PlaceCrops([case], 1, 0, 0)[0][:, 4:6].abs().max() == 0.0


def test_half_precision_in_training_moves_no_pixel(tmp_path: Path) -> None:
    crops = PlaceCrops([suspect_case(tmp_path / "a")], 4, seed=0, epoch=0)
    places = torch.stack([crops[n] for n in range(4)])
    wanted = augmented_places(places, 0.8, 1.0, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = augmented_places(places, 0.8, 1.0, torch.Generator().manual_seed(1))
    for one, other in zip(wanted, found):
        torch.testing.assert_close(one, other)


def test_scaling_divides_logits_and_adds_to_them() -> None:
    torch.manual_seed(0)
    second = SecondLook((4, 8, 8)).eval()
    nn.init.normal_(second.head.weight)
    places = torch.randn(2, 5, 6, 16, 16)
    with torch.inference_mode():
        before = second(places)
        scaled = scaled_second_look(second, 1.7, -0.4)
        torch.testing.assert_close(scaled(places), before / 1.7 - 0.4, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(second(places), before)


def test_scores_come_into_the_card_and_the_weights_stay(tmp_path: Path) -> None:
    save_model(BrightDwi(), CARD, tmp_path / "one.pt", SecondLook((4, 8, 8)))
    sha256 = with_scores(tmp_path / "one.pt", {"standard": 0.5}, tmp_path / "two.pt")
    one, two = (load_model(str(tmp_path / name), trust_unlisted=True) for name in ("one.pt", "two.pt"))
    assert (two.sha256, two.card["scores"]) == (sha256, {"standard": 0.5})
    assert {**two.card, "scores": {}} == one.card
    places = torch.randn(1, 3, 6, 8, 8)
    assert one.second is not None
    assert two.second is not None
    assert torch.equal(one.second(places), two.second(places))


def test_the_folder_of_another_training_is_left_alone(tmp_path: Path) -> None:
    save_model(BrightDwi(), CARD, tmp_path / "first.pt")
    (tmp_path / "run").mkdir()
    torch.save({"hyper_parameters": {"config": {}}, "state_dict": {}}, tmp_path / "run" / "last.ckpt")
    with pytest.raises(InputError, match="training of something else"):
        train_second_look(str(tmp_path / "first.pt"), config_of_test(tmp_path, 1), tmp_path / "run")


def test_what_may_not_be_drawn_does_not_count() -> None:
    nodes, drawn = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    nodes[:, 0], drawn[:, 0] = 1.0, 1.0
    right = torch.where(nodes > 0, 9.0, -9.0)
    elsewhere = right.clone()
    elsewhere[:, 1] = 9.0
    assert loss_where_drawn(right, nodes, drawn) == loss_where_drawn(elsewhere, nodes, drawn)
    assert loss_where_drawn(right, nodes, drawn) < 0.01
    assert loss_where_drawn(-right, nodes, drawn) > 5.0


def test_cases_that_do_not_serve_are_one_line(tmp_path: Path) -> None:
    config = config_of_test(tmp_path, steps=1)
    model = str(tmp_path / "first.pt")
    save_model(BrightDwi(), CARD, tmp_path / "first.pt")
    other = dataclasses.replace(config, preprocessing=Preprocessing(pixel_mm=1.0))
    with pytest.raises(InputError, match=r"1\.0 mm"):
        train_second_look(model, other, tmp_path / "run")
    t2, dwi, nodes = patient(0)
    write_case(cache_folder(config) / "a", "a", t2, [dwi], nodes, PREPROCESSING)
    with pytest.raises(InputError, match="two patients"):
        PlaceData(config, MODEL)
    shutil.rmtree(cache_folder(config))
    for name in ("a", "b"):
        dark = dataclasses.replace(dwi, array=np.full_like(dwi.array, 20.0))
        write_case(cache_folder(config) / name, name, t2, [dark], nodes, PREPROCESSING)
    with pytest.raises(InputError, match="suspects nothing"):
        PlaceData(config, MODEL)


CARD = {
    "name": "first",
    "notice": "For tests.",
    "preprocessing": PREPROCESSING.as_dict(),
    "temperature": 1.0,
    "stride": 4,
    "training": {},
    "scores": {},
}


def config_of_test(folder: Path, steps: int) -> Config:
    schedule = Schedule(steps=steps, steps_per_epoch=20, batch=6, warmup_steps=5, ema_decay=0.9)
    data = Data(source=str(folder), cache=str(folder / "cache"), validation_share=0.3)
    return Config(data=data, preprocessing=PREPROCESSING, second_look=schedule)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_learns_what_the_first_look_cannot_know(tmp_path: Path) -> None:
    """The first look takes all four balls; the second is to keep those that the ADC tells to be nodes."""
    config = config_of_test(tmp_path, steps=120)
    for seed in range(8):
        t2, dwi, nodes = patient(seed)
        write_case(cache_folder(config) / f"p{seed}", f"p{seed}", t2, [dwi], nodes, PREPROCESSING)
    save_model(BrightDwi(), CARD, tmp_path / "first.pt")
    file = train_second_look(str(tmp_path / "first.pt"), config, tmp_path / "run")
    model = load_model(str(file), trust_unlisted=True)
    told = model.card["second_look"]
    assert told["cases"] + told["calibration"]["cases"] == 8
    t2, dwi, nodes = patient(101)
    arguments = (t2, t2.with_array(dwi.array), dwi.known, model)
    adc = t2.with_array(dwi.adc)
    found = segment_image(*arguments, adc=adc).array > 0.5
    assert np.count_nonzero(found & nodes) / np.count_nonzero(found | nodes) > 0.7
    first = segment_image(*arguments[:3], dataclasses.replace(model, second=None)).array > 0.5
    assert np.count_nonzero(first & nodes) / np.count_nonzero(first | nodes) < 0.6
    short = dataclasses.replace(config, second_look=dataclasses.replace(config.second_look, steps=20))
    again = train_second_look(str(tmp_path / "first.pt"), short, tmp_path / "again", start_from=str(file))
    arguments = (*arguments[:3], load_model(str(again), trust_unlisted=True))
    found = segment_image(*arguments, adc=adc).array > 0.5
    assert np.count_nonzero(found & nodes) / np.count_nonzero(found | nodes) > 0.7
