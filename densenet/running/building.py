"""Build nets on a device piece by piece, so that building and running can be given up, and refuse what is too large or too slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from densenet.running.device import DeviceMemory
from densenet.stopping import Stop

_M = TypeVar("_M", bound=nn.Module)


def build(make: Callable[[], _M], device: torch.device, stop: Stop) -> _M:
    """Have `make` build a net on the meta device, then give memory and values to its modules one by one; `stop` is called before each."""
    with torch.device("meta"):
        model = make()
    for module in model.modules():
        stop()
        if next(module.parameters(recurse=False), None) is not None:
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]
    return model


@contextmanager
def explain_memory_errors(refusal: str, asked: str, memory: DeviceMemory) -> Iterator[None]:
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
