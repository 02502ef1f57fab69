"""Calibration at export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from LymphNodeSegLib.images.image import Geometry, Image

from Training.cases import AlignedDwi, write_case
from Training.config import Config, Network
from Training.export import Calibrated, best_peak_of, best_point, calibrated, fitted_scaling, reliability
from Training.learning import Learner
from Training.prepare import cache_folder


def boastful_network(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are too large and too sure, and what was true."""
    chance = torch.Generator().manual_seed(seed)
    honest = torch.randn(200_000, generator=chance) * 3 - 4
    nodes = (torch.rand(200_000, generator=chance) < torch.sigmoid(honest)).float()
    return (honest + 2.0) * 2.5, nodes


def dice(found: torch.Tensor, nodes: torch.Tensor) -> float:
    return float(2 * (found * nodes).sum() / (found.sum() + nodes.sum()))


def test_one_half_lies_where_dice_is_highest() -> None:
    logits, nodes = boastful_network()
    temperature, offset = fitted_scaling(logits, nodes)
    chosen = dice((torch.sigmoid(logits / temperature + offset) > 0.5).float(), nodes)
    best = max(dice((logits > level).float(), nodes) for level in torch.linspace(-8, 12, 200).tolist())
    assert chosen > 0.96 * best
    assert chosen > dice((logits > 0).float(), nodes) + 0.01


def test_scaling_makes_probabilities_truer() -> None:
    logits, nodes = boastful_network()
    temperature, offset = fitted_scaling(logits, nodes)
    before = reliability(logits, nodes, 1.0, 0.0)["expected_calibration_error"]
    after = reliability(logits, nodes, temperature, offset)["expected_calibration_error"]
    assert before > 0.1
    assert after < before / 2


def ready_with(logits: torch.Tensor, nodes: torch.Tensor) -> Calibrated:
    """Cases [n, k, j, i], not scaled."""
    shapes = [one.shape for one in nodes]
    learner = Learner(Config().as_dict())
    count = len(nodes)
    return Calibrated(learner, learner.network, 1.0, 0.0, 1, count, logits.flatten(), nodes.flatten(), shapes)


def test_the_best_peak_keeps_true_finds_and_drops_false_ones() -> None:
    logits, nodes = torch.full((2, 4, 20, 20), -5.0), torch.zeros(2, 4, 20, 20)
    logits[:, 1:3, 2:8, 2:8], nodes[:, 1:3, 2:8, 2:8] = 3.2, 1.0  # a node in each case: 0.96
    logits[0, 1:3, 12:17, 2:7] = 2.3  # false: 0.91
    logits[1, 0, 12:14, 12:14] = 1.0  # false: 0.73
    assert best_point(ready_with(logits, nodes)) == (0.0, 0.9241)


def test_the_level_is_the_best_one_without_the_false_finds() -> None:
    logits, nodes = torch.full((1, 1, 40, 40), -5.0), torch.zeros(1, 1, 40, 40)
    nodes[0, 0, 2:12, 2:12] = 1.0
    logits[0, 0, 2:12, 2:12], logits[0, 0, 4:10, 4:10] = -0.3, 3.0  # the node's rim lies just below 0.5
    logits[0, 0, 20:32, 20:32] = -0.2  # false, larger than the rim, and sure nowhere
    offset, peak = best_point(ready_with(logits, nodes))
    assert offset == 0.5
    assert peak == 0.6225  # the false find reaches 0.57


def test_a_node_drawn_as_a_ring_counts_whole() -> None:
    sure, truth = np.zeros((1, 40, 40)), np.zeros((1, 40, 40))
    truth[0, 2:10, 2:10] = 1.0
    sure[0, 2:10, 2:10], sure[0, 3:9, 3:9] = 0.8, 0.2  # 28 pixels around 36
    truth[0, 20:24, 2:7] = 1.0
    sure[0, 20:24, 2:7] = 0.98
    sure[0, 20:34, 20:30] = 0.8  # false, 140: more than the ring is worth, less than the node
    assert best_peak_of([(sure, truth)]) == 0.5


def test_a_run_whose_cases_are_gone_is_calibrated_on_others(tmp_path: Path) -> None:
    config = Config(network=Network(width=2, depth=2))
    learner = Learner(replace(config, data=replace(config.data, cache=str(tmp_path / "gone"))).as_dict())
    checkpoint = tmp_path / "last.ckpt"
    values = {"hyper_parameters": dict(learner.hparams), "state_dict": learner.state_dict(), "global_step": 3}
    torch.save(values, checkpoint)

    others = replace(config, data=replace(config.data, cache=str(tmp_path), first_seed=5, cases=2))
    signal = np.random.default_rng(0).normal(50, 9, (3, 20, 24)).astype(np.float32)
    image, known = Image(signal, Geometry((24, 20, 3))), np.ones(signal.shape, dtype=bool)
    for seed in (5, 6, 7):
        folder, nodes = cache_folder(others) / f"phantom-{seed}", image.array > 60
        variants = [AlignedDwi(image.array, known)]
        write_case(folder, f"phantom-{seed}", image, variants, nodes, others.preprocessing)
    assert calibrated(checkpoint, others).cases == 2
