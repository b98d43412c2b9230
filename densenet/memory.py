"""How much memory one step takes: a first approximation by closed formulas, without torch.

Bytes of live tensors at the peak; the context of the device and the convolution library's workspaces are not included. Training keeps,
per dense layer, its concatenated input twice (before and after BatchNorm-ReLU) and its bottleneck twice; a transition keeps 2 C + C';
the stem and the tail likewise. Inference holds, at its widest layer, the input's three copies and the bottleneck. Typically 5 to 17 %
off; no timeline yet.
"""

from __future__ import annotations

from typing import NamedTuple

from densenet.config import DenseNetConfig, Workload
from densenet.costs import totals
from densenet.plan import Layer, plan

_OPTIMIZER_VALUES = {"sgd": 0, "momentum": 1, "adam": 2}  # state per parameter


class MemoryEstimate(NamedTuple):
    """Bytes at the moment of the peak; the parts sum to `peak`."""

    parameters: int  # buffers too
    gradients: int
    optimizer: int
    activations: int
    other: int  # the input batch and the labels
    peak: int


def _saved_values(rows: tuple[Layer, ...], config: DenseNetConfig) -> int:
    """Values per image that autograd keeps from the forward pass for the backward pass."""
    saved = 0
    for row in rows:
        area = row.in_size * row.in_size
        if row.op == "norm" and row.path != "features.norm0":
            saved += 2 * row.in_channels * area  # its input, and the ReLU's result that the next convolution reads
        elif row.path.startswith("features.transition") and row.op == "pool":
            saved += row.in_channels * area
    if config.stem == "imagenet":
        saved += 2 * config.num_init_features * rows[0].out_size * rows[0].out_size
    return saved


def _widest_values(rows: tuple[Layer, ...], config: DenseNetConfig) -> int:
    """Values per image that are alive at once in inference: max over layers of (3 C_in + bn k) H W, and over the stem."""
    dense = (3 * r.in_channels + config.bottleneck_channels for r in rows if r.path.endswith(".norm1"))
    areas = (r.in_size * r.in_size for r in rows if r.path.endswith(".norm1"))
    widest = max(channels * area for channels, area in zip(dense, areas, strict=True))
    stem = rows[0]
    copies = 2 if config.stem == "imagenet" else 1
    return max(widest, copies * stem.out_channels * stem.out_size**2)


def estimate_memory(config: DenseNetConfig, workload: Workload) -> MemoryEstimate:
    """Return a first approximation of the peak of one step, in bytes.

    Covers plain float32; raises ValueError for checkpointing or bfloat16, and what `plan` raises for an image too small.
    """
    if workload.checkpointing != "none":
        raise ValueError(f"checkpointing must be none for this estimate, got {workload.checkpointing!r}")
    if workload.precision != "float32":
        raise ValueError(f"precision must be float32 for this estimate, got {workload.precision!r}")
    rows, sums = plan(config, workload.image_size), totals(config, workload.image_size)
    training = workload.mode == "train"
    values = _saved_values(rows, config) if training else _widest_values(rows, config)
    parameters = 4 * sums.params + sums.buffer_bytes
    gradients = 4 * sums.params if training else 0
    optimizer = 4 * sums.params * _OPTIMIZER_VALUES[workload.optimizer] if training else 0
    activations = 4 * values * workload.batch_size
    other = workload.batch_size * (4 * config.in_channels * workload.image_size**2 + (8 if training else 0))
    return MemoryEstimate(parameters, gradients, optimizer, activations, other, parameters + gradients + optimizer + activations + other)
