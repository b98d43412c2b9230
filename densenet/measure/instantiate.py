"""Build a net for real and run it once: the proof beside the numbers.

What is too large for the device's free memory, or would take too long, is refused before anything is allocated.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch

from densenet.arithmetic.memory import estimate_memory
from densenet.arithmetic.seconds import forward_seconds
from densenet.config import DenseNetConfig, Workload
from densenet.measure.timing import time_call, time_calls
from densenet.model.net import DenseNet
from densenet.running.building import build, explain_memory_errors
from densenet.running.device import choose_device, device_memory
from densenet.running.hooks import stop_inside
from densenet.running.refusals import Demand, check_demand
from densenet.running.turns import alone_on
from densenet.stopping import Stop, go_on

MAX_EXPECTED_SECONDS = 20.0  # of the forward pass
_SLOW_SECONDS = 1.0  # such a pass is timed once


class Instance(NamedTuple):
    """What was seen of a net that was really built, at batch 1."""

    params: int
    output_shape: tuple[int, ...]
    build_seconds: float
    forward_seconds: float  # median of `runs` passes after one of warm-up
    runs: int
    device: str  # its name for people
    free_bytes: int  # on the device, before the build
    total_bytes: int


def instantiate(
    config: DenseNetConfig,
    image_size: int = 224,
    device: torch.device | str | None = None,
    stop: Stop = go_on,
    waits: Callable[[bool], object] | None = None,
) -> Instance:
    """Build the net on `device` (default: a GPU where there is one), run it at batch 1 and report what was seen; the net is then freed.

    It waits while another build or a measurement runs on the device; `waits` is told True and, once its turn has come, False. `stop` is
    called while it waits, before each module that is built and at each convolution. ValueError: too large or too slow for the device, or
    out of its memory after all.
    """
    config.check_image_size(image_size)
    target = device if isinstance(device, torch.device) else choose_device(device or "auto")
    demand = Demand(
        "Not built",
        f"a forward pass of this net on one image of {image_size} x {image_size}",
        estimate_memory(config, Workload(image_size=image_size)).peak,
        forward_seconds(config, image_size, target.type),
        MAX_EXPECTED_SECONDS,
    )
    with alone_on(target, stop, waits):
        return _build_and_run(demand, config, image_size, target, stop)


def _build_and_run(demand: Demand, config: DenseNetConfig, image_size: int, device: torch.device, stop: Stop) -> Instance:
    memory = device_memory(device)
    check_demand(demand, memory)
    with explain_memory_errors(demand.refusal, demand.asked, memory):
        started = time.perf_counter()
        model = build(partial(DenseNet, config), device, stop).eval().requires_grad_(False)
        build_seconds = time.perf_counter() - started
        stop_inside(model, stop)
        with torch.inference_mode():
            x = torch.rand(1, config.in_channels, image_size, image_size, device=device)
            run = partial(model, x)
            warm_up, out = time_call(run, device)
            times = time_calls(run, device, warm_up, _SLOW_SECONDS)
    params = sum(p.numel() for p in model.parameters())
    return Instance(params, tuple(out.shape), build_seconds, statistics.median(times), len(times), *memory)
