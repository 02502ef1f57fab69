"""Calibration at export."""

from __future__ import annotations

import pytest
import torch

from Training.export import fitted_scaling, reliability


def test_scaling_recovers_what_made_the_network_too_sure() -> None:
    chance = torch.Generator().manual_seed(0)
    honest = torch.randn(200_000, generator=chance) * 3 - 4
    nodes = (torch.rand(200_000, generator=chance) < torch.sigmoid(honest)).float()
    boastful = (honest + 1.5) * 2.5
    temperature, offset = fitted_scaling(boastful, nodes)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert offset == pytest.approx(-1.5, abs=0.1)
    before = reliability(boastful, nodes, 1.0, 0.0)["expected_calibration_error"]
    after = reliability(boastful, nodes, temperature, offset)["expected_calibration_error"]
    assert before > 0.1
    assert after < 0.02
