"""The outline is drawn to the edges of the images, whatever their contrast; it stays where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from LymphNodeSegLib.network.boundary import Boundary, moments
from torch import Tensor

SIDE = 64


def disc(radius: float, middle: tuple[float, float] = (31.5, 31.5)) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.hypot(rows - middle[0], columns - middle[1]) < radius


def boundary(weight: float = 1.0) -> Boundary:
    """One that trusts the edges of the T2 alone."""
    network = Boundary(6).eval()
    for fit in network.fits:
        torch.nn.init.constant_(fit.t2_weight, weight)
    return network


def seen(t2: Tensor) -> Tensor:
    images = torch.zeros(1, 6, SIDE, SIDE)
    images[0, 0], images[0, 2] = t2, 1.0
    return images


def iou(logits: Tensor, truth: Tensor) -> float:
    found = logits[0, 0] > 0
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize(("inside", "outside"), [(-0.6, 1.4), (1.2, -0.5), (-0.9, -0.2)])
@pytest.mark.parametrize(
    ("radius", "middle"), [(12.0, (31.5, 31.5)), (7.5, (31.5, 31.5)), (10.0, (33.0, 30.0))]
)
def test_the_outline_goes_to_the_edge(
    inside: float, outside: float, radius: float, middle: tuple[float, float]
) -> None:
    """The first answer is too large, too small, or beside the node, as the DWI would have it."""
    truth = disc(10.0)
    noise = 0.15 * torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    t2 = torch.where(truth, inside, outside) + noise
    answer = torch.where(disc(radius, middle), 2.5, -2.5)
    # As a network answers: less sure the nearer to its outline.
    answer = torch.nn.functional.avg_pool2d(answer[None, None], 5, 1, 2)
    before = iou(answer, truth)
    after = iou(boundary()(seen(t2), answer), truth)
    assert before < 0.78
    assert after > before + 0.5 * (1.0 - before)


def test_without_an_edge_the_outline_stays() -> None:
    noise = 0.3 * torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    answer = torch.where(disc(9.0), 2.5, -2.5)[None, None]
    assert torch.equal(boundary()(seen(noise), answer) > 0, answer > 0)
    assert torch.equal(boundary()(seen(torch.zeros(SIDE, SIDE)), answer), answer)


def test_a_sure_answer_stays() -> None:
    truth = disc(10.0)
    sure = torch.where(disc(12.0), 9.0, -9.0)[None, None]
    assert torch.equal(boundary()(seen(torch.where(truth, -1.0, 1.0)), sure) > 0, sure > 0)


def test_moments_are_those_of_the_pixels_near() -> None:
    """Against NumPy, pixel for pixel, with the weights that a box filter twice gives."""
    chance = np.random.default_rng(5)
    image, weight = chance.normal(0, 1, (20, 22)), chance.uniform(0.2, 1, (20, 22))
    as_tensor = [torch.from_numpy(one)[None, None].float() for one in (image, weight)]
    mean, variance = (one[0, 0].numpy() for one in moments(*as_tensor, 2))
    box = np.convolve(np.ones(5), np.ones(5))
    for row, column in ((10, 11), (6, 9)):
        near = np.s_[row - 4 : row + 5, column - 4 : column + 5]
        share = weight[near] * np.outer(box, box)
        wanted = (share * image[near]).sum() / share.sum()
        assert mean[row, column] == pytest.approx(wanted, abs=0.02)
        spread = (share * (image[near] - wanted) ** 2).sum() / share.sum()
        assert variance[row, column] == pytest.approx(spread, rel=0.05)


def test_half_the_digits_in_training_leave_the_moments_whole() -> None:
    chance = torch.Generator().manual_seed(6)
    image, weight = torch.randn(1, 2, 24, 24, generator=chance), torch.rand(1, 1, 24, 24, generator=chance)
    wanted = moments(image + 4.0, weight, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = moments(image + 4.0, weight, 3)
    for one, other in zip(wanted, found):
        torch.testing.assert_close(one, other)


def test_untrained_it_changes_nothing() -> None:
    logits = torch.randn(2, 1, 16, 24)
    assert torch.equal(Boundary(6).eval()(torch.randn(2, 6, 16, 24), logits), logits)
