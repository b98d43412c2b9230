"""What stands for "nothing there" in a photo: the baselines of attribution methods, and the blur that takes its content away."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from densenet.attribution.options import BASELINES
from densenet.model.net import DenseNet

BLUR_SIGMA = 1 / 16  # of the "blurred" baseline, as a share of the image's shorter side: 2 pixels at 32, 14 at 224
_NUMBER_RANGE = (-1000.0, 1000.0)  # in normalised space photos keep within 3 of zero


def blur(x: Tensor, share: float) -> Tensor:
    """Blur the photo `x`, 1 x C x H x W, by a Gaussian whose standard deviation is `share` of the shorter side; edges are mirrored."""
    from torchvision.transforms.functional import gaussian_blur

    sigma = share * min(x.shape[2:])
    # It is cut at three deviations, and at the image's side: a mirrored border needs more pixels than the radius.
    height, width = (2 * min(math.ceil(3 * sigma), side - 1) + 1 for side in x.shape[2:])
    return gaussian_blur(gaussian_blur(x, [width, 1], [sigma, sigma]), [1, height], [sigma, sigma])  # separable: one side, then the other


def baseline_tensor(baseline: object, model: DenseNet, x: Tensor) -> Tensor:
    """Return what stands for "nothing there", like `x`, normalised.

    "mean": zero, the mean colour of the data set; "black": black before normalisation; "blurred": `x` after a Gaussian of `BLUR_SIGMA`
    of the shorter side. ValueError: any other, or "black" for a model whose preprocessing nobody knows.
    """
    if isinstance(baseline, Tensor):
        if baseline.shape != x.shape:
            raise ValueError(f"baseline must be a number or a tensor of shape {tuple(x.shape)}, got shape {tuple(baseline.shape)}")
        return baseline.detach().to(x)
    if baseline == "mean":
        return torch.zeros_like(x)
    if baseline == "black":
        if model.weights is None:
            raise ValueError(
                "baseline must be a number, a tensor, mean or blurred for a model without a record of its scaling, got 'black'"
            )
        mean, std = (torch.tensor(values).to(x) for values in (model.weights.preprocessing.mean, model.weights.preprocessing.std))
        return (-mean / std)[None, :, None, None].expand(x.shape).contiguous()
    if baseline == "blurred":
        return blur(x, BLUR_SIGMA)
    low, high = _NUMBER_RANGE
    if isinstance(baseline, bool) or not isinstance(baseline, (int, float)) or not low <= baseline <= high:
        rule = f"a number from {low:g} to {high:g}, one of {', '.join(BASELINES)}, or a tensor like x"
        raise ValueError(f"baseline must be {rule}, got {baseline!r}")
    return torch.full_like(x, baseline)
