"""The peak of what was allocated during a call on the CPU, by the events of torch's profiler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

_CONVOLUTIONS = ("aten::convolution", "aten::convolution_backward")


class AllocatedPeak(NamedTuple):
    """The most that was allocated during a call beyond what lived before it, in bytes."""

    tensors: int  # a convolution counts as what it leaves behind
    everything: int  # workspaces too


def allocated_peak(call: Callable[[], object]) -> AllocatedPeak:
    """Run `call` on the CPU under torch's profiler and return its peaks.

    Memory that lived before and is freed by `call` is not seen: let go of it before.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler writes its state to stderr, as if it were errors
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        result = call()
    del result
    assert profile.profiler is not None
    assert profile.profiler.kineto_results is not None
    events = profile.profiler.kineto_results.events()
    changes = sorted(((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"), key=lambda change: change[0])
    spans = sorted((e.start_ns(), e.start_ns() + e.duration_ns()) for e in events if e.name() in _CONVOLUTIONS)
    live = settled = most = everything = at = 0
    for when, change in changes:
        while at < len(spans) and spans[at][1] < when:
            settled, at = live, at + 1
            most = max(most, settled)
        live += change
        everything = max(everything, live)
        if at == len(spans) or when < spans[at][0]:  # outside every convolution
            most = max(most, live)
    return AllocatedPeak(max(most, live), everything)


def live_bytes(tensors: Iterable[Tensor | None]) -> int:
    """Return the bytes of the storages behind `tensors`, each counted once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors if t is not None}
    return sum(storages.values())
