"""A net is given up at any convolution, forward and backward, and by nobody else's hooks."""

from __future__ import annotations

import pytest
import torch

from densenet import PRESETS
from densenet.model import DenseNet
from densenet.running.hooks import stop_inside
from densenet.stopping import Cancelled

CONVOLUTIONS = 10  # of the tiny net: stem, two blocks of two layers of two, transition


def counted(net: DenseNet, until: int) -> list[int]:
    """Have `net` stopped at the call numbered `until`; the list's only number says how often `stop` was called."""
    calls = [0]

    def stop() -> None:
        calls[0] += 1
        if calls[0] == until:
            raise Cancelled

    stop_inside(net, stop)
    return calls


def test_every_convolution_asks_forward_and_backward() -> None:
    net = DenseNet(PRESETS["tiny"]).eval()
    calls = counted(net, until=-1)
    loss = net(torch.rand(1, 3, 8, 8)).sum()
    assert calls == [CONVOLUTIONS]
    loss.backward()
    assert calls == [2 * CONVOLUTIONS]


@pytest.mark.parametrize("until", [1, CONVOLUTIONS // 2, CONVOLUTIONS, CONVOLUTIONS + 1, 2 * CONVOLUTIONS])
def test_it_ends_where_it_is_asked_to(until: int) -> None:
    net = DenseNet(PRESETS["tiny"]).eval()
    calls = counted(net, until)
    with pytest.raises(Cancelled):
        net(torch.rand(1, 3, 8, 8)).sum().backward()
    assert calls == [until]


def test_what_stop_returns_is_nobodys_gradient() -> None:
    net = DenseNet(PRESETS["tiny"]).eval()
    stop_inside(net, lambda: torch.zeros(()))
    net(torch.rand(1, 3, 8, 8)).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.classifier.parameters())
    assert net.features.conv0.weight.grad.any()


def test_parameters_get_no_hooks() -> None:
    net = DenseNet(PRESETS["tiny"])
    counted(net, until=-1)
    assert all(not p._backward_hooks and not p._post_accumulate_grad_hooks for p in net.parameters())
