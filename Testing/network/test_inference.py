"""Inference: geometry, devices, memory, calibration, seen from outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.eru_net import EruNet, for_inference
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.inference import pick_device, segment_image
from LymphNodeSegLib.network.model_file import Model
from LymphNodeSegLib.network.runner import forward
from LymphNodeSegLib.progress import Silent
from torch import Tensor, nn

DWI_HERE = 4
"""Channel of the slice's own DWI in the stack of `Preprocessing()`."""

SAGITTAL = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
LEFT_HANDED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def oblique() -> tuple[float, ...]:
    tilt, turn = np.radians(24.0), np.radians(11.0)
    about_x = [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    about_z = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    return tuple((np.array(about_z) @ np.array(about_x)).ravel())


class BrightDwi(nn.Module):
    """Says "node" where the slice's own DWI is bright: a network whose answer is known."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs[:, DWI_HERE : DWI_HERE + 1] - 2.9) * 20.0


class Listener(Silent):
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.fractions: list[float] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def fraction(self, done: float) -> None:
        self.fractions.append(done)


def model_of(network: nn.Module, stride: int = 16, temperature: float = 1.0) -> Model:
    return Model(network, Preprocessing(), stride, temperature)


def study(
    geometry: Geometry, center_ijk: tuple[float, float, float], radius_mm: float
) -> tuple[Image, Image]:
    """A body, brighter to one side on DWI, with a ball that is bright on DWI; air around."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.size_ijk[::-1]), indexing="ij")
    size = np.array(geometry.size_ijk)
    points = [i, j, k]
    from_middle = [(p - (n - 1) / 2) * mm for p, n, mm in zip(points[:2], size[:2], geometry.spacing_mm[:2])]
    extent = min(n * mm for n, mm in zip(size[:2], geometry.spacing_mm[:2]))
    body = np.hypot(*from_middle) < 0.45 * extent
    offset = [(p - c) * mm for p, c, mm in zip(points, center_ijk, geometry.spacing_mm)]
    ball = np.sqrt(sum(one**2 for one in offset)) < radius_mm
    noise = np.random.default_rng(0).normal(0, 1, body.shape)
    t2 = np.where(body, 100.0 + 10 * noise, 0.0).astype(np.float32)
    dwi = np.where(ball, 200.0, np.where(body, 20.0 + 50.0 * i / size[0] + noise, 0.0)).astype(np.float32)
    return Image(t2, geometry), Image(dwi, geometry)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((180, 150, 7), (-60.0, -50.0, 10.0), (0.45, 0.9, 4.0), oblique()),
        Geometry((150, 201, 5), (20.0, -80.0, 90.0), (0.78, 0.61, 5.0), SAGITTAL),
        Geometry((128, 128, 6), (0.0, 0.0, 0.0), (1.1, 1.1, 3.0), LEFT_HANDED),
        Geometry((333, 251, 4), (5.0, 6.0, 7.0), (0.4, 0.5, 3.0)),
    ],
    ids=["oblique", "sagittal", "left-handed", "fine"],
)
def test_what_the_network_finds_comes_back_where_it_lies(geometry: Geometry) -> None:
    center = tuple(n * share for n, share in zip(geometry.size_ijk, (0.6, 0.4, 0.5)))
    center_ijk = (center[0], center[1], float(round(center[2])))
    t2, dwi = study(geometry, center_ijk, 11.0)
    known = np.ones(t2.array.shape, dtype=bool)
    probability = segment_image(t2, dwi, known, model_of(BrightDwi()))
    assert probability.geometry == geometry
    assert probability.array.dtype == np.float32
    assert probability.array.min() >= 0.0
    assert probability.array.max() <= 1.0
    truth = dwi.array > 150
    for one in (probability.array > 0.5, truth):
        assert one.any()
    shift = np.array(np.nonzero(probability.array > 0.5)).mean(1) - np.array(np.nonzero(truth)).mean(1)
    assert np.abs(shift * np.array(geometry.spacing_mm[::-1])).max() < 0.4  # half of the working pixel
    volume = np.count_nonzero(probability.array > 0.5) / np.count_nonzero(truth)
    assert volume == pytest.approx(1.0, abs=0.08)


def test_cutting_off_the_air_changes_nothing_inside() -> None:
    small = Geometry((140, 140, 3), spacing_mm=(0.8, 0.8, 4.0))
    t2, dwi = study(small, (70.0, 70.0, 1.0), 9.0)
    known = np.ones(t2.array.shape, dtype=bool)
    wide = Geometry((300, 260, 3), spacing_mm=(0.8, 0.8, 4.0))
    room = ((0, 0), (60, 60), (80, 80))
    images = [Image(np.pad(one.array, room), wide) for one in (t2, dwi)]
    seen: list[tuple[int, ...]] = []

    class Watcher(BrightDwi):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(tuple(inputs.shape))
            return super().forward(inputs)

    inside = segment_image(t2, dwi, known, model_of(BrightDwi())).array
    whole = segment_image(*images, np.ones(images[0].array.shape, dtype=bool), model_of(Watcher())).array
    assert seen[0][2] <= 160
    assert seen[0][3] <= 160
    assert np.abs(whole[:, 60:200, 80:220] - inside).mean() < 0.002
    assert whole[:, :40].max() == 0.0


class Memory(nn.Module):
    """Runs out of memory above so many slices at a time."""

    def __init__(self, most: int, error: type[RuntimeError] = torch.cuda.OutOfMemoryError) -> None:
        super().__init__()
        self.most, self.error = most, error
        self.batches: list[int] = []

    def __deepcopy__(self, memo: dict) -> Memory:
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        self.batches.append(len(inputs))
        if len(inputs) > self.most:
            raise self.error("CUDA out of memory. Tried to allocate 20.00 GiB")
        return inputs[:, :1].clone()


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError, RuntimeError])
def test_smaller_batches_where_memory_runs_out(error: type[RuntimeError]) -> None:
    network, listener = Memory(3, error), Listener()
    slices = torch.arange(20.0)[:, None, None, None].expand(20, 7, 32, 32)
    logits = forward(slices, network, "cpu", listener)
    assert logits[:, 0, 0, 0].tolist() == list(range(20))
    assert [one for one in network.batches if one > 3] == [20, 10, 5]
    assert "memory" in listener.messages[0].lower()
    assert listener.fractions == sorted(listener.fractions)


def test_the_cpu_takes_over_where_one_slice_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    network, listener = Memory(0), Listener()
    runners = {"cuda": network, "cpu": nn.Identity()}
    monkeypatch.setattr(
        "LymphNodeSegLib.network.runner.runner_for",
        lambda _, device: (runners[device], torch.float32),
    )
    monkeypatch.setattr(Tensor, "to", lambda self, *_, **__: self)
    logits = forward(torch.ones(2, 1, 16, 16), network, "cuda", listener)
    assert logits.shape == (2, 1, 16, 16)
    assert "CPU takes over" in listener.messages[-1]


def test_no_memory_for_a_single_slice_is_one_line() -> None:
    with pytest.raises(InputError, match="Not enough memory"):
        forward(torch.ones(2, 1, 16, 16), Memory(0), "cpu")


def test_another_error_of_the_network_is_not_swallowed() -> None:
    class Broken(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        forward(torch.ones(1, 1, 16, 16), Broken(), "cpu")


def test_the_same_images_give_the_same_result() -> None:
    torch.manual_seed(3)
    model = model_of(for_inference(EruNet(7, width=8, depth=4)), stride=8)
    t2, dwi = study(Geometry((90, 70, 4), spacing_mm=(0.9, 0.9, 4.0)), (45.0, 35.0, 2.0), 8.0)
    known = np.ones(t2.array.shape, dtype=bool)
    first, second = (segment_image(t2, dwi, known, model).array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.std() > 0


def test_temperature_softens_and_keeps_the_decision() -> None:
    t2, dwi = study(Geometry((90, 90, 3), spacing_mm=(0.8, 0.8, 4.0)), (45.0, 45.0, 1.0), 8.0)
    known = np.ones(t2.array.shape, dtype=bool)
    sharp = segment_image(t2, dwi, known, model_of(BrightDwi(), temperature=1.0)).array
    soft = segment_image(t2, dwi, known, model_of(BrightDwi(), temperature=20.0)).array
    assert np.abs(soft - 0.5).mean() < np.abs(sharp - 0.5).mean()
    assert ((soft > 0.5) == (sharp > 0.5)).mean() > 0.999


def test_offset_makes_the_network_less_sure() -> None:
    t2, dwi = study(Geometry((90, 90, 3), spacing_mm=(0.8, 0.8, 4.0)), (45.0, 45.0, 1.0), 8.0)
    known = np.ones(t2.array.shape, dtype=bool)
    even = Model(BrightDwi(), Preprocessing(), 16, 10.0, 0.0)
    doubting = Model(BrightDwi(), Preprocessing(), 16, 10.0, -2.0)
    before, after = (segment_image(t2, dwi, known, one).array for one in (even, doubting))
    assert after.sum() < before.sum()
    inside = (before > 0.01) & (before < 0.99)
    assert (after[inside] < before[inside]).all()


def test_a_device_that_is_not_there() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="not available"):
            pick_device("cuda")
    assert pick_device("auto") in ("cuda", "mps", "cpu")
    assert pick_device("cpu") == "cpu"
