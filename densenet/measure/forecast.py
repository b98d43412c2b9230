"""How long a step will take, estimated cautiously before it is taken."""

from __future__ import annotations

import torch

from densenet.arithmetic.costs import totals
from densenet.arithmetic.plan import plan, trained_rows
from densenet.arithmetic.seconds import arithmetic_seconds, touched_bytes, transfer_seconds
from densenet.compare.peers import peer_counts
from densenet.config import DenseNetConfig, Workload
from densenet.running.device import native_bfloat16

_SLOW_BFLOAT16 = 12.0  # times float32, on processors without instructions for it


def expected_seconds(config: DenseNetConfig, workload: Workload, device_type: str) -> float:
    """Estimate one step from its multiply-adds and the bytes that its operations read and write, cautiously."""
    macs, touched = totals(config, workload.image_size).macs, touched_bytes(plan(config, workload.image_size))
    again = workload.checkpointing if workload.mode == "train" else "none"
    back_macs, back_touched = macs, touched  # of what is trained
    if workload.frozen != "none":
        trained = trained_rows(config, workload.image_size, workload.frozen)
        back_macs, back_touched = sum(row.macs for row in trained), touched_bytes(trained)
    return _seconds(
        macs, touched, workload, device_type, (back_macs, back_touched), (back_macs * (again == "layer"), back_touched * (again != "none"))
    )


def expected_peer_seconds(name: str, config: DenseNetConfig, workload: Workload, device_type: str) -> float:
    """Estimate one step of one of `densenet.compare.peers.PEERS`, cautiously."""
    counts = peer_counts(name, config, workload.image_size)
    once = counts.macs, 2 * counts.activation_bytes
    return _seconds(*once, workload, device_type, once, (0, 0))


def _seconds(macs: int, touched: int, workload: Workload, device_type: str, backward: tuple[int, int], again: tuple[int, int]) -> float:
    """Estimate a step of which `backward` (multiply-adds and bytes of one image) is trained, and `again` run a second time."""
    passes = 0 if workload.mode == "infer" else 2  # a backward pass takes two
    arithmetic = arithmetic_seconds(macs + passes * backward[0] + again[0], device_type)
    if workload.precision != "float32" and device_type == "cpu" and not native_bfloat16(torch.device("cpu")):
        arithmetic *= _SLOW_BFLOAT16
    return workload.batch_size * (arithmetic + transfer_seconds(touched + passes * backward[1] + again[1], device_type))
