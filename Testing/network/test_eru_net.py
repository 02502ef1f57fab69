"""ERU-Net: sizes, attention, ablations, TorchScript, folding."""

from __future__ import annotations

import pytest
import torch
from LymphNodeSegLib.network.eru_net import (
    Block,
    EfficientChannelAttention,
    EruNet,
    eca_kernel,
    for_inference,
)


@pytest.mark.parametrize(
    ("channels", "kernel"), [(16, 3), (24, 3), (32, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5)]
)
def test_eca_kernel_is_what_the_paper_of_eca_says(channels: int, kernel: int) -> None:
    assert eca_kernel(channels) == kernel
    assert EfficientChannelAttention(channels).conv.kernel_size == (kernel,)


@pytest.mark.parametrize("eca", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("in_channels", [1, 7])
def test_every_variant_is_scriptable_and_keeps_the_size(eca: bool, residual: bool, in_channels: int) -> None:
    torch.manual_seed(0)
    network = EruNet(in_channels, width=8, depth=4, eca=eca, residual=residual).eval()
    inputs = torch.randn(2, in_channels, 48, 72)
    scripted = torch.jit.script(network)
    with torch.inference_mode():
        logits = network(inputs)
        assert logits.shape == (2, 1, 48, 72)
        torch.testing.assert_close(scripted(inputs), logits)


def test_ablations_have_other_weights() -> None:
    whole, plain = EruNet(1), EruNet(1, eca=False, residual=False)
    names = {name for name, _ in whole.named_parameters()} - {name for name, _ in plain.named_parameters()}
    assert any("attention" in name for name in names)
    assert any("match" in name for name in names)
    assert 1.3e6 < sum(one.numel() for one in EruNet(7).parameters()) < 2.5e6


def test_attention_scales_channels_and_nothing_else() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 16, 5, 5) + 0.5
    ratio = EfficientChannelAttention(16)(features) / features
    flat = ratio.flatten(2)
    torch.testing.assert_close(flat, flat[..., :1].expand_as(flat))
    assert ((ratio > 0) & (ratio < 1)).all()
    assert flat[0, :, 0].std() > 0


def test_residual_block_passes_its_input_on() -> None:
    block = Block(8, 8, eca=True, residual=True).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    features = torch.rand(1, 8, 6, 6)
    torch.testing.assert_close(block(features), features)


def test_folding_changes_no_result_and_leaves_the_original_alone() -> None:
    torch.manual_seed(0)
    network = EruNet(2, width=8, depth=3)
    for _ in range(5):
        network(torch.randn(4, 2, 32, 32) * 2 + 1)
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inputs = torch.randn(1, 2, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(for_inference(network)(inputs), network(inputs), atol=1e-5, rtol=1e-4)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])
