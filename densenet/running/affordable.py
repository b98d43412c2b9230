"""Whether a net can be asked for something here: in the memory that is free, and in a time that others can wait for.

A net that a stranger brings can read pictures of any size, and its card alone says of which: nothing is prepared for it, and none of its
passes begins, before this was asked.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from densenet.arithmetic.memory import estimate_memory
from densenet.config import DenseNetConfig, Workload
from densenet.running.batching import seconds_per_image
from densenet.running.device import device_memory
from densenet.running.refusals import Demand, check_demand

MOST_SECONDS = 300.0  # of work that can be given up
QUICK_SECONDS = 20.0  # of work that cannot
SMALLER_CARD = "A card with a smaller crop_px and resize_px would do."


@lru_cache(maxsize=256)
def run_bytes(config: DenseNetConfig, size: int, images: int, *, gradients: bool) -> int:
    """Return the peak of a pass of `images` squares of `size` pixels a side; with `gradients`, forward and backward, not less than needed.

    The gradients of a map are the image's. What the parameters' gradients take in training stands for what methods keep beside.
    """
    mode = "train" if gradients else "infer"
    return estimate_memory(config, Workload(image_size=size, batch_size=images, mode=mode)).peak


def check_affordable(
    config: DenseNetConfig,
    size: int,
    device: torch.device,
    *,
    passes: float = 1.0,
    images: int = 1,
    gradients: bool = False,
    besides_bytes: int = 0,
    besides_seconds: float = 0.0,
    most_seconds: float = QUICK_SECONDS,
    advice: str = SMALLER_CARD,
) -> None:
    """Raise ValueError, with the numbers and `advice`, for what does not fit into the free memory of `device`, or takes too long on it.

    Asked are `passes` forward passes of one square image of `size` pixels a side (a backward pass counts two), `images` of them at once.
    `besides_bytes` and `besides_seconds` are what the caller does beside the net's passes.
    """
    at_once = f"{images} images" if images > 1 else "one image"
    demand = Demand(
        "Not run",
        f"work on {at_once} of {size} x {size} pixels with this net",
        run_bytes(config, size, images, gradients=gradients),
        passes * seconds_per_image(config, size, size, device) + besides_seconds,
        most_seconds,
        besides_bytes,
        advice,
    )
    check_demand(demand, device_memory(device))
