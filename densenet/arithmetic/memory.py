"""How much memory one step takes, what of it is what, and where in the step the peak is; without torch.

A number is the largest sum of live tensor bytes over one step (zero_grad with set_to_none, forward, cross-entropy, backward, optimizer),
after one step of warm-up: parameters, buffers, optimizer state and the input batch included, workspaces of the convolution library and
the device's context not. bfloat16 is autocast with float32 weights. Inference is in eval mode, without gradients. The optimizers are
torch's, parameter by parameter (`foreach=False`). `densenet.measure` measures the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from densenet.arithmetic.liveness import Moment
from densenet.arithmetic.plan import Layer, plan, trained_rows
from densenet.arithmetic.step import step_moments
from densenet.checks import checked_integer
from densenet.config import BATCH_SIZE_RANGE, DenseNetConfig, Workload

_STATE_VALUES = {"sgd": 0, "momentum": 1, "adam": 2}  # that an optimizer keeps for each parameter
_TENSORS = {"norm": 2, "conv": 1, "linear": 2}  # parameters of an operation


class Point(NamedTuple):
    """One operation of the step, and the most bytes that live during it."""

    path: str  # as in `Layer.path`, or "loss"
    phase: str  # forward, recompute, backward, optimizer
    live_bytes: int


class MemoryEstimate(NamedTuple):
    """Bytes at the moment of the peak; the first five sum to `peak`, which is `timeline[peak_index].live_bytes`."""

    parameters: int  # buffers too
    gradients: int  # of parameters
    optimizer: int
    activations: int  # what the backward pass needs, gradients of activations, temporaries
    other: int  # the input batch and the labels
    peak: int
    peak_index: int
    timeline: tuple[Point, ...]  # the step's operations in order

    @property
    def where(self) -> Point:
        """The operation during which the peak is reached."""
        return self.timeline[self.peak_index]


class FeatureBytes(NamedTuple):
    """What a net's dense blocks make for one image, in bytes."""

    concatenated: int  # all inputs of dense layers, each a copy of all features before it: grows with the square of the depth
    new: int  # each layer's k new features: grows with the depth


class _Standing(NamedTuple):
    """Bytes that live through the whole step."""

    parameters: int
    optimizer: int
    per_image: int


def _standing(rows: Iterable[Layer], trained: Iterable[Layer], in_channels: int, workload: Workload) -> _Standing:
    params = buffer_bytes = trained_params = tensors = 0
    for row in rows:
        params += row.params
        buffer_bytes += row.buffer_bytes
    training = workload.mode == "train"
    for row in trained:
        trained_params += row.params
        tensors += _TENSORS.get(row.op, 0)
    state = 4 * trained_params * _STATE_VALUES[workload.optimizer]
    state += 4 * tensors if workload.optimizer == "adam" else 0  # Adam counts steps
    label = 8 if training else 0  # int64
    return _Standing(4 * params + buffer_bytes, state if training else 0, 4 * in_channels * workload.image_size**2 + label)


def _standing_of(config: DenseNetConfig, workload: Workload) -> _Standing:
    trained = trained_rows(config, workload.image_size, workload.frozen if workload.mode == "train" else "none")
    return _standing(plan(config, workload.image_size), trained, config.in_channels, workload)


def _moments(config: DenseNetConfig, workload: Workload) -> tuple[Moment, ...]:
    if workload.mode == "infer":  # checkpointing and optimizer play no part
        return step_moments(config, workload.image_size, "infer", "none", "sgd", workload.precision)
    how = (workload.checkpointing, workload.optimizer, workload.precision, workload.frozen)
    return step_moments(config, workload.image_size, "train", *how)


def estimate_memory(config: DenseNetConfig, workload: Workload) -> MemoryEstimate:
    """Return the peak of one step in bytes, its parts and the step's timeline; raises what `plan` raises for an image too small."""
    return _estimate(_moments(config, workload), _standing_of(config, workload), workload.batch_size)


def estimate_step(rows: Sequence[Layer], moments: Sequence[Moment], in_channels: int, workload: Workload) -> MemoryEstimate:
    """Return `estimate_memory` of any net, from its plan and from its step's moments; all of it is trained where anything is."""
    return _estimate(moments, _standing(rows, rows, in_channels, workload), workload.batch_size)


def _estimate(moments: Sequence[Moment], standing: _Standing, batch: int) -> MemoryEstimate:
    other = batch * standing.per_image
    base = standing.parameters + standing.optimizer + other
    live = [base + fixed + batch * image for _, _, fixed, image, _ in moments]
    peak = max(live)
    at = live.index(peak)
    gradients = moments[at][-1]
    timeline = tuple(map(Point, [moment[0] for moment in moments], [moment[1] for moment in moments], live))
    return MemoryEstimate(standing.parameters, gradients, standing.optimizer, peak - base - gradients, other, peak, at, timeline)


class _Line(NamedTuple):
    """The live bytes of a moment as a straight line over the batch size."""

    fixed: int
    per_image: int


def _lines(config: DenseNetConfig, workload: Workload) -> tuple[_Line, ...]:
    """The lines whose maximum is the peak, whatever the batch."""
    return _lines_of_one(config, replace(workload, batch_size=1))


@lru_cache(maxsize=16)  # several budgets are asked for one after the other
def _lines_of_one(config: DenseNetConfig, workload: Workload) -> tuple[_Line, ...]:
    """Of the moments that grow alike with the batch, only the largest can be the peak."""
    standing = _standing_of(config, workload)
    steepest: dict[int, int] = {}
    for _, _, fixed, image, _ in _moments(config, workload):
        steepest[image] = max(fixed, steepest.get(image, 0))
    base = standing.parameters + standing.optimizer
    return tuple(_Line(base + fixed, standing.per_image + image) for image, fixed in steepest.items())


def peaks(config: DenseNetConfig, workload: Workload, batch_sizes: Iterable[int]) -> tuple[int, ...]:
    """Return the peak in bytes for each of `batch_sizes`, whatever the workload's own is, from one pass over the step."""
    lines = _lines(config, workload)
    sizes = [checked_integer("batch_size", size, BATCH_SIZE_RANGE) for size in batch_sizes]
    return tuple(max(line.fixed + size * line.per_image for line in lines) for size in sizes)


def largest_batch(config: DenseNetConfig, workload: Workload, budget_bytes: float) -> int:
    """Return the largest batch size whose peak is within `budget_bytes`, at most the largest that a workload can have; 0 if none is."""
    most = min(int((budget_bytes - line.fixed) // line.per_image) for line in _lines(config, workload))
    return max(0, min(BATCH_SIZE_RANGE[1], most))


def feature_bytes_by_layer(config: DenseNetConfig, image_size: int = 224) -> tuple[FeatureBytes, ...]:
    """Return what one image's concatenated inputs and new features take after each dense layer, added up over those before it."""
    concatenated = new = 0
    sums = []
    for row in plan(config, image_size):
        if row.op == "cat":
            area = 4 * row.in_size**2
            concatenated += row.in_channels * area
            new += (row.out_channels - row.in_channels) * area
            sums.append(FeatureBytes(concatenated, new))
    return tuple(sums)


def feature_bytes(config: DenseNetConfig, image_size: int = 224) -> FeatureBytes:
    """Return what one image's concatenated inputs take in float32, and what the new features alone take (arXiv 1707.06990)."""
    return feature_bytes_by_layer(config, image_size)[-1]
