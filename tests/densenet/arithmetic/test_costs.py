"""Steps: the plan, summed as the charts show it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from densenet import PRESETS, DenseNetConfig, totals
from densenet.arithmetic.costs import stages, steps
from densenet.arithmetic.plan import plan
from densenet.config import transition_channels
from densenet.model.net import DenseNet
from densenet.presets import PRESET_IMAGE_SIZE

CONFIGS = {
    **{name: (config, PRESET_IMAGE_SIZE[name]) for name, config in PRESETS.items()},
    "dropout": (replace(PRESETS["tiny"], drop_rate=0.5), 7),
    "eight blocks": (replace(PRESETS["tiny"], block_config=(1, 2, 1, 3, 1, 1, 2, 1), stem="imagenet"), 509),
    "one layer": (DenseNetConfig(growth_rate=1, block_config=(1,), num_init_features=1, bn_size=0, stem="cifar"), 1),
}


@pytest.fixture(params=CONFIGS)
def case(request: pytest.FixtureRequest) -> tuple[DenseNetConfig, int]:
    return CONFIGS[request.param]


def test_every_row_is_in_one_step_and_sums_are_the_totals(case: tuple[DenseNetConfig, int]) -> None:
    config, size = case
    all_steps, sums = steps(config, size), totals(config, size)
    assert tuple(row for step in all_steps for row in step.rows) == plan(config, size)
    assert sum(step.params for step in all_steps) == sums.params
    assert sum(step.macs for step in all_steps) == sums.macs
    for step in all_steps:
        assert step.params == sum(row.params for row in step.rows)
        assert step.macs == sum(row.macs for row in step.rows)


def test_what_is_not_said_is_imagenets_224() -> None:
    config = PRESETS["densenet121"]
    assert (totals(config), steps(config), stages(config)) == (totals(config, 224), steps(config, 224), stages(config, 224))


def test_kinds_come_in_the_order_of_the_net(case: tuple[DenseNetConfig, int]) -> None:
    config, size = case
    expected = [("stem", 0, 0)]
    for block, layers in enumerate(config.block_config, start=1):
        expected += [("dense", block, layer) for layer in range(1, layers + 1)]
        expected += [("transition", block, 0)] if block < len(config.block_config) else []
    expected.append(("classifier", len(config.block_config) + 1, 0))
    assert [(step.kind, step.block, step.layer) for step in steps(config, size)] == expected


def test_the_arithmetic_of_channels(case: tuple[DenseNetConfig, int]) -> None:
    config, size = case
    all_steps = steps(config, size)
    channels = config.num_init_features
    assert (all_steps[0].received, all_steps[0].new, all_steps[0].inherited) == (config.in_channels, channels, 0)
    first = channels
    for step in all_steps[1:]:
        assert step.received == channels, step.label
        if step.kind == "dense":
            assert (step.inherited, step.new, step.first) == (channels, config.growth_rate, first), step.label
            assert step.inherited == first + (step.layer - 1) * config.growth_rate, "the arithmetic that hover shows"
            channels += step.new
        elif step.kind == "transition":
            assert (step.inherited, step.new) == (0, transition_channels(channels, config.compression)), step.label
            first = channels = step.new
    assert (all_steps[-1].new, all_steps[-1].inherited) == (channels, 0)
    assert channels == totals(config, size).features_out


def test_labels_and_sizes(case: tuple[DenseNetConfig, int]) -> None:
    config, size = case
    all_steps = steps(config, size)
    labels = {"stem": "stem", "dense": "block {0}, layer {1}", "transition": "transition {0}", "classifier": "classifier"}
    assert [step.label for step in all_steps] == [labels[step.kind].format(step.block, step.layer) for step in all_steps]
    assert len({step.label for step in all_steps}) == len(all_steps)
    assert all_steps[-1].size == totals(config, size).final_size
    for before, after in itertools.pairwise(all_steps):
        assert after.size == (before.size // 2 if after.kind == "transition" else before.size), after.label


def test_densenet121_by_the_paper() -> None:
    """Table 1: 56, 28, 14 and 7 pixels a side; 256, 512, 1024 and 1024 channels at the ends of the blocks."""
    all_steps = steps(PRESETS["densenet121"], 224)
    ends = [a for a, b in itertools.pairwise(all_steps) if a.kind == "dense" != b.kind]
    assert [(step.inherited + step.new, step.size) for step in ends] == [(256, 56), (512, 28), (1024, 14), (1024, 7)]
    assert totals(PRESETS["densenet121"]).depth == 121


def test_stages_are_the_models_own_parts(case: tuple[DenseNetConfig, int]) -> None:
    """Parameters by the modules of the net that is built: the classifier's stage holds the last norm too."""
    config, size = case
    with torch.device("meta"):
        model = DenseNet(config)
    held: dict[str, int] = {}
    for name, tensor in model.named_parameters():
        module = next((part for part in name.split(".") if part.startswith(("denseblock", "transition"))), "")
        stage = module.replace("denseblock", "block ").replace("transition", "transition ")
        stage = stage or ("classifier" if name.startswith(("classifier", "features.norm5")) else "stem")
        held[stage] = held.get(stage, 0) + tensor.numel()
    assert {stage.label: stage.params for stage in stages(config, size)} == held
    assert [stage.label for stage in stages(config, size)] == list(held)
    assert sum(stage.macs for stage in stages(config, size)) == totals(config, size).macs


def test_steps_refuse_what_plan_refuses() -> None:
    with pytest.raises(ValueError, match="image_size must be 29 to 4096"):
        steps(PRESETS["densenet121"], 28)
