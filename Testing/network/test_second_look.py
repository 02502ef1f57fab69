"""The second look: where it looks, what it sees there, and that its answers lie where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from LymphNodeSegLib.errors import Cancelled
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.eru_net import EruNet, for_inference
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.inference import segment_image
from LymphNodeSegLib.network.model_file import Model, load_model, save_model
from LymphNodeSegLib.network.second_look import SecondLook, with_neighbors
from LymphNodeSegLib.network.suspects import (
    LARGEST_PIXELS,
    REACH_PIXELS,
    SIDE_PIXELS,
    SLICES,
    STRIDE,
    channels_of,
    cut,
    looked_again,
    places_in,
)
from LymphNodeSegLib.progress import Silent
from torch import Tensor, nn

OBLIQUE = (0.9, 0.0, -0.43588989, 0.0, 1.0, 0.0, 0.43588989, 0.0, 0.9)
SAGITTAL = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def second_look() -> SecondLook:
    """One that has something to say."""
    torch.manual_seed(0)
    network = SecondLook((4, 8, 8))
    nn.init.normal_(network.head.weight)
    nn.init.normal_(network.boundary.head.weight, std=0.2)
    for fit in network.boundary.fits:
        nn.init.constant_(fit.t2_weight, 0.4)
    return network.eval()


def suspected(
    shape: tuple[int, int, int], *boxes: tuple[slice, slice, slice], sure: float = 0.8
) -> np.ndarray:
    first = np.full(shape, 0.01, np.float32)
    for box in boxes:
        first[box] = sure
    return first


class Channel(nn.Module):
    """Says "node" where one channel of what it sees passes a value."""

    def __init__(self, channel: int, above: float) -> None:
        super().__init__()
        self.channel, self.above = channel, above
        self.shapes: list[tuple[int, ...]] = []

    def __deepcopy__(self, memo: dict) -> Channel:
        return self

    def forward(self, places: Tensor) -> Tensor:
        self.shapes.append(tuple(places.shape))
        return (places[:, :, self.channel] - self.above) * 50.0


def test_untrained_it_repeats_the_first_answer() -> None:
    places = torch.randn(2, 5, 6, 16, 24)
    answer = SecondLook((4, 8, 8)).eval()(places)
    torch.testing.assert_close(answer, 4.0 * places[:, :, 3])


def test_it_is_scriptable_and_folding_changes_no_result() -> None:
    network, places = second_look(), torch.randn(3, 7, 6, 16, 16)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    with torch.inference_mode():
        wanted = network(places)
        folded = for_inference(network)
        torch.testing.assert_close(folded(places), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(torch.jit.script(folded)(places), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(network(places), wanted)
    assert not any(isinstance(one, nn.BatchNorm2d) for one in folded.modules())


def test_places_of_a_batch_do_not_see_each_other() -> None:
    network, places = second_look(), torch.randn(2, 5, 6, 16, 16)
    with torch.inference_mode():
        together = network(places)
        torch.testing.assert_close(together[:1], network(places[:1]), atol=1e-5, rtol=1e-5)


def test_a_slice_sees_the_one_before_and_the_one_after() -> None:
    features = torch.arange(6.0)[:, None, None, None].expand(6, 2, 3, 4)  # two places of three slices
    joined = with_neighbors(features, 3)[:, ::2, 0, 0]
    assert joined.tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 0], [0, 3, 4], [3, 4, 5], [4, 5, 0]]


def test_what_is_suspected_and_what_is_noise() -> None:
    a, b = (slice(2, 4), slice(30, 38), slice(40, 52)), (slice(3, 5), slice(70, 74), slice(90, 93))
    first = suspected((8, 120, 150), a, b)
    first[6, 100:105, 10:15] = 0.08  # nowhere sure enough
    first[1, 5, 5:8] = 0.9  # too few pixels
    places = places_in(first)
    assert len(places) == 2
    for place, box in zip(places, (a, b)):
        assert place.region[0] == slice(box[0].start - 1, box[0].stop + 1)
        for drawn, one in zip(place.region[1:], box[1:]):
            assert drawn == slice(one.start - REACH_PIXELS, one.stop + REACH_PIXELS)
        assert place.mask.all()  # of a box the surroundings are a box
        assert place.size == (SLICES, SIDE_PIXELS, SIDE_PIXELS)


def test_at_the_edge_and_larger_than_a_window() -> None:
    large = (slice(0, 12), slice(0, 30), slice(20, 150))
    (place,) = places_in(suspected((12, 40, 160), large))
    assert place.region == (slice(0, 12), slice(0, 35), slice(15, 155))
    assert place.size[0] == 12
    assert place.size[2] >= 140
    assert all(one % STRIDE == 0 for one in place.size[1:])
    for drawn, start, size in zip(place.region, place.start, place.size):
        assert start <= drawn.start
        assert drawn.stop <= start + size


def test_beyond_the_volume_its_edge_is_repeated() -> None:
    volume = torch.arange(24.0).view(2, 3, 4)
    shown = cut(volume, (-1, -2, 2), (4, 4, 5))
    padded = np.pad(volume.numpy(), ((1, 1), (2, 0), (0, 3)), mode="edge")
    np.testing.assert_array_equal(shown.numpy(), padded[:, :4, 2:])


def test_what_it_is_shown() -> None:
    one = torch.ones(2, 3, 3)
    adc = torch.tensor([0.0, 600.0, 1800.0]).expand(2, 3, 3)
    known = one.clone()
    known[1] = 0.0
    seen = channels_of(0.3 * one, 0.7 * one, known, adc, 0.5 * one)
    assert seen.shape == (2, 6, 3, 3)
    assert seen[0, :, 0, 0].tolist() == pytest.approx([0.3, 0.7, 1.0, 0.0, 0.0, 0.0])
    assert seen[0, 4:, 0, 1].tolist() == pytest.approx([-1.0, 1.0])
    assert seen[0, 4:, 0, 2].tolist() == pytest.approx([1.0, 1.0])
    assert seen[1, 4:].abs().max() == 0.0  # no ADC where the DWI is not known
    assert channels_of(one, one, one, adc, one)[:, 3].max() < 2.0  # a probability of 1 has a logit


def test_answers_go_where_they_may_be_drawn_and_nowhere_else() -> None:
    first = suspected(
        (9, 96, 104), (slice(0, 2), slice(0, 9), slice(0, 8)), (slice(5, 7), slice(60, 90), slice(70, 80))
    )
    chance = torch.Generator().manual_seed(1)
    t2 = torch.randn(first.shape, generator=chance)
    nothing, volume = torch.zeros_like(t2), torch.from_numpy(first)
    result = looked_again((t2, nothing, nothing, nothing), volume, Channel(0, 0.0), "cpu")
    drawn = torch.zeros(first.shape, dtype=torch.bool)
    for place in places_in(first):
        drawn[place.region] |= torch.from_numpy(place.mask)
    assert 0 < int(drawn.sum()) < 0.2 * drawn.numel()
    torch.testing.assert_close(result[drawn], torch.sigmoid(50.0 * t2[drawn]))
    assert torch.equal(result[~drawn], volume[~drawn])


def test_a_flood_is_left_to_the_first_look() -> None:
    network = Channel(0, 0.0)
    wide = (slice(1, 3), slice(10, 20), slice(5, 5 + LARGEST_PIXELS + 1))
    first = torch.from_numpy(suspected((6, 40, LARGEST_PIXELS + 20), wide))
    assert torch.equal(looked_again((torch.zeros_like(first),) * 4, first, network, "cpu"), first)
    assert not network.shapes


class Listener(Silent):
    """Hears how far it is, and stops it at some point."""

    def __init__(self, stop_at: int = 1000) -> None:
        self.fractions: list[float] = []
        self._stop_at = stop_at

    def fraction(self, done: float) -> None:
        self.fractions.append(done)
        if len(self.fractions) == self._stop_at:
            raise Cancelled("Cancelled.")


def many_suspects() -> Tensor:
    """Forty of one size, and two that are larger each in its own way."""
    rows = [slice(row, row + 4) for row in range(10, 290, 40)]
    boxes = [(slice(3, 5), row, slice(column, column + 5)) for row in rows for column in range(10, 250, 40)]
    boxes[0] = (slice(0, 12), *boxes[0][1:])
    boxes[1] = (boxes[1][0], slice(10, 130), boxes[1][2])
    return torch.from_numpy(suspected((14, 300, 300), *boxes))


def test_places_of_several_sizes_go_forward_evenly_and_can_be_cancelled() -> None:
    first, network, listener = many_suspects(), Channel(0, 0.0), Listener()
    nothing = torch.zeros_like(first)
    looked_again((nothing,) * 4, first, network, "cpu", listener)
    assert len({shape[1:] for shape in network.shapes}) == 3
    assert sum(shape[0] for shape in network.shapes) == len(places_in(first.numpy())) > 30
    assert listener.fractions == sorted(listener.fractions)
    assert len(listener.fractions) > 4
    with pytest.raises(Cancelled):
        looked_again((nothing,) * 4, first, network, "cpu", Listener(stop_at=3))


def test_memory_that_runs_out_is_told_once_a_size() -> None:
    class Small(Channel):
        def forward(self, places: Tensor) -> Tensor:
            if len(places) > 2:
                raise RuntimeError("CUDA out of memory")
            return super().forward(places)

    heard: list[str] = []
    listener = Listener()
    listener.message = heard.append  # type: ignore[method-assign]
    first = many_suspects()
    nothing = torch.zeros_like(first)
    result = looked_again((nothing,) * 4, first, Small(0, 0.0), "cpu", listener)
    assert torch.equal(result, looked_again((nothing,) * 4, first, Channel(0, 0.0), "cpu"))
    assert 1 <= len(heard) <= 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_the_digits_give_nearly_the_same(dtype: torch.dtype) -> None:
    network, places = for_inference(second_look()), torch.randn(2, 7, 6, 16, 16)
    with torch.inference_mode():
        whole = network(places).sigmoid()
        half = network.to(dtype)(places.to(dtype)).float().sigmoid()
    assert (whole - half).abs().max() < (0.02 if dtype == torch.float16 else 0.15)


def test_nothing_suspected_nothing_run() -> None:
    network = Channel(0, 0.0)
    first = torch.full((4, 32, 32), 0.01)
    nothing = torch.zeros_like(first)
    assert torch.equal(looked_again((nothing,) * 4, first, network, "cpu"), first)
    assert not network.shapes


@pytest.mark.parametrize("direction", [OBLIQUE, SAGITTAL])
def test_the_adc_lies_where_it_belongs(direction: tuple[float, ...]) -> None:
    """ERU-Net suspects a bright strip; the second look keeps of it what the ADC calls restricted."""
    geometry = Geometry((130, 110, 8), (10.0, -40.0, 25.0), (0.7, 0.9, 4.0), direction)
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.size_ijk[::-1]), indexing="ij")
    body = np.hypot((j - 54.5) * 0.9, (i - 64.5) * 0.7) < 44
    strip = (np.abs(k - 4) <= 1) & (np.abs(j - 50) < 7) & (np.abs(i - 60) < 25)
    restricted = strip & (i < 55)
    noise = np.random.default_rng(0).normal(0, 1, body.shape)
    t2 = Image(np.where(body, 100 + 10 * noise, 0.0).astype(np.float32), geometry)
    dwi = Image(np.where(strip, 200.0, np.where(body, 20 + 0.5 * i, 0.0)).astype(np.float32), geometry)
    adc = Image(np.where(restricted, 800.0, np.where(body, 1600.0, 0.0)).astype(np.float32), geometry)

    class BrightDwi(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return (inputs[:, 4:5] - 2.8) * 20.0

    class Restricted(Channel):
        def forward(self, places: Tensor) -> Tensor:
            return torch.minimum(-super().forward(places), places[:, :, 1] * 50.0 - 140.0)

    first = Model(BrightDwi(), Preprocessing(), 16)
    both = Model(BrightDwi(), Preprocessing(), 16, second=Restricted(4, 0.0))
    known = np.ones(body.shape, dtype=bool)
    before = segment_image(t2, dwi, known, first).array > 0.5
    after = segment_image(t2, dwi, known, both, adc=adc).array > 0.5
    for found, truth in ((before, strip), (after, restricted)):
        assert np.count_nonzero(found & truth) / np.count_nonzero(found | truth) > 0.85
    unknown = segment_image(t2, dwi, known, both).array
    assert np.count_nonzero(unknown > 0.5) == 0  # an unknown ADC is shown as 0: nothing is restricted


def test_a_model_file_holds_both(tmp_path: Path) -> None:
    card = {
        "name": "both",
        "notice": "For tests.",
        "preprocessing": Preprocessing().as_dict(),
        "temperature": 1.0,
        "stride": 4,
        "training": {},
        "scores": {},
    }
    first, second = for_inference(EruNet(7, width=8, depth=3)), for_inference(second_look())
    save_model(first, card, tmp_path / "one.pt")
    save_model(first, card, tmp_path / "both.pt", second)
    one, both = (load_model(str(tmp_path / name), trust_unlisted=True) for name in ("one.pt", "both.pt"))
    assert one.second is None
    assert both.second is not None
    slices, places = torch.randn(2, 7, 16, 16), torch.randn(2, 7, 6, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(both.network(slices), one.network(slices))
        torch.testing.assert_close(both.second(places), second(places), atol=2e-2, rtol=2e-2)
