"""The model: torchvision's net under torchvision's names, and every activation a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision import models

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.plan import plan
from densenet.model.net import DenseNet
from tests.conftest import randomised

Make = Callable[..., DenseNet]
TORCHVISION = {"densenet121": models.densenet121, "densenet169": models.densenet169}
TINY = PRESETS["tiny"]
VARIANTS = {
    "tiny": (TINY, 12),
    "no bottleneck": (replace(TINY, bn_size=0), 12),
    "imagenet stem": (replace(TINY, stem="imagenet"), 33),
    "dropout": (replace(TINY, drop_rate=0.3), 12),
    "one block, one channel": (replace(TINY, block_config=(3,), in_channels=1), 5),
    "narrow transitions": (replace(TINY, block_config=(1, 1, 1), compression=0.01), 12),
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> tuple[DenseNetConfig, torch.Tensor]:
    config, size = VARIANTS[request.param]
    return config, torch.randn(2, config.in_channels, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", TORCHVISION)
def test_parity_with_torchvision(name: str) -> None:
    torch.manual_seed(3)
    theirs = TORCHVISION[name](weights=None)
    torch.manual_seed(3)
    ours = DenseNet(PRESETS[name])
    their_state, our_state = theirs.state_dict(), ours.state_dict()
    assert list(our_state) == list(their_state)
    assert all(torch.equal(our_state[key], their_state[key]) for key in their_state), "the same seed gives the same values"
    randomised(theirs, seed=4)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        expected, logits = theirs.eval()(x), ours.eval()(x)
    assert expected.std() > 0.1, "logits that are all alike would prove nothing"
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


def test_training_parity_with_torchvision() -> None:
    """One training step's loss, gradients and running statistics, at a small size."""
    torch.manual_seed(3)
    theirs = models.DenseNet(8, (2, 2, 2, 2), 16, num_classes=10).train()
    ours = DenseNet(DenseNetConfig(growth_rate=8, block_config=(2, 2, 2, 2), num_init_features=16, num_classes=10)).train()
    randomised(theirs)
    ours.load_state_dict(theirs.state_dict())
    x, labels = torch.randn(4, 3, 64, 64), torch.tensor([1, 2, 3, 4])
    for model in (theirs, ours):
        nn.functional.cross_entropy(model(x), labels).backward()
    for (name, expected), value in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        assert expected.grad is not None
        assert value.grad is not None
        torch.testing.assert_close(value.grad, expected.grad, rtol=1e-3, atol=1e-5, msg=name)
    for (name, expected), value in zip(theirs.named_buffers(), ours.buffers(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize(("name", "params"), [("classroom", 757_322), ("compact", 1_015_124)])
def test_the_tutorials_nets(name: str, params: int) -> None:
    config = PRESETS[name]
    model = DenseNet(config).eval()
    assert sum(p.numel() for p in model.parameters()) == params
    assert model(torch.randn(1, config.in_channels, 32, 32)).shape == (1, 10)


def test_head_of_features_is_the_model(make_net: Make, variant: tuple[DenseNetConfig, torch.Tensor]) -> None:
    config, x = variant
    model = make_net(config)
    logits = model(x)
    assert logits.shape == (2, 10)
    assert logits.std() > 0
    torch.testing.assert_close(model.head(model.features(x)), logits, rtol=0, atol=0)
    assert isinstance(model.features[-1], nn.BatchNorm2d)
    assert "norm5" in dict(model.features.named_children())


def test_every_activation_is_a_module_that_runs_once_and_not_in_place(make_net: Make, variant: tuple[DenseNetConfig, torch.Tensor]) -> None:
    config, x = variant
    model = make_net(config)
    relus = {name: module for name, module in model.named_modules() if isinstance(module, nn.ReLU)}
    assert list(relus) == [row.path for row in plan(config, x.shape[-1]) if row.op == "relu"]
    assert not any(getattr(module, "inplace", False) for module in model.modules())
    inputs: dict[str, torch.Tensor] = {}
    copies: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        if not list(module.children()):

            def note(_: nn.Module, args: tuple[torch.Tensor], name: str = name) -> None:
                assert name not in inputs, f"{name} ran twice"
                inputs[name], copies[name] = args[0], args[0].clone()

            module.register_forward_pre_hook(note)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile, torch.no_grad():
        model(x)
    assert set(relus) <= set(inputs)
    assert all(torch.equal(inputs[name], copies[name]) for name in inputs), "no module changed what another one reads"
    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["aten::relu"] == len(relus), "no ReLU outside a module"
    assert "aten::relu_" not in counts
    assert "aten::clamp_min_" not in counts


def test_gradients_reach_every_parameter(make_net: Make, variant: tuple[DenseNetConfig, torch.Tensor]) -> None:
    config, x = variant
    model = make_net(config).train()
    nn.functional.cross_entropy(model(x), torch.tensor([0, 1])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_dense_layer_without_bottleneck_has_one_convolution() -> None:
    layer = DenseNet(replace(TINY, bn_size=0)).features.denseblock1.denselayer1
    assert [name for name, _ in layer.named_children()] == ["norm1", "relu1", "conv1"]
    assert layer.conv1.kernel_size == (3, 3)
    bottleneck = DenseNet(TINY).features.denseblock1.denselayer1
    assert [name for name, _ in bottleneck.named_children()] == ["norm1", "relu1", "conv1", "norm2", "relu2", "conv2"]
    assert [bottleneck.conv1.kernel_size, bottleneck.conv2.kernel_size] == [(1, 1), (3, 3)]


def test_initial_values() -> None:
    torch.manual_seed(0)
    model = DenseNet(replace(TINY, num_init_features=256, growth_rate=64))
    weight = model.features.conv0.weight
    assert weight.std().item() == pytest.approx((2 / (3 * 9)) ** 0.5, rel=0.05), "He, fan in"
    assert not model.classifier.bias.any()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
    assert model.weights is None


def test_dropout_is_active_in_training_only(make_net: Make) -> None:
    model = make_net(replace(TINY, drop_rate=0.5))
    without = make_net(TINY)
    x = torch.randn(2, 3, 8, 8)
    assert list(model.state_dict()) == list(without.state_dict())
    assert torch.equal(model(x), model(x))
    assert torch.equal(model(x), without(x))
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # so that only dropout can make two passes differ
    assert not torch.equal(model(x), model(x))
    dropped = model.features.denseblock1.denselayer1(model.features.conv0(x))
    assert 0.3 < float((dropped == 0).float().mean()) < 0.7


def test_any_aspect_ratio(make_net: Make) -> None:
    assert make_net(replace(TINY, stem="imagenet"))(torch.randn(1, 3, 30, 71)).shape == (1, 10)


def test_bfloat16_autocast_runs_and_is_near(make_net: Make, variant: tuple[DenseNetConfig, torch.Tensor]) -> None:
    config, x = variant
    model = make_net(config)
    with torch.inference_mode():
        expected = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, rtol=0.05, atol=0.05 * float(expected.abs().max()))
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["no bottleneck", "imagenet stem"])
def test_compiles_without_a_graph_break(make_net: Make, name: str) -> None:
    config, size = VARIANTS[name]
    model, x = make_net(config), torch.randn(2, 3, size, size)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["no bottleneck", "imagenet stem"])
def test_exports(make_net: Make, name: str) -> None:
    config, size = VARIANTS[name]
    model, x = make_net(config), torch.randn(2, 3, size, size)
    exported = torch.export.export(model, (x,))
    torch.testing.assert_close(exported.module()(x), model(x), rtol=1e-5, atol=1e-5)
    assert set(exported.state_dict) == set(model.state_dict())


def test_a_block_yields_what_it_concatenates(make_net: Make) -> None:
    block = make_net(replace(PRESETS["tiny"], block_config=(3,))).features.denseblock1
    x = torch.randn(2, block.denselayer1.norm1.num_features, 5, 4)
    sources = list(block.sources(x))
    assert sources[0] is x
    assert [source.shape[1] for source in sources[1:]] == [PRESETS["tiny"].growth_rate] * 3
    for number, layer in enumerate(block.children(), start=1):
        torch.testing.assert_close(sources[number], layer(torch.cat(sources[:number], 1)))
    assert torch.equal(torch.cat(sources, 1), block(x))
