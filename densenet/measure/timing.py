"""How long a call takes on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

_T = TypeVar("_T")

MOST_TIMED_CALLS = 3


def time_call(call: Callable[[], _T], device: torch.device) -> tuple[float, _T]:
    """Return the seconds of one call, until `device` has done all that was asked of it, and what the call returned."""
    started = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - started, result


def time_calls(call: Callable[[], object], device: torch.device, warm_up_seconds: float, slow_seconds: float) -> list[float]:
    """Return the seconds of `MOST_TIMED_CALLS` calls; of one only, where the warm-up took `slow_seconds` or longer."""
    return [time_call(call, device)[0] for _ in range(MOST_TIMED_CALLS if warm_up_seconds < slow_seconds else 1)]
