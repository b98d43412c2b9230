"""Check what a trained net is asked about: one normalised photo, and one of its classes."""

from __future__ import annotations

from torch import Tensor

from densenet.checks import checked_integer
from densenet.model.net import DenseNet


def check_input(model: DenseNet, x: Tensor) -> None:
    """Raise ValueError unless `x` is one image that `model` can read, 1 x C x H x W of its dtype, and `model` is in eval mode."""
    channels, smallest = model.config.in_channels, model.config.smallest_image_size
    dtype = model.classifier.weight.dtype
    if x.ndim != 4 or x.shape[0] != 1 or x.shape[1] != channels or x.dtype != dtype:
        raise ValueError(f"x must be a {dtype} tensor of shape 1 x {channels} x H x W, got {tuple(x.shape)} of {x.dtype}")
    if min(x.shape[2:]) < smallest:
        raise ValueError(f"x must be at least {smallest} pixels high and wide for this net, got {x.shape[2]} x {x.shape[3]}")
    if model.training:
        raise ValueError("the model must be in eval mode: in training BatchNorm would mix the images of a batch")


def check_class(model: DenseNet, target: int, field: str = "target") -> None:
    """Raise ValueError, naming `field`, unless `target` is the index of one of the classes of `model`."""
    checked_integer(field, target, (0, model.config.num_classes - 1))
