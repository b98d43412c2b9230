"""The dense block for tables: its arithmetic, its concatenations, and its command."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from densenet.dense_mlp.mlp import TUTORIAL, DenseMLP, DenseMLPConfig, count_params

TINY = DenseMLPConfig(in_features=5, num_init_features=6, growth_rate=3, block_config=(2, 1))

configs = st.builds(
    DenseMLPConfig,
    in_features=st.integers(1, 40),
    out_features=st.integers(1, 5),
    stem_features=st.lists(st.integers(1, 20), max_size=3).map(tuple),
    num_init_features=st.integers(1, 40),
    growth_rate=st.integers(1, 20),
    block_config=st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
    bn_size=st.integers(0, 4),
    compression=st.floats(0.01, 1.0),
    drop_rate=st.sampled_from((0.0, 0.3)),
)


@settings(max_examples=60)
@given(configs)
def test_the_parameters_by_formula_are_the_modules(config: DenseMLPConfig) -> None:
    model = DenseMLP(config)
    assert count_params(config) == sum(p.numel() for p in model.parameters())
    assert model(torch.randn(3, config.in_features)).shape == (3, config.out_features)


def test_the_tutorials_net() -> None:
    model = DenseMLP(TUTORIAL)
    widths = [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)]
    stem, blocks, features = [(330, 512), (512, 1024)], [], 1024
    for block in range(4):
        blocks += [(features, 128), (features + 128, 128)]
        features += 256
        if block < 3:
            blocks.append((features, features // 2))
            features //= 2
    assert features == 608
    assert widths == [*stem, *blocks, (608, 1)]
    norms = 512 + sum(before for before, _ in blocks) + 608
    assert count_params(TUTORIAL) == sum(a * b for a, b in widths) + 1 + 2 * norms == 2_877_473


def _by_hand(model: DenseMLP, x: torch.Tensor) -> torch.Tensor:
    """TINY's net in eval mode, written out from its state_dict."""
    state = model.state_dict()

    def normed(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, variance = state[f"features.{name}.running_mean"], state[f"features.{name}.running_var"]
        scaled = (x - mean) / (variance + 1e-5).sqrt() * state[f"features.{name}.weight"] + state[f"features.{name}.bias"]
        return scaled.clamp(min=0)

    x0 = x @ state["features.linear0.weight"].T
    x1 = normed("denseblock1.denselayer1.norm1", x0) @ state["features.denseblock1.denselayer1.linear1.weight"].T
    x01 = torch.cat((x0, x1), 1)
    x2 = normed("denseblock1.denselayer2.norm1", x01) @ state["features.denseblock1.denselayer2.linear1.weight"].T
    y0 = normed("transition1.norm", torch.cat((x0, x1, x2), 1)) @ state["features.transition1.linear.weight"].T
    y1 = normed("denseblock2.denselayer1.norm1", y0) @ state["features.denseblock2.denselayer1.linear1.weight"].T
    return normed("norm5", torch.cat((y0, y1), 1)) @ state["output.weight"].T + state["output.bias"]


def test_each_layer_reads_all_before_it() -> None:
    torch.manual_seed(0)
    model = DenseMLP(TINY).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
    x = torch.randn(7, 5)
    with torch.inference_mode():
        assert model(x).std() > 0.01
        torch.testing.assert_close(model(x), _by_hand(model, x), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.head(model.features(x)), model(x), rtol=0, atol=0)


def test_a_bottleneck_a_stem_and_dropout() -> None:
    model = DenseMLP(replace(TINY, bn_size=4, stem_features=(9, 8), drop_rate=0.5))
    assert [name for name, _ in model.features.named_children()][:7] == [
        "linear0",
        "norm0",
        "relu0",
        "linear1",
        "norm1",
        "relu1",
        "linear2",
    ]
    layer = model.features.denseblock1.denselayer2
    assert [name for name, _ in layer.named_children()] == ["norm1", "relu1", "linear1", "norm2", "relu2", "linear2", "drop"]
    assert (layer.linear1.in_features, layer.linear1.out_features, layer.linear2.out_features) == (9, 12, 3)
    x = torch.randn(8, 5)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@settings(max_examples=20)
@given(configs)
def test_gradients_reach_every_parameter(config: DenseMLPConfig) -> None:
    model = DenseMLP(config)
    (model(torch.randn(6, config.in_features)) ** 2).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("in_features", 0, "in_features must be 1 to 100000, got 0"),
        ("out_features", 1.5, "out_features must be 1 to 100000, got 1.5"),
        ("stem_features", 512, "stem_features must be 0 to 8 widths, got 512"),
        ("stem_features", (0,), r"stem_features\[0\] must be 1 to 4096, got 0"),
        ("num_init_features", 1025, "num_init_features must be 1 to 1024, got 1025"),
        ("growth_rate", 0, "growth_rate must be 1 to 512, got 0"),
        ("block_config", (), "block_config must be 1 to 8 blocks of 1 to 256 layers, got 0 blocks"),
        ("bn_size", -1, "bn_size must be 0 to 64, got -1"),
        ("compression", 0, "compression must be above 0 to 1, got 0"),
        ("drop_rate", 1.0, "drop_rate must be 0 to below 1, got 1.0"),
    ],
)
def test_bad_values_are_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **{field: value})


def test_a_config_is_a_value() -> None:
    assert len({TINY, replace(TINY, block_config=[2, 1])}) == 1
    with pytest.raises(FrozenInstanceError):
        TINY.growth_rate = 4  # type: ignore[misc]
