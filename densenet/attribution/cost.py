"""What maps and their checks take of a net, asked before any of them is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from densenet.attribution.catalogue import method_of
from densenet.attribution.explanation import expected_seconds

if TYPE_CHECKING:
    from torch import Tensor

    from densenet.model.net import DenseNet

_PASSES_KEPT = {"guided_grad_cam": 2, "deep_lift": 4}  # of one image: DeepLIFT's photo and baseline, each with copies of what a ReLU sees
_WITHOUT_GRADIENTS = ("occlusion",)
_NOISE_BYTES = 3 * 32 * 4  # of each value: SmoothGrad draws the noise of 32 images at once
_MIXED_BYTES = 3 * 4  # of each value of an image: images that are composed of others, beside what the net makes of them
_CURVES_PASSES = 4 * 2 * 19 + 3  # insertion and deletion by the map and by three others in 20 steps, and their common ends
FEWER_STEPS = "Ask for fewer steps, or larger ones."


def _images_at_once(model: DenseNet, x: Tensor, method: str) -> int:
    """How many images' passes live at once, by how each method goes about it."""
    from densenet.running.batching import stoppable_batch

    if not method_of(method).slow:
        return _PASSES_KEPT.get(method, 1)
    return stoppable_batch(model.config, x.shape[-2], x.shape[-1], x.device, gradients=method not in _WITHOUT_GRADIENTS)


def check_map(model: DenseNet, x: Tensor, method: str, *, nets: int = 1, besides_seconds: float = 0.0, **options: object) -> None:
    """Raise ValueError where a map of the photo `x` by `method`, for `nets` nets like `model`, cannot be afforded on the photo's device.

    The arguments are those of `densenet.attribution.attribute`; a bad one is refused as there.
    """
    from densenet.running.affordable import MOST_SECONDS, check_affordable

    images = _images_at_once(model, x, method)
    check_affordable(
        model.config,
        max(x.shape[-2:]),
        x.device,
        passes=0,
        images=images,
        gradients=method not in _WITHOUT_GRADIENTS,
        besides_bytes=(images * _MIXED_BYTES + _NOISE_BYTES * (method == "smoothgrad")) * x.numel(),
        besides_seconds=nets * expected_seconds(model, x, method, **options) + besides_seconds,
        most_seconds=MOST_SECONDS,
        advice=FEWER_STEPS if method_of(method).slow else "Choose another method, or a net for smaller photos.",
    )


def check_film(model: DenseNet, x: Tensor) -> None:
    """Raise ValueError where the film strip of the photo `x` cannot be afforded: a pass forward and one backward, which nobody can stop."""
    from densenet.running.affordable import check_affordable

    besides = 3 * len(model.config.block_config) * x.numel() * 4  # a map for each block
    check_affordable(model.config, max(x.shape[-2:]), x.device, passes=3, gradients=True, besides_bytes=besides)


def check_trust(model: DenseNet, x: Tensor, method: str) -> None:
    """Raise ValueError where a map and `densenet.attribution.trust.trust` of it, at its defaults, cannot be afforded."""
    from densenet.running.affordable import MOST_SECONDS, check_affordable
    from densenet.running.batching import bounded_batch, seconds_per_image

    height, width = x.shape[-2:]
    curves = _CURVES_PASSES * seconds_per_image(model.config, height, width, x.device)
    check_map(model, x, method, nets=1 + method_of(method).untrained_nets, besides_seconds=curves)
    images = bounded_batch(model.config, height, width, x.device)
    besides = images * _MIXED_BYTES * x.numel()
    check_affordable(model.config, max(height, width), x.device, passes=0, images=images, besides_bytes=besides, most_seconds=MOST_SECONDS)
