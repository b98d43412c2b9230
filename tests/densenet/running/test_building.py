"""Nets are built piece by piece, with torch's own values, and the device's out-of-memory becomes a sentence."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from densenet import PRESETS
from densenet.model import DenseNet
from densenet.running.building import build, explain_memory_errors
from densenet.running.device import DeviceMemory
from densenet.stopping import Cancelled, go_on

MEMORY = DeviceMemory("a small machine", 2**30, 2**31)


def test_it_is_asked_before_each_module_and_given_up_there() -> None:
    calls = [0]

    def stop() -> None:
        calls[0] += 1
        if calls[0] == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        build(partial(DenseNet, PRESETS["tiny"]), torch.device("cpu"), stop)
    assert calls == [5]
    calls[0] = 5
    net = build(partial(DenseNet, PRESETS["tiny"]), torch.device("cpu"), stop)
    assert calls == [5 + len(list(net.modules()))]


def test_every_tensor_has_memory_and_a_value() -> None:
    net = build(partial(DenseNet, PRESETS["tiny"]), torch.device("cpu"), go_on)
    for name, tensor in net.state_dict().items():
        assert tensor.device.type == "cpu", name
        assert torch.isfinite(tensor.double()).all(), name
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all()
            assert module.bias.eq(0).all()
            assert module.running_mean is not None
            assert module.running_mean.eq(0).all()
        elif isinstance(module, nn.Conv2d):
            assert module.weight.std() > 0
    assert torch.isfinite(net.eval()(torch.rand(1, 3, 8, 8))).all()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has ..."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=["cuda", "cpu"],
)
def test_out_of_memory_becomes_a_sentence(error: RuntimeError) -> None:
    with pytest.raises(ValueError, match=r"\w") as said, explain_memory_errors("Not built", "one image", MEMORY):
        raise error
    reason = str(error).split(". ")[0].rstrip(".")
    assert str(said.value) == f"Not built: a small machine ran out of memory with 1.0 GiB free before. Asked was one image. {reason}."
    assert said.value.__suppress_context__


def test_other_errors_pass() -> None:
    for error in (RuntimeError("shapes differ"), ValueError("k"), Cancelled()):
        with pytest.raises(type(error)) as caught, explain_memory_errors("Not built", "one image", MEMORY):
            raise error
        assert caught.value is error


def test_a_real_allocation_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"^Not built: a small machine ran out"), explain_memory_errors("Not built", "it", MEMORY):
        torch.empty(2**60, dtype=torch.uint8)
