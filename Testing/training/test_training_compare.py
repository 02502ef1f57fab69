"""The networks of the comparison, and its table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.eru_net import for_inference
from LymphNodeSegLib.nodes.evaluation import pool

from Training.architectures import ARCHITECTURES, build_network
from Training.compare import RIVALS, HeldOut, compare, config_of_run, table_of
from Training.config import Config, Data, Network, Schedule
from Training.prepare import prepare_cases
from Training.train import run_training
from Training.warm_start import read_checkpoint

TEST = HeldOut(880_000, 1, "standard")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_learns_and_keeps_the_size(name: str) -> None:
    if name == "nnu-net":
        pytest.importorskip("dynamic_network_architectures", reason="nnU-Net's network is not installed")
    torch.manual_seed(0)
    network = build_network(Network(name, width=8), 7)
    inputs = torch.randn(2, 7, 64, 96)
    logits = network(inputs)
    assert logits.shape == (2, 1, 64, 96)
    logits.mean().backward()
    gradients = [one.grad for one in network.parameters() if one.requires_grad]
    assert any(one is not None and one.abs().sum() > 0 for one in gradients)
    ready = for_inference(network)
    with torch.inference_mode():
        torch.testing.assert_close(ready(inputs), network.eval()(inputs), atol=1e-4, rtol=1e-3)


def test_rivals_differ_from_eru_net_in_what_their_name_says_alone() -> None:
    config = Config()
    base = config_of_run(config, RIVALS["eru-net"], 1)
    assert base == config
    for name, rival in RIVALS.items():
        one = config_of_run(config, rival, 1)
        assert (one == base) == (name == "eru-net")
        assert (one.data, one.schedule) == (base.data, base.schedule)


def test_an_unknown_network_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="u-net"):
        build_network(Network("v-net"), 7)
    with pytest.raises(InputError, match="eru-net-t2"):
        compare(Config(), ["v-net"], [1], [TEST], tmp_path)


def test_the_table_tells_mean_and_spread_over_seeds() -> None:
    nodes = {
        band: {"true": 4, "found": 2, "predicted": 3, "false": 1} for band in ("all", "<5", "5-10", ">=10")
    }
    sums = {"bias_mm": 1.0, "error_mm": 2.0, "volume_mm3": 300.0, "true_mm3": 250.0}
    sizes = dict.fromkeys(nodes, sums)
    voxels = {"fp": 10, "tn": 900}
    scores = [
        {
            **pool(
                [
                    {
                        "cases": 2,
                        "voxels": {**voxels, "tp": tp, "fn": 90 - tp},
                        "nodes": nodes,
                        "sizes": sizes,
                    }
                ]
            ),
            "average_precision": tp / 100,
            "parameters": 2_000_000,
            "cpu_ms_per_slice": 12.0,
        }
        for tp in (50, 70)
    ]
    lines = table_of({"eru-net": scores, "u-net": scores[:1]}, TEST).splitlines()
    assert lines[2].startswith("| network | average precision | LN IoU |")
    assert lines[4].startswith("| ERU-Net, stacked channels | 0.60 ± 0.14 | 0.60 ± 0.14 |")
    assert lines[5].startswith("| U-Net (MONAI) | 0.50 | 0.50 |")
    assert lines[4].endswith("| 2.00 M | 12 ± 0 |")
    assert len({line.count("|") for line in lines[2:]}) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_phantoms_to_the_table_and_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = Config(
        data=replace(Data(), cache=str(tmp_path / "cache"), cases=2, crop=64, validation_share=0.5),
        network=Network(width=8),
        schedule=Schedule(steps=4, steps_per_epoch=2, batch=2, warmup_steps=1),
    )
    prepare_cases(config)
    names = ["eru-net", "u-net"]
    table = compare(config, names, [1], [TEST], tmp_path / "out")
    assert RIVALS["u-net"].title in table
    capsys.readouterr()
    assert compare(config, names, [1], [TEST], tmp_path / "out") == table
    assert capsys.readouterr().out == ""  # nothing was trained again
    other_point = compare(config, names, [1], [TEST], tmp_path / "out", point_cases=2)
    assert "its operating point set on 2 others" in other_point
    assert "eru-net/1" in capsys.readouterr().out  # tested again, with its other point


def test_further_phantoms_for_own_cases_are_one_line(tmp_path: Path) -> None:
    data = replace(Data(), source=str(tmp_path))
    with pytest.raises(InputError, match="phantoms"):
        compare(Config(data=data), ["eru-net"], [1], [TEST], tmp_path / "out", point_cases=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_that_was_moved_goes_on_in_its_new_folder(tmp_path: Path) -> None:
    config = Config(
        data=replace(Data(), cache=str(tmp_path / "cache"), cases=2, crop=64, validation_share=0.5),
        network=Network(width=8),
        schedule=Schedule(steps=4, steps_per_epoch=2, batch=2, warmup_steps=1),
    )
    prepare_cases(config)
    run_training(replace(config, schedule=replace(config.schedule, steps=2)), tmp_path / "old")
    moved = (tmp_path / "old").rename(tmp_path / "new")
    assert run_training(config, moved, moved / "last.ckpt") == moved / "last.ckpt"
    assert read_checkpoint(moved / "last.ckpt")["global_step"] == 4
