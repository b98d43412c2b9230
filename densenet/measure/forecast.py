"""How long a step will take, estimated cautiously before it is taken."""

from __future__ import annotations

import torch

from densenet.arithmetic.costs import totals
from densenet.arithmetic.seconds import arithmetic_seconds, touched_bytes, transfer_seconds
from densenet.compare.peers import peer_counts
from densenet.config import DenseNetConfig, Workload
from densenet.running.device import native_bfloat16

_SLOW_BFLOAT16 = 12.0  # times float32, on processors without instructions for it


def expected_seconds(config: DenseNetConfig, workload: Workload, device_type: str) -> float:
    """Estimate one step from its multiply-adds and the bytes that its operations read and write, cautiously."""
    again = workload.checkpointing if workload.mode == "train" else "none"
    macs, touched = totals(config, workload.image_size).macs, touched_bytes(config, workload.image_size)
    return _seconds(macs, touched, workload, device_type, again_macs=macs * (again == "layer"), again_touched=touched * (again != "none"))


def expected_peer_seconds(name: str, config: DenseNetConfig, workload: Workload, device_type: str) -> float:
    """Estimate one step of one of `densenet.compare.peers.PEERS`, cautiously."""
    counts = peer_counts(name, config, workload.image_size)
    return _seconds(counts.macs, 2 * counts.activation_bytes, workload, device_type)


def _seconds(macs: int, touched: int, workload: Workload, device_type: str, again_macs: int = 0, again_touched: int = 0) -> float:
    passes = 1 if workload.mode == "infer" else 3  # a backward pass takes two
    arithmetic = arithmetic_seconds(passes * macs + again_macs, device_type)
    if workload.precision == "bfloat16" and device_type == "cpu" and not native_bfloat16(torch.device("cpu")):
        arithmetic *= _SLOW_BFLOAT16
    return workload.batch_size * (arithmetic + transfer_seconds(passes * touched + again_touched, device_type))
