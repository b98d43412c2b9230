"""What is counted as allocated: what a call holds at once, and of a convolution what it leaves."""

from __future__ import annotations

import torch
from torch import nn

from densenet.measure.allocator import allocated_peak, live_bytes


def test_a_call_peaks_at_what_it_holds_at_once() -> None:
    def call() -> torch.Tensor:
        first = torch.empty(1000)
        second = torch.empty(500)
        del first
        return torch.cat([second, torch.empty(250)])

    assert allocated_peak(call) == (4 * 1500, 4 * 1500)


def test_a_convolution_counts_as_what_it_leaves() -> None:
    convolution, x = nn.Conv2d(16, 16, 3, padding=1, bias=False), torch.rand(2, 16, 32, 32)

    def call() -> torch.Tensor:
        with torch.no_grad():
            return convolution(x)

    peak = allocated_peak(call)
    assert peak.tensors == 4 * 2 * 16 * 32 * 32
    assert peak.everything >= peak.tensors


def test_shared_storage_is_counted_once() -> None:
    x = torch.zeros(10, 10)
    assert live_bytes([x, x[:3], x.view(-1), None]) == 400
    assert live_bytes([x, x.clone()]) == 800
