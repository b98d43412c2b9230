"""What is frozen has no gradients, and norms that keep what they know."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory
from densenet.arithmetic.plan import plan, trained_rows
from densenet.measure.forecast import expected_seconds
from densenet.measure.measurement import measure
from densenet.model.freezing import freeze, hold
from densenet.model.net import DenseNet
from tests.support.drawn import drawn

NET = replace(PRESETS["tiny"], block_config=(2, 1, 2), drop_rate=0.3, stem="imagenet")
STILL = {
    "none": set(),
    "blocks:1-1": {"conv0", "norm0", "denseblock1", "transition1"},
    "blocks:1-3": {"conv0", "norm0", "denseblock1", "transition1", "denseblock2", "transition2", "denseblock3"},
    "features": {"conv0", "norm0", "denseblock1", "transition1", "denseblock2", "transition2", "denseblock3", "norm5"},
}


@pytest.mark.parametrize("frozen", STILL)
def test_a_step_changes_nothing_that_is_frozen(frozen: str) -> None:
    torch.manual_seed(0)
    model = DenseNet(NET)
    freeze(model, frozen)
    model.train()
    hold(model, frozen)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model(torch.rand(4, 3, 48, 48)).square().sum().backward()
    optimizer.step()
    moved = {name.split(".")[1] for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    parts = {name.split(".")[1] for name, _ in model.named_parameters() if name.startswith("features.")}
    assert moved - {"weight", "bias"} == parts - STILL[frozen]
    assert {"weight", "bias"} <= moved, "the classifier's"


@pytest.mark.parametrize("frozen", STILL)
def test_the_plan_knows_what_is_trained(frozen: str) -> None:
    model = DenseNet(NET)
    freeze(model, frozen)
    rows = trained_rows(NET, 48, frozen)
    assert sum(row.params for row in rows) == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert set(rows) <= set(plan(NET, 48))


@pytest.mark.parametrize("bad", ["blocks:1-4", "blocks:2-3", "head", "", None, "blocks:0", "blocks:1-12"])
def test_what_cannot_be_frozen_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"frozen must be none, features or blocks:1-N"):
        freeze(DenseNet(NET), bad)
    if bad != "blocks:1-4":
        with pytest.raises(ValueError, match=r"frozen must be none, features or blocks:1-N"):
            Workload(frozen=bad)


def check(config: DenseNetConfig, workload: Workload) -> None:
    estimate, truth = estimate_memory(config, workload).peak, measure(config, workload, "cpu").peak
    assert abs(estimate - truth) <= 0.001 * truth, f"{estimate} estimated, {truth} measured, {config}, {workload}"


@pytest.mark.parametrize("checkpointing", ["none", "norm", "layer"])
@pytest.mark.parametrize("frozen", ["features", "blocks:1-1", "blocks:1-2", "blocks:1-3"])
def test_the_estimate_is_what_fine_tuning_takes(frozen: str, checkpointing: str) -> None:
    config = DenseNetConfig(growth_rate=8, block_config=(2, 3, 2), num_init_features=16, num_classes=10)
    check(config, Workload(image_size=64, batch_size=3, mode="train", checkpointing=checkpointing, optimizer="adam", frozen=frozen))


@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_holds_for_drawn_nets(seed: int) -> None:
    config, workload = drawn(40 + seed, largest=64)
    for frozen in ("features", f"blocks:1-{min(1 + seed, len(config.block_config))}"):
        check(config, replace(workload, mode="train", batch_size=3, precision="float32", frozen=frozen))


def test_what_is_frozen_takes_no_backward_pass() -> None:
    config = PRESETS["densenet121"]
    whole, half, head = (
        expected_seconds(config, Workload(mode="train", frozen=frozen), "cpu") for frozen in ("none", "blocks:1-3", "features")
    )
    forward = expected_seconds(config, Workload(mode="infer"), "cpu")
    assert forward < head < 1.01 * forward
    assert head < half < 0.6 * whole
