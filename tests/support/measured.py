"""Measurements that take no time, for what is done with them."""

from __future__ import annotations

from densenet import DenseNetConfig, Workload, estimate_memory, totals
from densenet.measure.measurement import Measurement


def as_estimated(config: DenseNetConfig, workload: Workload, *_: object) -> Measurement:
    """Return what a machine would measure on which the estimate is the truth."""
    peak, params = estimate_memory(config, workload).peak, totals(config, workload.image_size).params
    return Measurement(peak, 0.5, params, 2.0, 3, "a CPU", "counted", None, 2**33, 2**34)
