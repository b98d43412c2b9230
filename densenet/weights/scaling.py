"""How a net's pictures are cut and scaled: as its card says it, as another program's settings say it, or as such nets usually have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from densenet.checks import checked_choice, checked_flag, checked_integer, checked_number
from densenet.config import IMAGE_SIZE_RANGE, STEM_OF, DenseNetConfig
from densenet.pictures.preprocessing import FITS, IMAGENET, Preprocessing

_CIFAR10 = Preprocessing(crop_px=32, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
_GREY_SIDES = {"imagenet": 224, "cifar": 28}  # films of X-rays; digits and clothes
_OTHER_SIDE = 32
_OF_TIMM = "pretrained_cfg"  # in which its settings stand, or else beside the others
TIMMS_FIELDS = (_OF_TIMM, "input_size", "mean", "std", "crop_pct", "crop_mode")


def _numbers(values: object, field: str, count: int, low: float) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) != count:
        raise ValueError(f"its card's {field} must be a list of {count}, one number for each channel, got {values!r:.60}")
    return tuple(checked_number(f"its card's {field}[{i}]", value, low, 1000) for i, value in enumerate(values))


def preprocessing_on(said: object, config: DenseNetConfig) -> Preprocessing | None:
    """Return a card's preprocessing for a net of `config`, None where it says nothing; ValueError names what does not fit the net."""
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ValueError("its card's preprocessing must be a JSON object")
    crop_px = checked_integer("its card's crop_px", said.get("crop_px"), (config.smallest_image_size, IMAGE_SIZE_RANGE[1]))
    resize_px, fit = said.get("resize_px"), checked_choice("its card's fit", said.get("fit", "crop"), FITS)
    if resize_px is not None and fit != "crop":
        raise ValueError(f"its card's resize_px belongs to fit 'crop', got {fit!r}")
    return Preprocessing(
        crop_px=crop_px,
        mean=_numbers(said.get("mean"), "mean", config.in_channels, -1000.0),
        std=_numbers(said.get("std"), "std", config.in_channels, 1e-6),
        resize_px=None if resize_px is None else checked_integer("its card's resize_px", resize_px, (crop_px, 4 * crop_px)),
        fit=fit,
        invert=checked_flag("its card's invert", said.get("invert", False)),
    )


def preprocessing_of_timm(settings: Mapping[str, object], config: DenseNetConfig) -> Preprocessing | None:
    """Return what timm's config.json says (`input_size`, `mean`, `std`, `crop_pct`), None where it says none, or of another kind of net."""
    within = settings.get(_OF_TIMM)
    said = within if isinstance(within, Mapping) else settings
    size, mean, std = (said.get(name) for name in ("input_size", "mean", "std"))
    if not isinstance(size, list) or len(size) != 3:
        return None
    try:
        share = checked_number("crop_pct", said.get("crop_pct", 1.0), 0.25, 1)
        side = checked_integer("input_size", size[-1], (config.smallest_image_size, IMAGE_SIZE_RANGE[1]))
        cut = {"crop_px": side, "resize_px": int(side / share)} if said.get("crop_mode", "center") == "center" else {"crop_px": side}
        return preprocessing_on({**cut, "mean": mean, "std": std}, config)
    except ValueError:
        return None


def assumed_preprocessing(config: DenseNetConfig) -> tuple[Preprocessing, str]:
    """Return what such nets are usually fed, and a sentence that says so, for a file that does not say it."""
    if STEM_OF[config.stem].stride > 1 and config.in_channels == 3:
        preprocessing, scaled = IMAGENET, "scaled as for ImageNet"
    elif config.in_channels == 3:
        preprocessing, scaled = _CIFAR10, "scaled as for CIFAR-10"
    else:
        side = _GREY_SIDES.get(config.stem, _OTHER_SIDE) if config.in_channels == 1 else _OTHER_SIDE
        preprocessing = Preprocessing(crop_px=side, mean=(0.0,) * config.in_channels, std=(1.0,) * config.in_channels)
        scaled = "grey values from 0 to 1" if config.in_channels == 1 else "values from 0 to 1"
    side = max(preprocessing.crop_px, config.smallest_image_size)
    if side > preprocessing.crop_px:
        resized = preprocessing.resize_px and side * preprocessing.resize_px // preprocessing.crop_px
        preprocessing = replace(preprocessing, crop_px=side, resize_px=resized)
    return preprocessing, f"The preprocessing is assumed: {side} x {side} pixels, {scaled}."
