"""Normalization and fusion: what a bright bladder, shading or a missing DWI may not do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.network.fusion import (
    FUSIONS,
    Preprocessing,
    body_mask,
    coarse,
    fuse,
    fused_picture,
    normalized_pair,
)

PIXEL_MM = (1.0, 1.0)


def pelvis(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """T2, DWI, known, and where muscle is: a disk of fat with muscle in it, air around."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[:160, :160] - 79.5
    radius = np.hypot(rows, columns)
    body, muscle = radius < 70, radius < 45
    t2 = np.where(muscle, 60.0, np.where(body, 250.0, 0.0)) + chance.normal(0, 4, (4, 160, 160))
    dwi = np.where(muscle, 40.0, np.where(body, 12.0, 0.0)) + chance.normal(0, 3, (4, 160, 160))
    whole = [torch.from_numpy(np.abs(one).astype(np.float32)) for one in (t2, dwi)]
    return whole[0], whole[1], torch.ones(4, 160, 160), torch.from_numpy(muscle).expand(4, -1, -1)


def muscle_and_fat(
    t2: torch.Tensor, dwi: torch.Tensor, known: torch.Tensor, muscle: torch.Tensor
) -> np.ndarray:
    t2_signal, dwi_signal, _ = normalized_pair(t2, dwi, known, PIXEL_MM)
    fat = ~muscle & (t2 > 150)
    return np.array([float(one[part].median()) for one in (t2_signal, dwi_signal) for part in (muscle, fat)])


def test_gain_of_the_scanner_do_not_matter() -> None:
    t2, dwi, known, _ = pelvis()
    np.testing.assert_allclose(
        np.array([float(one.mean()) for one in normalized_pair(t2 * 7.5, dwi * 0.02, known, PIXEL_MM)[:2]]),
        np.array([float(one.mean()) for one in normalized_pair(t2, dwi, known, PIXEL_MM)[:2]]),
        atol=1e-4,
    )


def test_a_bright_bladder_hardly_moves_the_other_tissues() -> None:
    t2, dwi, known, muscle = pelvis()
    before = muscle_and_fat(t2, dwi, known, muscle)
    rows, columns = np.mgrid[:160, :160] - 79.5
    bladder = torch.from_numpy(np.hypot(rows, columns) < 27).expand(4, -1, -1)  # 15 % of the body
    t2, dwi = t2.clone(), dwi.clone()
    t2[bladder], dwi[bladder] = 1500.0, 400.0
    after = muscle_and_fat(t2, dwi, known, muscle & ~bladder)
    np.testing.assert_allclose(after, before, atol=0.35)


def test_an_artefact_and_shading_hardly_move_the_tissues() -> None:
    t2, dwi, known, muscle = pelvis()
    before = muscle_and_fat(t2, dwi, known, muscle)
    spoiled = t2 * torch.linspace(0.75, 1.25, 160)
    spoiled[:, 78:80] = 1e5
    after = muscle_and_fat(spoiled, dwi, known, muscle)
    np.testing.assert_allclose(after, before, atol=0.35)
    t2_signal, _, _ = normalized_pair(spoiled, dwi, known, PIXEL_MM)
    assert float(t2_signal.max()) <= 8.0


def test_body_is_found_with_gas_and_bone_inside_and_air_outside() -> None:
    t2, _, _, _ = pelvis()
    t2[:, 70:90, 70:90] = 0.0
    body = body_mask(coarse(t2, PIXEL_MM))
    assert body[:, 20, 20].all()
    assert not body[:, 1, 1].any()
    assert float(body.float().mean()) == pytest.approx(np.pi * 70**2 / 160**2, abs=0.05)


def test_unknown_dwi_is_neither_dark_nor_bright_and_is_told() -> None:
    t2, dwi, known, muscle = pelvis()
    whole = muscle_and_fat(t2, dwi, known, muscle)
    part = known.clone()
    part[:, :, :60] = 0.0
    cut = dwi * part
    signals = normalized_pair(t2, cut, part, PIXEL_MM)
    assert float(signals[1][part == 0].abs().max()) == 0.0
    seen = muscle & (part > 0)
    assert float(signals[1][seen].median()) == pytest.approx(whole[2], abs=0.2)
    channels = fuse(signals[0], signals[1], part, Preprocessing())
    torch.testing.assert_close(channels[:, -1], part)
    weighted = fuse(signals[0], signals[1], part, Preprocessing(fusion="weighted"))
    torch.testing.assert_close(weighted[:, 0][part == 0], signals[0][part == 0])


def test_stack_holds_the_neighbors_and_repeats_the_ends() -> None:
    t2 = torch.arange(5.0)[:, None, None].expand(5, 2, 2)
    channels = fuse(t2, t2 + 10, torch.ones(5, 2, 2), Preprocessing(neighbors=1))
    assert channels.shape == (5, Preprocessing().channels, 2, 2)
    assert channels[:, :, 0, 0].tolist() == [
        [0, 0, 1, 10, 10, 11, 1],
        [0, 1, 2, 10, 11, 12, 1],
        [1, 2, 3, 11, 12, 13, 1],
        [2, 3, 4, 12, 13, 14, 1],
        [3, 4, 4, 13, 14, 14, 1],
    ]


def test_one_image_alone_is_its_part_of_the_stack() -> None:
    t2, dwi = torch.rand(4, 3, 3), torch.rand(4, 3, 3)
    stack, t2_alone, dwi_alone = (
        fuse(t2, dwi, torch.ones(4, 3, 3), Preprocessing(fusion=one)) for one in ("stack", "t2", "dwi")
    )
    torch.testing.assert_close(t2_alone, stack[:, :3])
    torch.testing.assert_close(dwi_alone, stack[:, 3:])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_some_slices_are_those_of_the_whole(fusion: str) -> None:
    volumes, preprocessing = torch.rand(3, 6, 4, 4), Preprocessing(fusion=fusion)
    whole = fuse(*volumes, preprocessing)
    parts = [fuse(*volumes, preprocessing, slice(start, start + 4)) for start in (0, 4)]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_weighted_is_the_weighted_sum() -> None:
    t2, dwi, known = torch.full((2, 3, 3), 2.0), torch.full((2, 3, 3), 6.0), torch.ones(2, 3, 3)
    fused = fuse(t2, dwi, known, Preprocessing(fusion="weighted", dwi_weight=0.25))
    assert fused.shape == (2, 1, 3, 3)
    torch.testing.assert_close(fused, torch.full((2, 1, 3, 3), 3.0))


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="fusion"):
        Preprocessing(fusion="sum")
    with pytest.raises(InputError, match="range"):
        Preprocessing(pixel_mm=0.0)


def test_the_picture_is_gray_but_for_bright_dwi() -> None:
    t2, dwi, known, _ = pelvis()
    dwi[2, 60:66, 90:96] = 400.0
    geometry = Geometry((160, 160, 4), spacing_mm=(1.0, 1.0, 4.0))
    picture = fused_picture(Image(t2.numpy(), geometry), Image(dwi.numpy(), geometry), known.numpy() > 0)
    assert picture.shape == (4, 160, 160, 3)
    assert picture.dtype == np.uint8
    color = picture.max(-1).astype(int) - picture.min(-1)
    assert color[2, 61:65, 91:95].min() > 60
    assert color[0].max() <= 40
    assert picture[0, 79, 20].mean() > picture[0, 79, 79].mean() > picture[0, 2, 2].mean()


def spoiled(volume: torch.Tensor, how: str) -> torch.Tensor:
    """A volume with a strong coil at its lower edge, or with a bladder or a line far brighter."""
    volume = volume.clone()
    if how == "coil":
        return volume * torch.exp(1.6 * torch.linspace(-0.5, 0.5, volume.shape[1]))[:, None]
    if how == "bladder":
        volume[:, 50:80, 60:100] = 20.0 * volume.max()
    else:
        volume[:, 40:42] += 20.0 * volume.max()
    return volume


@pytest.mark.parametrize("how", ["coil", "bladder", "line"])
def test_the_picture_is_not_thrown_off(how: str) -> None:
    t2, dwi, known, _ = pelvis()
    dwi[2, 110:116, 90:96] = 400.0
    geometry = Geometry((160, 160, 4), spacing_mm=(1.0, 1.0, 4.0))

    def picture(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
        images = (Image(volume.numpy(), geometry) for volume in (first, second))
        return fused_picture(*images, known.numpy() > 0).astype(int)

    plain, other = picture(t2, dwi), picture(spoiled(t2, how), spoiled(dwi, how))
    assert other[2, 112, 92, 0] - other[2, 112, 92, 2] > 60  # the node stays colored
    clear = np.ones(plain.shape[:3], dtype=bool)
    clear[:, 36:84] = how == "coil"
    clear[:, 106:120, 86:100] = False
    assert np.percentile(np.abs(other - plain).max(axis=-1)[clear], 95) < 30
    color = other.max(axis=-1) - other.min(axis=-1)
    assert np.percentile(color[clear], 99) < 40  # nothing else is
