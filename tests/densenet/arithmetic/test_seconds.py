"""Forecasts of time: sums of arithmetic and traffic, counted by others, and cautious."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from torch import Tensor, nn

from densenet import PRESETS, DenseNetConfig, totals
from densenet.arithmetic.plan import plan
from densenet.arithmetic.seconds import arithmetic_seconds, forward_seconds, touched_bytes, transfer_seconds
from densenet.model import DenseNet


def test_time_grows_with_the_work_and_a_gpu_is_faster() -> None:
    for seconds in (arithmetic_seconds, transfer_seconds):
        for device in ("cpu", "cuda", "mps"):
            assert seconds(0, device) == 0
            assert seconds(2_000, device) == pytest.approx(2 * seconds(1_000, device))
        assert seconds(10**9, "cuda") < seconds(10**9, "mps") < seconds(10**9, "cpu")


@pytest.mark.parametrize("name", ["tiny", "classroom", "densenet_bc_100_12"])
def test_touched_is_what_each_operation_reads_and_writes(name: str) -> None:
    """Beside hooks on the real modules: input and output of every leaf. A concatenation, no module, reads what its plan says."""
    config, size = PRESETS[name], 32
    with torch.device("meta"):
        model = DenseNet(config).eval()
    seen = [0]

    def count(_module: nn.Module, args: tuple[Tensor, ...], result: Tensor) -> None:
        seen[0] += 4 * (args[0].numel() + result.numel())

    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    model(torch.empty(1, config.in_channels, size, size, device="meta"))
    cats = joined(config, size)
    assert touched_bytes(plan(config, size)) == seen[0] + cats


def joined(config: DenseNetConfig, size: int) -> int:
    """Bytes that the concatenations touch: all features before the layer, and those with its own, by the sizes of the paper's figure 2."""
    side = size if config.stem == "cifar" else ceil(ceil(size / 2) / 2)
    channels, touched = config.num_init_features, 0
    for block, layers in enumerate(config.block_config, start=1):
        for _ in range(layers):
            touched += 4 * (channels + channels + config.growth_rate) * side**2
            channels += config.growth_rate
        if block < len(config.block_config):
            channels, side = int(channels * config.compression), side // 2
    return touched


def test_a_forward_pass_is_arithmetic_and_traffic() -> None:
    config = PRESETS["densenet121"]
    for device in ("cpu", "cuda"):
        parts = arithmetic_seconds(totals(config, 224).macs, device) + transfer_seconds(touched_bytes(plan(config, 224)), device)
        assert forward_seconds(config, 224, device) == pytest.approx(parts)
