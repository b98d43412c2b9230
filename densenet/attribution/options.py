"""What an attribution method can be told: names, ranges and defaults, for pages to draw and for callers to be checked by; without torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from densenet.checks import checked_choice, checked_integer, checked_number
from densenet.config import DenseNetConfig

BASELINES = ("mean", "black", "blurred")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
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


def resolved_for(option: Option, config: DenseNetConfig, height: int, width: int) -> Option:
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


def check_names(method: str, options: tuple[Option, ...], given: Collection[str]) -> None:
    """Raise ValueError for a name in `given` that is none of the `options` of `method`."""
    names = [option.name for option in options]
    for name in given:
        if name not in names:
            raise ValueError(f"options of {method}: there is no {name}, there is {', '.join(names) or 'none'}")


def _check(option: Option, value: object) -> object:
    """Return `value` if `option`, resolved, allows it; else raise ValueError. A baseline is checked where it becomes a tensor."""
    if option.kind == "baseline":
        return value
    if option.kind == "choice":
        return checked_choice(option.name, value, option.choices)
    assert option.low is not None
    assert option.high is not None
    if option.kind == "integer":
        return checked_integer(option.name, value, (int(option.low), int(option.high)))
    return checked_number(option.name, value, option.low, option.high)


def option_values(
    method: str, options: tuple[Option, ...], given: Mapping[str, object], config: DenseNetConfig, height: int, width: int
) -> dict[str, object]:
    """Return a value for each of `options`, those of `method`: what was `given`, checked, or its default for this net and image size.

    A baseline is handed on as it was given (`densenet.attribution.baseline`). ValueError names the option, the value and the range.
    """
    check_names(method, options, given)
    values: dict[str, object] = {}
    for option in options:
        known = resolved_for(option, config, height, width)
        values[option.name] = _check(known, given.get(option.name, known.default))
    window, stride = values.get("window"), values.get("stride")
    if isinstance(window, int) and isinstance(stride, int):
        if "stride" not in given:  # half of the window that was asked for
            values["stride"] = max(1, window // 2)
        elif stride > window:
            raise ValueError(f"stride must be 1 to {window}, the window, so that every pixel is covered, got {stride}")
    return values
