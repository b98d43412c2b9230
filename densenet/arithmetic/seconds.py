"""How long arithmetic and memory traffic take on everyday devices, by cautious constants; without torch."""

from __future__ import annotations

from collections.abc import Iterable

from densenet.arithmetic.costs import totals
from densenet.arithmetic.plan import Layer, plan
from densenet.config import DenseNetConfig

_MACS_PER_SECOND = {"cpu": 25e9, "cuda": 2e12, "mps": 5e11}  # cautious, of everyday devices


_BYTES_PER_SECOND = {"cpu": 5e9, "cuda": 3e11, "mps": 5e10}


def arithmetic_seconds(macs: int, device_type: str) -> float:
    """Estimate the time of `macs` multiply-accumulates, cautiously."""
    return macs / _MACS_PER_SECOND[device_type]


def transfer_seconds(touched_bytes: int, device_type: str) -> float:
    """Estimate the time of reading and writing `touched_bytes` of memory, cautiously."""
    return touched_bytes / _BYTES_PER_SECOND[device_type]


def forward_seconds(config: DenseNetConfig, image_size: int, device_type: str) -> float:
    """Estimate the forward pass of one square image, cautiously: on a quiet machine two to three times too long."""
    arithmetic = arithmetic_seconds(totals(config, image_size).macs, device_type)
    return arithmetic + transfer_seconds(touched_bytes(plan(config, image_size)), device_type)


def touched_bytes(rows: Iterable[Layer]) -> int:
    """Return what operations read and write of one image's activations, in float32."""
    return sum(4 * (r.in_channels * r.in_size**2 + r.out_channels * r.out_size**2) for r in rows)
