"""Build a net for real and run it once: the proof beside the numbers.

What is too large for the device's free memory, or would take too long, is refused before anything is allocated.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from densenet.config import DenseNetConfig, Workload
from densenet.costs import totals
from densenet.device import choose_device, device_memory
from densenet.memory import estimate_memory
from densenet.model import DenseLayer, DenseNet
from densenet.plan import plan

MAX_EXPECTED_SECONDS = 20.0
_MEMORY_MARGIN = 1.25  # the estimate is a first approximation, and convolutions need workspaces
_MACS_PER_SECOND = {"cpu": 25e9, "cuda": 2e12, "mps": 5e11}  # cautious, of everyday devices
_BYTES_PER_SECOND = {"cpu": 5e9, "cuda": 3e11, "mps": 5e10}
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


class Superseded(Exception):
    """The build was given up because nobody waits for it any more."""


def expected_seconds(config: DenseNetConfig, image_size: int, device_type: str) -> float:
    """Estimate one forward pass at batch 1 from its multiply-adds and the bytes that its operations read and write."""
    touched = sum(4 * (r.in_channels * r.in_size**2 + r.out_channels * r.out_size**2) for r in plan(config, image_size))
    macs = totals(config, image_size).macs
    return macs / _MACS_PER_SECOND[device_type] + touched / _BYTES_PER_SECOND[device_type]


def _check_fits(config: DenseNetConfig, image_size: int, device: torch.device, free: int, label: str) -> None:
    needed = int(_MEMORY_MARGIN * estimate_memory(config, Workload(image_size=image_size)).peak)
    if needed > free:
        raise ValueError(
            f"Not built: this net needs about {needed / 2**30:.1f} GiB for one image of {image_size} x {image_size}, and {label} "
            f"has {free / 2**30:.1f} GiB free."
        )
    seconds = expected_seconds(config, image_size, device.type)
    if seconds > MAX_EXPECTED_SECONDS:
        raise ValueError(
            f"Not built: one forward pass of this net would take about {seconds:.0f} s on {label}; "
            f"the limit here is {MAX_EXPECTED_SECONDS:.0f} s."
        )


def _built(config: DenseNetConfig, device: torch.device, stop_if_superseded: Callable[[], None]) -> DenseNet:
    """Build the net on the meta device, then give memory and values to one module after the other."""
    with torch.device("meta"):
        model = DenseNet(config)
    for module in model.modules():
        stop_if_superseded()
        if next(module.parameters(recurse=False), None) is not None:
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]
    return model.eval().requires_grad_(False)


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
    superseded: Callable[[], bool] = lambda: False,
) -> Instance:
    """Build the net on `device` (default: a GPU where there is one), run it at batch 1 and report what was seen; the net is then freed.

    `superseded` is asked before each module and dense layer; once it says yes, `Superseded` is raised. ValueError: too large or slow for
    the device, or out of its memory after all.
    """
    config.check_image_size(image_size)
    target = device if isinstance(device, torch.device) else choose_device(device or "auto")
    label, free, total = device_memory(target)
    _check_fits(config, image_size, target, free, label)

    def stop_if_superseded(*_: object) -> None:
        if superseded():
            raise Superseded

    try:
        started = time.perf_counter()
        model = _built(config, target, stop_if_superseded)
        build_seconds = time.perf_counter() - started
        for layer in model.modules():
            if isinstance(layer, DenseLayer):
                layer.register_forward_pre_hook(stop_if_superseded)
        with torch.inference_mode():
            x = torch.rand(1, config.in_channels, image_size, image_size, device=target)
            slow, out = _forward_seconds(model, x)  # warm-up
            runs = _TIMED_RUNS if slow < _RUNS_BELOW_SECONDS else 1
            seconds = statistics.median(_forward_seconds(model, x)[0] for _ in range(runs))
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise ValueError(f"Not built: {label} ran out of memory with {free / 2**30:.1f} GiB free before. {error}") from None
    params = sum(p.numel() for p in model.parameters())
    return Instance(params, tuple(out.shape), build_seconds, seconds, runs, label, free, total)
