"""What an attribution method can be told: names, ranges and defaults, for pages to draw and for callers to be checked by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from densenet.checks import checked_choice, checked_integer, checked_number
from densenet.config import DenseNetConfig
from densenet.model.net import DenseNet

BASELINES = ("mean", "black", "blurred")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
BLUR_SIGMA = 1 / 16  # of the "blurred" baseline, as a share of the image's shorter side: 2 pixels at 32, 14 at 224
_BASELINE_RANGE = (-1000.0, 1000.0)  # in normalised space photos keep within 3 of zero
_WINDOW = 1 / 8  # of the shorter side: 4 pixels at 32, 28 at 224


@dataclass(frozen=True)
class Option:
    """One option of a method. Both ends of the range are allowed; a range or default of None depends on the net or the image."""

    name: str
    label: str  # for people, with the unit
    kind: str  # integer, number, choice, baseline (one of `choices`, a finite number, or a tensor like the image)
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    default: int | float | str | None = None


STEPS = Option("steps", "steps", "integer", 1, 1000, default=50)
BASELINE = Option("baseline", "baseline", "baseline", choices=BASELINES, default="mean")
NOISE = Option("noise", "noise, share of the image's range", "number", 0.0, 1.0, default=0.15)
SAMPLES = Option("samples", "noisy images", "integer", 1, 1000, default=50)
SEED = Option("seed", "seed of the noise", "integer", 0, 2**32 - 1, default=0)
WINDOW = Option("window", "side of the square, pixels", "integer", 1)
STRIDE = Option("stride", "step between squares, pixels", "integer", 1)
BLOCK = Option("block", "after dense block", "integer", 1)
INTERPOLATION = Option("interpolation", "enlarged by", "choice", choices=INTERPOLATIONS, default="bilinear")


def concrete(option: Option, config: DenseNetConfig, height: int, width: int) -> Option:
    """Return `option` with the range and the default that it has for a net of `config` and an image of `height` x `width` pixels."""
    side = min(height, width)
    window = max(1, int(side * _WINDOW))
    if option.name == "window":
        return replace(option, high=side, default=window)
    if option.name == "stride":
        return replace(option, high=side, default=max(1, window // 2))
    if option.name == "block":
        return replace(option, high=len(config.block_config), default=len(config.block_config))
    return option


def _checked(option: Option, value: object) -> int | float | str:
    """Return `value` if `option`, concrete and no baseline, allows it; else raise ValueError."""
    if option.kind == "choice":
        return checked_choice(option.name, value, option.choices)
    assert option.low is not None
    assert option.high is not None
    if option.kind == "integer":
        return checked_integer(option.name, value, (int(option.low), int(option.high)))
    return checked_number(option.name, value, option.low, option.high)


def settle(method: str, options: tuple[Option, ...], given: Mapping[str, object], model: DenseNet, x: Tensor) -> dict[str, object]:
    """Return a value for each of `options`: what was `given`, checked, or its default; a baseline as a tensor like `x`.

    ValueError names the option, the value and the range.
    """
    names = [option.name for option in options]
    for name in given:
        if name not in names:
            raise ValueError(f"options of {method}: there is no {name}, there is {', '.join(names) or 'none'}")
    settled: dict[str, object] = {}
    for option in options:
        known = concrete(option, model.config, x.shape[-2], x.shape[-1])
        value = given.get(option.name, known.default)
        settled[option.name] = baseline_tensor(value, model, x) if known.kind == "baseline" else _checked(known, value)
    window, stride = settled.get("window"), settled.get("stride")
    if isinstance(window, int) and isinstance(stride, int):
        if "stride" not in given:  # half of the window that was asked for
            settled["stride"] = max(1, window // 2)
        elif stride > window:
            raise ValueError(f"stride must be 1 to {window}, the window, so that every pixel is covered, got {stride}")
    return settled


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
        return _blurred(x)
    low, high = _BASELINE_RANGE
    if isinstance(baseline, bool) or not isinstance(baseline, (int, float)) or not low <= baseline <= high:
        rule = f"a number from {low:g} to {high:g}, one of {', '.join(BASELINES)}, or a tensor like x"
        raise ValueError(f"baseline must be {rule}, got {baseline!r}")
    return torch.full_like(x, baseline)


def _blurred(x: Tensor) -> Tensor:
    from torchvision.transforms.functional import gaussian_blur

    side = min(x.shape[-2:])
    radius = min(math.ceil(3 * BLUR_SIGMA * side), side - 1)  # the border is mirrored, which needs more pixels than the radius
    return gaussian_blur(x, [2 * radius + 1] * 2, [BLUR_SIGMA * side] * 2)
