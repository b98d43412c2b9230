"""Build nets on a device piece by piece, so that building and running can be given up, and refuse what is too large or too slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from densenet.config import DenseNetConfig
from densenet.costs import totals
from densenet.device import DeviceMemory
from densenet.plan import plan

_M = TypeVar("_M", bound=nn.Module)

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
    return arithmetic + transfer_seconds(touched_bytes(config, image_size), device_type)


def touched_bytes(config: DenseNetConfig, image_size: int) -> int:
    """Return what the operations of one image read and write of activations, in float32."""
    return sum(4 * (r.in_channels * r.in_size**2 + r.out_channels * r.out_size**2) for r in plan(config, image_size))


def build(make: Callable[[], _M], device: torch.device, stop: Callable[[], None]) -> _M:
    """Have `make` build a net on the meta device, then give memory and values to its modules one by one; `stop` is called before each."""
    with torch.device("meta"):
        model = make()
    for module in model.modules():
        stop()
        if next(module.parameters(recurse=False), None) is not None:
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]
    return model


def stop_between_layers(model: nn.Module, stop: Callable[[], None]) -> None:
    """Call `stop`, which may raise, before each convolution runs and when its gradient is there."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda *_: stop())
            if layer.weight.requires_grad:
                layer.weight.register_post_accumulate_grad_hook(lambda *_: stop())


@contextmanager
def memory_errors_explained(refusal: str, asked: str, memory: DeviceMemory) -> Iterator[None]:
    """Turn the device's out-of-memory error into a ValueError that begins with `refusal`, and empty its cache."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; on a CPU the allocator raises the plain kind
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        raise ValueError(
            f"{refusal}: {memory.label} ran out of memory with {memory.free_bytes / 2**30:.1f} GiB free before. "
            f"Asked was {asked}. {str(error).split('. ')[0].rstrip('.')}."
        ) from None
