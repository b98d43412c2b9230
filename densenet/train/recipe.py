"""How a net is trained: every choice as one frozen, checked value, free of torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from densenet.checks import checked_choice, checked_integer, checked_number
from densenet.config import BATCH_SIZE_RANGE, PRECISIONS

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("one_cycle", "steps", "constant")
CROPS = ("none", "shift", "resized")
EPOCHS_RANGE = (1, 100_000)
SEED_RANGE = (0, 2**31 - 1)
PIXELS_RANGE = (0, 1024)


def _checked_flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{field} must be True or False, got {value!r}")
    return value


def _checked_pair(field: str, value: object, low: float, high: float) -> tuple[float, float]:
    """Return `value` as a smaller and a larger number, both above `low` and at most `high`."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{field} must be two numbers above {low:g} to {high:g}, got {value!r}")
    first, second = (checked_number(f"{field}[{i}]", number, low, high, above=True) for i, number in enumerate(value))
    if first > second:
        raise ValueError(f"{field} must be a smaller number and a larger one, got {value!r}")
    return first, second


def _checked_steps_at(value: object) -> tuple[float, ...]:
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"steps_at must be fractions of the training in rising order, got {value!r}")
    at = tuple(checked_number(f"steps_at[{i}]", fraction, 0, 1, above=True, below=True) for i, fraction in enumerate(value))
    if sorted(set(at)) != list(at):
        raise ValueError(f"steps_at must be fractions of the training in rising order, got {value!r}")
    return at


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a net is trained, but the data. Bad values raise ValueError with field, value and range.

    The budget is `epochs`, or `minutes` of training where they end first; the schedule follows whichever is spent faster, so that a run of
    ten minutes anneals within ten minutes. `batch_size` is of a whole step, over all processes. `lr` is the highest of the schedule:
    "one_cycle" rises to it over the fraction `warmup` of the training and falls to nothing (cosines), "steps" multiplies it by
    `step_factor` at each of `steps_at` (fractions of the training). Weight decay spares norms and biases; "adam" decouples it (AdamW).
    With `early_px`, the first `early_share` of the training sees the pictures at that smaller side, with whose square a step's time falls.
    """

    epochs: int = 30
    minutes: float | None = None
    batch_size: int = 64
    optimizer: str = "sgd"
    lr: float = 0.1
    head_lr: float | None = None  # the highest of the classifier's own schedule; None: `lr`
    momentum: float = 0.9  # of SGD, with Nesterov's step; Adam's first beta
    weight_decay: float = 5e-4
    schedule: str = "one_cycle"
    warmup: float = 0.3
    steps_at: tuple[float, ...] = (0.5, 0.75)  # section 4.2 of arXiv 1608.06993
    step_factor: float = 0.1
    label_smoothing: float = 0.0
    ema_decay: float = 0.0  # 0: no moving average of the weights
    flip: bool = True
    crop: str = "shift"  # "shift": by up to shift_px; "resized": of a random area and aspect, brought to the input's size
    shift_px: int = 4  # beyond the edge the picture is mirrored
    crop_area: tuple[float, float] = (0.35, 1.0)  # of the picture's; above 1: the picture shrinks, and its surroundings are mirrored
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    cutout_px: int = 0  # side of a square set to the mean (arXiv 1708.04552)
    brightness: float = 0.0  # factors of 1 - value to 1 + value, drawn for each picture; so too the next three
    contrast: float = 0.0
    saturation: float = 0.0
    sharpness: float = 0.0
    precision: str = "float32"  # others are autocast; "float16" scales the loss
    channels_last: bool = True
    early_px: int = 0  # 0: the pictures' own size from the start
    early_share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        values = {
            "epochs": checked_integer("epochs", self.epochs, EPOCHS_RANGE),
            "minutes": None if self.minutes is None else checked_number("minutes", self.minutes, 0, 1e6, above=True),
            "batch_size": checked_integer("batch_size", self.batch_size, BATCH_SIZE_RANGE),
            "optimizer": checked_choice("optimizer", self.optimizer, OPTIMIZERS),
            "lr": checked_number("lr", self.lr, 0, 100, above=True),
            "head_lr": None if self.head_lr is None else checked_number("head_lr", self.head_lr, 0, 100, above=True),
            "momentum": checked_number("momentum", self.momentum, 0, 1, below=True),
            "weight_decay": checked_number("weight_decay", self.weight_decay, 0, 10),
            "schedule": checked_choice("schedule", self.schedule, SCHEDULES),
            "warmup": checked_number("warmup", self.warmup, 0, 1, below=True),
            "steps_at": _checked_steps_at(self.steps_at),
            "step_factor": checked_number("step_factor", self.step_factor, 0, 1, above=True),
            "label_smoothing": checked_number("label_smoothing", self.label_smoothing, 0, 1, below=True),
            "ema_decay": checked_number("ema_decay", self.ema_decay, 0, 1, below=True),
            "flip": _checked_flag("flip", self.flip),
            "crop": checked_choice("crop", self.crop, CROPS),
            "shift_px": checked_integer("shift_px", self.shift_px, PIXELS_RANGE),
            "crop_area": _checked_pair("crop_area", self.crop_area, 0, 4),
            "crop_aspect": _checked_pair("crop_aspect", self.crop_aspect, 0, 10),
            "cutout_px": checked_integer("cutout_px", self.cutout_px, PIXELS_RANGE),
            "brightness": checked_number("brightness", self.brightness, 0, 1),
            "contrast": checked_number("contrast", self.contrast, 0, 1),
            "saturation": checked_number("saturation", self.saturation, 0, 1),
            "sharpness": checked_number("sharpness", self.sharpness, 0, 1),
            "precision": checked_choice("precision", self.precision, PRECISIONS),
            "channels_last": _checked_flag("channels_last", self.channels_last),
            "early_px": checked_integer("early_px", self.early_px, PIXELS_RANGE),
            "early_share": checked_number("early_share", self.early_share, 0, 1, below=True),
            "seed": checked_integer("seed", self.seed, SEED_RANGE),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def as_dict(self) -> dict[str, object]:
        """Return the fields as plain values, for JSON and for checkpoints."""
        return asdict(self)

    def size_px(self, progress: float, full_px: int) -> int:
        """Return the side at which pictures of `full_px` are learnt from at `progress`, 0 to 1 of the budget."""
        return self.early_px if self.early_px and progress < self.early_share else full_px


def rate_factor(recipe: Recipe, progress: float) -> float:
    """Return the learning rate at `progress` (0 to 1 of the budget) as a fraction of `recipe.lr`.

    "one_cycle" is torch's OneCycleLR with its default div_factor 25 and final_div_factor 1e4, as a function of progress.
    """
    if recipe.schedule == "constant":
        return 1.0
    if recipe.schedule == "steps":
        return recipe.step_factor ** sum(at <= progress for at in recipe.steps_at)
    start, end = 1 / 25, 1 / 25 / 1e4
    progress = min(max(progress, 0.0), 1.0)
    if progress < recipe.warmup:
        low, high, along = start, 1.0, progress / recipe.warmup
    else:
        low, high, along = 1.0, end, (progress - recipe.warmup) / (1.0 - recipe.warmup)
    return high + (low - high) / 2 * (1 + math.cos(math.pi * along))
