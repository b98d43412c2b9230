"""Build a net for real and run it once: the proof beside the numbers.

What is too large for the device's free memory, or would take too long, is refused before anything is allocated.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import NamedTuple

import torch

from densenet.arithmetic.memory import estimate_memory
from densenet.arithmetic.seconds import forward_seconds
from densenet.config import DenseNetConfig, Workload
from densenet.model.net import DenseNet
from densenet.running.building import build, memory_errors_explained
from densenet.running.device import choose_device, device_memory
from densenet.running.hooks import stop_inside
from densenet.stopping import Stop, go_on

MAX_EXPECTED_SECONDS = 20.0
_MEMORY_MARGIN = 1.25  # convolutions need workspaces
_TIMED_RUNS = 3
_RUNS_BELOW_SECONDS = 1.0  # a slower pass is timed once


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


def _check_fits(config: DenseNetConfig, image_size: int, device: torch.device, free: int, label: str) -> None:
    needed = int(_MEMORY_MARGIN * estimate_memory(config, Workload(image_size=image_size)).peak)
    if needed > free:
        raise ValueError(
            f"Not built: this net needs about {needed / 2**30:.1f} GiB for one image of {image_size} x {image_size}, and {label} "
            f"has {free / 2**30:.1f} GiB free."
        )
    seconds = forward_seconds(config, image_size, device.type)
    if seconds > MAX_EXPECTED_SECONDS:
        raise ValueError(
            f"Not built: one forward pass of this net would take about {seconds:.0f} s on {label}; "
            f"the limit here is {MAX_EXPECTED_SECONDS:.0f} s."
        )


def _forward_seconds(model: DenseNet, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    started = time.perf_counter()
    out = model(x)
    if x.device.type != "cpu":
        getattr(torch, x.device.type).synchronize()
    return time.perf_counter() - started, out


def instantiate(
    config: DenseNetConfig,
    image_size: int = 224,
    device: torch.device | str | None = None,
    stop: Stop = go_on,
) -> Instance:
    """Build the net on `device` (default: a GPU where there is one), run it at batch 1 and report what was seen; the net is then freed.

    `stop` is called before each module that is built and at each convolution. ValueError: too large or too slow for the device, or out of
    its memory after all.
    """
    config.check_image_size(image_size)
    target = device if isinstance(device, torch.device) else choose_device(device or "auto")
    memory = device_memory(target)
    label, free, total = memory
    _check_fits(config, image_size, target, free, label)

    with memory_errors_explained("Not built", f"one image of {image_size} x {image_size}", memory):
        started = time.perf_counter()
        model = build(partial(DenseNet, config), target, stop).eval().requires_grad_(False)
        build_seconds = time.perf_counter() - started
        stop_inside(model, stop)
        with torch.inference_mode():
            x = torch.rand(1, config.in_channels, image_size, image_size, device=target)
            slow, out = _forward_seconds(model, x)  # warm-up
            runs = _TIMED_RUNS if slow < _RUNS_BELOW_SECONDS else 1
            seconds = statistics.median(_forward_seconds(model, x)[0] for _ in range(runs))
    params = sum(p.numel() for p in model.parameters())
    return Instance(params, tuple(out.shape), build_seconds, seconds, runs, label, free, total)
