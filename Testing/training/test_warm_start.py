"""A new training begins where another network ended."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network.model_file import load_model
from LymphNodeSegLib.network.second_look import SecondLook
from LymphNodeSegLib.network.suspects import CHANNELS

from Training.config import config_of
from Training.learning import Learner
from Training.warm_start import start_second_look, start_weights


def learner_of(**network: int) -> Learner:
    """A learner of the bundled model's network and input."""
    card = load_model().card
    parts = {"network": {**card["network"], **network}, "preprocessing": card["preprocessing"]}
    return Learner(config_of(parts).as_dict())


def batch() -> torch.Tensor:
    channels = load_model().preprocessing.channels
    return torch.from_numpy(np.random.default_rng(4).normal(size=(2, channels, 64, 64)).astype(np.float32))


def test_a_bundled_model_answers_in_training_as_it_did() -> None:
    model, learner, inputs = load_model(), learner_of(), batch()
    start_weights(learner, model.name, lambda: inputs)
    with torch.no_grad():
        wanted, trained = model.network(inputs), learner.network.train()(inputs)
    assert wanted.abs().max() > 1.0
    assert torch.allclose(trained, wanted, atol=1e-3)
    assert learner.network(inputs).requires_grad


def test_another_width_is_one_line() -> None:
    with pytest.raises(InputError, match="width"):
        start_weights(learner_of(width=8), load_model().name, batch)


def test_a_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing or damaged"):
        start_weights(learner_of(), str(tmp_path / "none.ckpt"), batch)


def places() -> torch.Tensor:
    shape = (2, 7, len(CHANNELS), 32, 32)
    return torch.from_numpy(np.random.default_rng(5).normal(size=shape).astype(np.float32))


def test_a_second_look_answers_in_training_as_it_did_but_for_its_scaling() -> None:
    model, network, seen = load_model(), SecondLook(), places()
    start_second_look(network, model, seen)
    with torch.no_grad():
        scaled, trained = model.second(seen), network.train()(seen)
    wanted = (scaled - model.second.offset) * model.second.temperature
    assert model.second.temperature != 1.0
    assert wanted.abs().max() > 1.0
    assert torch.allclose(trained, wanted, atol=1e-3)
    assert network(seen).requires_grad


def test_a_second_look_that_is_not_there_or_differs_is_one_line() -> None:
    model = load_model()
    with pytest.raises(InputError, match="no second look"):
        start_second_look(SecondLook(), dataclasses.replace(model, second=None), places())
    with pytest.raises(InputError, match="another shape"):
        start_second_look(SecondLook((4, 8, 8)), model, places())
