"""Build nets on a device piece by piece, so that building and running can be given up, and refuse what is too large or too slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from densenet.config import DenseNetConfig
from densenet.costs import totals
from densenet.device import DeviceMemory
from densenet.model import DenseLayer, DenseNet
from densenet.plan import plan

_MACS_PER_SECOND = {"cpu": 25e9, "cuda": 2e12, "mps": 5e11}  # cautious, of everyday devices
_BYTES_PER_SECOND = {"cpu": 5e9, "cuda": 3e11, "mps": 5e10}


def arithmetic_seconds(config: DenseNetConfig, image_size: int, device_type: str) -> float:
    """Estimate the time of one image's multiply-adds."""
    return totals(config, image_size).macs / _MACS_PER_SECOND[device_type]


def transfer_seconds(config: DenseNetConfig, image_size: int, device_type: str) -> float:
    """Estimate the time of reading and writing one image's activations."""
    touched = sum(4 * (r.in_channels * r.in_size**2 + r.out_channels * r.out_size**2) for r in plan(config, image_size))
    return touched / _BYTES_PER_SECOND[device_type]


def build(config: DenseNetConfig, device: torch.device, stop: Callable[[], None], checkpointing: str = "none") -> DenseNet:
    """Build the net on the meta device, then give memory and values to one module after the other; `stop` is called before each."""
    with torch.device("meta"):
        model = DenseNet(config, checkpointing)
    for module in model.modules():
        stop()
        if next(module.parameters(recurse=False), None) is not None:
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]
    return model


def stop_between_layers(model: DenseNet, stop: Callable[[], None]) -> None:
    """Call `stop`, which may raise, before each dense layer runs and when its gradients are there."""
    for layer in model.modules():
        if isinstance(layer, DenseLayer):
            layer.register_forward_pre_hook(lambda *_: stop())
            if layer.conv1.weight.requires_grad:
                layer.conv1.weight.register_post_accumulate_grad_hook(lambda *_: stop())


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
