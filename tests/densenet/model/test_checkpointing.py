"""Checkpointing changes what is kept, never a number."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from densenet import PRESETS, DenseNetConfig
from densenet.model.net import DenseNet
from tests.conftest import randomised

KINDS = ("norm", "layer")
CONFIGS = {
    "bottleneck": DenseNetConfig(growth_rate=8, block_config=(3, 2), num_init_features=16, bn_size=2, num_classes=7),
    "plain layers": DenseNetConfig(growth_rate=6, block_config=(2, 3), num_init_features=8, bn_size=0, num_classes=7, stem="cifar"),
    "dropout": DenseNetConfig(growth_rate=8, block_config=(2, 2), num_init_features=8, drop_rate=0.3, num_classes=7, stem="cifar"),
    "one layer": DenseNetConfig(growth_rate=4, block_config=(1,), num_init_features=4, bn_size=0, drop_rate=0.5, num_classes=7),
}


def pair(config: DenseNetConfig, kind: str) -> tuple[DenseNet, DenseNet]:
    """The plain net and the checkpointed one, with the same weights and statistics that are not trivial."""
    torch.manual_seed(0)
    plain = DenseNet(config)
    randomised(plain)
    again = DenseNet(config, checkpointing=kind)
    again.load_state_dict(plain.state_dict())
    return plain, again


def batch(config: DenseNetConfig, size: int = 32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, config.in_channels, size, size, generator=generator), torch.tensor([0, 3, 6])


def steps(model: DenseNet, count: int, bfloat16: bool = False) -> list[Tensor]:
    """Take steps of SGD; return the logits of each."""
    torch.manual_seed(2)  # of the dropout masks
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x, labels = batch(model.config)
    seen = []
    for _ in range(count):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(x)
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        seen.append(logits.detach())
    return seen


def assert_same(plain: DenseNet, again: DenseNet) -> None:
    """Parameters, gradients, statistics and step counters are equal to the last bit."""
    for (name, a), (_, b) in zip(plain.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(a, b), name
        assert (a.grad is None) == (b.grad is None), name
        assert a.grad is None or torch.equal(a.grad, b.grad), name  # type: ignore[arg-type]
    for (name, a), (_, b) in zip(plain.named_buffers(), again.named_buffers(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bfloat16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_three_steps_give_the_same_numbers(config: DenseNetConfig, kind: str, bfloat16: bool) -> None:
    plain, again = pair(config, kind)
    for a, b in zip(steps(plain, 3, bfloat16), steps(again, 3, bfloat16), strict=True):
        assert torch.equal(a, b)
    assert_same(plain, again)
    assert int(again.features.norm5.num_batches_tracked) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_of_the_norms_are_put_back(kind: str) -> None:
    _, again = pair(CONFIGS["bottleneck"], kind)
    norms = [m for m in again.modules() if isinstance(m, nn.BatchNorm2d)]
    norms[3].momentum, norms[4].momentum = None, 0.25
    before = [norm.momentum for norm in norms]
    keys = list(again.state_dict())
    steps(again, 1)
    assert [norm.momentum for norm in norms] == before
    assert list(again.state_dict()) == keys


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_norms_stay_frozen(kind: str) -> None:
    plain, again = pair(CONFIGS["bottleneck"], kind)
    for model in (plain, again):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    steps(plain, 2)
    steps(again, 2)
    assert_same(plain, again)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bfloat16", [False, True], ids=["float32", "bfloat16"])
def test_two_batches_before_one_backward_pass(kind: str, bfloat16: bool) -> None:
    """Autocast's cache must not make the second run differ from the first."""
    plain, again = pair(CONFIGS["dropout"], kind)
    for model in (plain, again):
        torch.manual_seed(3)
        x, labels = batch(model.config)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            first, second = model(x), model(1 - x)
        nn.functional.cross_entropy(first.float() + second.float(), labels).backward()
    if not bfloat16:
        assert_same(plain, again)
    for (name, a), (_, b) in zip(plain.named_parameters(), again.named_parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        difference = (a.grad - b.grad).norm() / a.grad.norm()  # the plain net adds up the two gradients in bfloat16
        assert difference < 0.01, name


def test_a_retained_graph_can_run_backwards_twice() -> None:
    plain, again = pair(CONFIGS["bottleneck"], "layer")
    for model in (plain, again):
        loss = model(batch(model.config)[0]).square().sum()
        loss.backward(retain_graph=True)
        loss.backward()
    assert_same(plain, again)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_run_twice_outside_training(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("checkpointed")

    plain, again = pair(CONFIGS["dropout"], kind)
    x, _ = batch(plain.config)
    monkeypatch.setattr("densenet.model.checkpointing.checkpoint", refused)
    contexts: list[Callable[[], torch.inference_mode | torch.no_grad]] = [torch.no_grad, torch.inference_mode]
    for context in contexts:
        for training in (False, True):
            before = copy.deepcopy(again.state_dict())
            with context():
                torch.manual_seed(4)
                expected = plain.train(training)(x)
                torch.manual_seed(4)
                assert torch.equal(again.train(training)(x), expected)
            if not training:
                assert all(torch.equal(value, before[name]) for name, value in again.state_dict().items())
    assert torch.equal(again.eval()(x), plain.eval()(x))
    with pytest.raises(AssertionError, match="checkpointed"):
        again.train()(x)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_names_and_first_weights(kind: str) -> None:
    torch.manual_seed(5)
    plain = DenseNet(PRESETS["tiny"])
    torch.manual_seed(5)
    again = DenseNet(PRESETS["tiny"], kind)
    assert plain.checkpointing == "none"
    assert again.checkpointing == kind
    assert [name for name, _ in plain.named_modules()] == [name for name, _ in again.named_modules()]
    assert_same(plain, again)


@pytest.mark.parametrize("bad", ["", "all", "Norm", None, 1, True, "x" * 1000])
def test_a_bad_kind_is_a_sentence(bad: object) -> None:
    with pytest.raises(ValueError, match=r"^checkpointing must be one of none, norm, layer, got ") as seen:
        DenseNet(PRESETS["tiny"], bad)  # type: ignore[arg-type]
    assert len(str(seen.value)) < 150


def test_a_compiled_net_decides_for_itself() -> None:
    plain, again = pair(PRESETS["tiny"], "layer")
    x = torch.rand(2, 3, 8, 8)
    compiled = torch.compile(again, backend="aot_eager", fullgraph=True)
    for model in (plain, compiled):
        model(x).square().sum().backward()
    for (name, a), (_, b) in zip(plain.named_parameters(), again.named_parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-5), name
