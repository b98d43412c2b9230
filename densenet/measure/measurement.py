"""Take one step for real and say what it took: the truth beside `densenet.arithmetic.memory`'s estimate.

The peak is what that module describes. On a CPU: what lived before the step plus the running maximum of torch.profiler's memory events, a
convolution counting as what it leaves behind (its workspace depends on instruction set and threads; `workspace` is what it adds to the
peak). On a CUDA device: torch's `max_memory_allocated`, cuDNN's workspaces included.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from densenet.arithmetic.memory import estimate_memory
from densenet.arithmetic.plan import Layer, plan
from densenet.compare.peers import PEERS, build_peer, estimate_peer_memory, peer_plan
from densenet.config import DenseNetConfig, Workload
from densenet.measure.allocator import AllocatedPeak, allocated_peak, live_bytes
from densenet.measure.forecast import expected_peer_seconds, expected_seconds
from densenet.measure.timing import MOST_TIMED_CALLS, time_call, time_calls
from densenet.model.freezing import freeze, hold
from densenet.model.net import DenseNet
from densenet.running.building import build, explain_memory_errors
from densenet.running.device import autocast_to, choose_device, device_memory
from densenet.running.hooks import stop_inside
from densenet.running.refusals import Demand, check_demand
from densenet.running.turns import alone_on
from densenet.stopping import Stop, go_on

MAX_EXPECTED_SECONDS = 120.0  # of the whole measurement
STEPS_TAKEN = 2 + MOST_TIMED_CALLS  # warm-up, the step whose memory is watched, and those that are timed
_SLOW_SECONDS = 5.0  # such a step is timed once
_LEARNING_RATE = 1e-3
_METHODS = {
    "cpu": "allocator events of torch.profiler, without convolution workspaces",
    "cuda": "torch.cuda.max_memory_allocated, cuDNN's workspaces included",
}


class Measurement(NamedTuple):
    """What one step really took."""

    peak: int  # bytes
    seconds: float  # median of `runs` steps after one of warm-up
    params: int
    images_per_second: float
    runs: int
    device: str  # its name for people
    method: str  # how the peak was taken
    workspace: int | None  # bytes that convolutions' workspaces add to the peak; None where it holds them already
    free_bytes: int  # on the device, before the build
    total_bytes: int


def _optimizer(model: nn.Module, name: str) -> torch.optim.Optimizer:
    """One parameter at a time: torch's other ways need temporaries as large as the net."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "adam":
        return torch.optim.Adam(trained, lr=_LEARNING_RATE, foreach=False)
    return torch.optim.SGD(trained, lr=_LEARNING_RATE, momentum=0.9 if name == "momentum" else 0.0, foreach=False)


class _Step:
    """A net with what one step of a workload needs; calling it takes the step."""

    def __init__(self, model: nn.Module, config: DenseNetConfig, workload: Workload, device: torch.device) -> None:
        training = workload.mode == "train"
        self.model = model.train(training).requires_grad_(training)
        if training and isinstance(model, DenseNet):  # other nets are measured whole
            freeze(model, workload.frozen)
            hold(model, workload.frozen)
        self.training = training
        self.precision = workload.precision
        self.device = device
        self.x = torch.rand(workload.batch_size, config.in_channels, workload.image_size, workload.image_size, device=device)
        self.labels = torch.randint(config.num_classes, (workload.batch_size,), device=device) if training else None
        self.optimizer = _optimizer(model, workload.optimizer) if training else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=training and workload.precision == "float16")

    def __call__(self) -> None:
        autocast = autocast_to(self.precision, self.device)
        if self.optimizer is None or self.labels is None:
            with torch.inference_mode(), autocast:
                self.model(self.x)
            return
        self.optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = nn.functional.cross_entropy(self.model(self.x), self.labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def peak(self, before_bytes: int) -> AllocatedPeak:
        """Take a step and return its peaks in bytes, `before_bytes` being what other work had on a CUDA device."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self()
            torch.cuda.synchronize(self.device)
            peak = torch.cuda.max_memory_allocated(self.device) - before_bytes
            return AllocatedPeak(peak, peak)
        if self.optimizer is not None:
            self.optimizer.zero_grad(set_to_none=True)
        state = [v for s in (self.optimizer.state.values() if self.optimizer else ()) for v in s.values() if isinstance(v, Tensor)]
        standing = live_bytes([*self.model.parameters(), *self.model.buffers(), *state, self.x, self.labels])
        tensors, everything = allocated_peak(self)
        return AllocatedPeak(standing + tensors, standing + everything)


class _Subject(NamedTuple):
    """What is to be measured, and what has to be known of it beforehand."""

    make: Callable[[], nn.Module]
    config: DenseNetConfig  # whose input channels and classes it has
    tensor_bytes: int  # live at the peak of a step
    step_seconds: float


def _check_batch(rows: Iterable[Layer], workload: Workload, what: str = "") -> None:
    """Raise ValueError where BatchNorm would have a single value to take a mean of; `what`: the net, if it is a peer."""
    small = [row.path for row in rows if row.op == "norm" and row.in_size == 1]
    if small and workload.mode == "train" and workload.batch_size == 1:
        images = f"images of {workload.image_size} x {workload.image_size}"
        raise ValueError(
            f"batch_size must be at least 2 to train {what and f'{what} '}on {images}, got 1: the maps at {small[0]} have one pixel, and "
            "BatchNorm needs more than one value"
        )


def _measuring_device(device: torch.device | str | None) -> torch.device:
    """Return the device that is meant; ValueError for one whose allocator nobody can watch."""
    chosen = device if isinstance(device, torch.device) else choose_device(device or "auto")
    if chosen.type not in _METHODS:
        raise ValueError(f"device must be one of {', '.join(_METHODS)} to measure memory on, got {chosen.type!r}")
    return chosen


def measure(
    config: DenseNetConfig,
    workload: Workload,
    device: torch.device | str | None = None,
    stop: Stop = go_on,
) -> Measurement:
    """Build the net on `device` (default: a GPU where there is one), take steps of `workload` and report; the net is then freed.

    It waits while another measurement, or a build of `instantiate`, runs on the device. `stop` is called while it waits, before each
    module that is built and at each convolution, forward and backward. ValueError: too large or too slow for the device, out of its
    memory after all, or a batch that BatchNorm cannot train on.
    """
    config.check_image_size(workload.image_size)
    target = _measuring_device(device)
    _check_batch(plan(config, workload.image_size), workload)
    make, seconds = partial(DenseNet, config, workload.checkpointing), expected_seconds(config, workload, target.type)
    return _measure(_Subject(make, config, estimate_memory(config, workload).peak, seconds), workload, target, stop)


def measure_peer(
    name: str,
    config: DenseNetConfig,
    workload: Workload,
    device: torch.device | str | None = None,
    stop: Stop = go_on,
) -> Measurement:
    """Measure one of `densenet.compare.peers.PEERS` beside the net of `config`, by the same rules; the workload's checkpointing, and what
    it freezes, play no part.
    """
    target = _measuring_device(device)
    rows = peer_plan(name, config, workload.image_size)
    _check_batch(rows, workload, "it" if name == "chain" else PEERS[name])
    make, seconds = partial(build_peer, name, config), expected_peer_seconds(name, config, workload, target.type)
    return _measure(_Subject(make, config, estimate_peer_memory(name, config, workload).peak, seconds), workload, target, stop)


def _measure(subject: _Subject, workload: Workload, device: torch.device, stop: Stop) -> Measurement:
    images = "one image" if workload.batch_size == 1 else f"a batch of {workload.batch_size} images"
    asked = f"{'training' if workload.mode == 'train' else 'inference'} on {images} of {workload.image_size} x {workload.image_size}"
    demand = Demand("Not measured", asked, subject.tensor_bytes, STEPS_TAKEN * subject.step_seconds, MAX_EXPECTED_SECONDS)
    with alone_on(device, stop):
        return _take_steps(demand, subject, workload, device, stop)


def _take_steps(demand: Demand, subject: _Subject, workload: Workload, device: torch.device, stop: Stop) -> Measurement:
    memory = device_memory(device)
    check_demand(demand, memory)
    before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    with explain_memory_errors(demand.refusal, demand.asked, memory):
        step = _Step(build(subject.make, device, stop), subject.config, workload, device)
        stop_inside(step.model, stop)
        warm_up, _ = time_call(step, device)
        peak = step.peak(before)
        times = time_calls(step, device, warm_up, _SLOW_SECONDS)
    seconds = statistics.median(times)
    return Measurement(
        peak=peak.tensors,
        seconds=seconds,
        params=sum(p.numel() for p in step.model.parameters()),
        images_per_second=workload.batch_size / seconds,
        runs=len(times),
        device=memory.label,
        method=_METHODS[device.type],
        workspace=peak.everything - peak.tensors if device.type == "cpu" else None,
        free_bytes=memory.free_bytes,
        total_bytes=memory.total_bytes,
    )
