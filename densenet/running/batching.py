"""How many images go through a net at once, where the caller wants to be able to stop in between."""

from __future__ import annotations

import torch

from densenet.arithmetic.seconds import forward_seconds
from densenet.config import IMAGE_SIZE_RANGE, DenseNetConfig

_FORWARD_SECONDS = 0.4  # about this long nobody minds waiting for a stop
_LARGEST_BATCH = 64
_STOPPABLE_SECONDS = 1.5
_LARGEST_STOPPABLE_BATCH = 32  # larger ones are hardly faster, and partial maps come less often
_LARGEST_ON_CPU = 8  # there as fast as 32, and a quarter of the memory


def seconds_per_image(config: DenseNetConfig, height: int, width: int, device: torch.device) -> float:
    """Estimate the forward pass of one image of `height` x `width` pixels, cautiously."""
    size = min(max(config.smallest_image_size, height, width), IMAGE_SIZE_RANGE[1])
    square = forward_seconds(config, size, device.type)
    return square * height * width / size**2


def bounded_batch(config: DenseNetConfig, height: int, width: int, device: torch.device) -> int:
    """Return how many images of `height` x `width` pixels one forward pass takes at most, so that it stays well below half a second."""
    return max(1, min(_LARGEST_BATCH, int(_FORWARD_SECONDS / seconds_per_image(config, height, width, device))))


def stoppable_batch(config: DenseNetConfig, height: int, width: int, device: torch.device, *, gradients: bool) -> int:
    """Return how many images a pass takes that can be stopped inside: more, since the batch is not what one waits for."""
    passes = 3 if gradients else 1  # a backward pass takes two
    most = int(_STOPPABLE_SECONDS / (passes * seconds_per_image(config, height, width, device)))
    return max(1, min(_LARGEST_ON_CPU if device.type == "cpu" else _LARGEST_STOPPABLE_BATCH, most))
