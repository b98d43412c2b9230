"""Which pixels made the net say so: attribution maps, through Captum.

Maps are signed and on their own scale. The model given is read-only and may be shared between threads: methods that hook modules work on a
private copy that shares its tensors.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from densenet.config import checked_integer
from densenet.model import DenseNet


class Attribution(NamedTuple):
    """`map` is signed, of the input's shape (Grad-CAM: 1 x 1 x H x W); `delta` is the completeness error where the method has one."""

    map: Tensor
    delta: float | None


class Method(NamedTuple):
    """An attribution method, its name for people, and what it computes in one sentence."""

    label: str
    says: str
    run: Callable[..., Attribution]


def _private_copy(model: DenseNet) -> DenseNet:
    """Copy the modules, to hold hooks, but share every parameter and buffer."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def _saliency(model: DenseNet, x: Tensor, target: int) -> Attribution:
    """Gradient of the class's logit by each input value (Simonyan et al., arXiv 1312.6034), sign kept."""
    from captum.attr import Saliency

    return Attribution(Saliency(model).attribute(x, target=target, abs=False), None)


def _integrated_gradients(
    model: DenseNet, x: Tensor, target: int, *, steps: int = 50, baseline: float | Tensor = 0.0, internal_batch_size: int | None = None
) -> Attribution:
    """Mean gradient along the straight path from `baseline` to `x`, times their difference (Sundararajan et al., arXiv 1703.01365).

    `delta` is the sum of the map less the difference of the two logits. Memory depends on `internal_batch_size`, not on `steps`.
    """
    from captum.attr import IntegratedGradients

    checked_integer("steps", steps, (1, 1000))
    if internal_batch_size is None:
        internal_batch_size = max(1, min(steps, 4 * 224**2 // (x.shape[-1] * x.shape[-2])))
    checked_integer("internal_batch_size", internal_batch_size, (1, 1000))
    if isinstance(baseline, Tensor):
        if baseline.shape != x.shape:
            raise ValueError(f"baseline must be a number or a tensor of shape {tuple(x.shape)}, got shape {tuple(baseline.shape)}")
    elif isinstance(baseline, bool) or not isinstance(baseline, (int, float)) or not math.isfinite(baseline):
        raise ValueError(f"baseline must be a finite number or a tensor like x, got {baseline!r}")
    maps, delta = IntegratedGradients(model).attribute(
        x, baselines=baseline, target=target, n_steps=steps, internal_batch_size=internal_batch_size, return_convergence_delta=True
    )
    return Attribution(maps.to(x.dtype), float(delta))


def _grad_cam(model: DenseNet, x: Tensor, target: int) -> Attribution:
    """Last feature maps, after their ReLU, weighted by the mean gradient of the logit by each (Selvaraju et al., arXiv 1610.02391).

    Enlarged to the input by bilinear interpolation; the sum is signed, before the paper's final ReLU.
    """
    from captum.attr import LayerAttribution, LayerGradCam

    private = _private_copy(model)
    coarse = LayerGradCam(private, private.relu5).attribute(x, target=target)
    return Attribution(LayerAttribution.interpolate(coarse, tuple(x.shape[-2:]), interpolate_mode="bilinear"), None)


METHODS: dict[str, Method] = {
    "saliency": Method("Saliency", "the slope of the score by each pixel", _saliency),
    "integrated_gradients": Method("Integrated gradients", "what each pixel adds to the score", _integrated_gradients),
    "grad_cam": Method("Grad-CAM", "where the last features raise the score", _grad_cam),
}


def attribute(model: DenseNet, x: Tensor, target: int, method: str, **options: object) -> Attribution:
    """Attribute the logit of class `target` to the input `x`, normalised, 1 x C x H x W, by one of `METHODS`.

    Integrated gradients takes `steps` (1 to 1000, default 50), `baseline` (a number or a tensor like `x`, in normalised space, default 0)
    and `internal_batch_size`. ValueError names what is wrong; the model's parameters, buffers and hooks are left as they are.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    channels, smallest = model.config.in_channels, model.config.smallest_image_size
    dtype = model.classifier.weight.dtype
    if x.ndim != 4 or x.shape[0] != 1 or x.shape[1] != channels or x.dtype != dtype:
        raise ValueError(f"x must be a {dtype} tensor of shape 1 x {channels} x H x W, got {tuple(x.shape)} of {x.dtype}")
    if min(x.shape[2:]) < smallest:
        raise ValueError(f"x must be at least {smallest} pixels high and wide for this net, got {x.shape[2]} x {x.shape[3]}")
    classes = model.config.num_classes
    if isinstance(target, bool) or not isinstance(target, int) or not 0 <= target < classes:
        raise ValueError(f"target must be 0 to {classes - 1}, got {target!r}")
    if model.training:
        raise ValueError("the model must be in eval mode: in training BatchNorm would mix the images of a batch")
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        try:
            result = METHODS[method].run(model, leaf, target, **options)
        except TypeError as error:
            if options and "unexpected keyword" in str(error):
                raise ValueError(f"options of {method}: {error}") from None
            raise
    return Attribution(result.map.detach(), result.delta)
