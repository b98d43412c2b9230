"""One training by several processes, as `torchrun` starts them: each one's rank, and what they agree on.

BatchNorm's statistics stay each process's own; those of rank 0 are evaluated and saved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import TypeVar

import torch
from torch import distributed, nn

Value = TypeVar("Value")


def world_size() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Return this process's number; 0 saves, evaluates and reports."""
    return distributed.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started, if it did, and give each its device: a CUDA device by its local rank."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def data_parallel(model: nn.Module, device: torch.device) -> nn.Module:
    """Return `model` as one whose backward pass averages gradients over the processes, or itself if there is one only."""
    if world_size() == 1:
        return model
    devices = [device.index] if device.type == "cuda" else None
    wrapper = nn.parallel.DistributedDataParallel
    name = "forward_sync_buffers" if "forward_sync_buffers" in signature(wrapper).parameters else "broadcast_buffers"  # torch before 2.13
    return wrapper(model, device_ids=devices, **{name: False})  # type: ignore[arg-type]


def all_max(values: Sequence[float], device: torch.device) -> list[float]:
    """Return, for each of `values`, the largest that any process has: what they all go by."""
    if world_size() == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
    distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
    return tensor.tolist()


def broadcast(value: Value) -> Value:
    """Return what rank 0 gives, to every process."""
    if world_size() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box, 0)
    return box[0]
