"""How many images go through a net at once, where the caller wants to be able to stop in between."""

from __future__ import annotations

import torch

from densenet.building import arithmetic_seconds, transfer_seconds
from densenet.config import DenseNetConfig

_FORWARD_SECONDS = 0.4  # about this long nobody minds waiting for a stop
_LARGEST_BATCH = 64


def seconds_per_image(config: DenseNetConfig, height: int, width: int, device: torch.device) -> float:
    """Estimate the forward pass of one image of `height` x `width` pixels, cautiously."""
    size = max(config.smallest_image_size, height, width)
    square = arithmetic_seconds(config, size, device.type) + transfer_seconds(config, size, device.type)
    return square * height * width / size**2


def bounded_batch(config: DenseNetConfig, height: int, width: int, device: torch.device) -> int:
    """Return how many images of `height` x `width` pixels one forward pass takes at most, so that it stays well below half a second."""
    return max(1, min(_LARGEST_BATCH, int(_FORWARD_SECONDS / seconds_per_image(config, height, width, device))))
