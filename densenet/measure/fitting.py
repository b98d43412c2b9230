"""A net that fits: the largest of a row of nets, each larger than the one before, that learns given pictures in a given time and memory.

What "learns" means is a rule of thumb, said in `Fitting.why`: each picture is seen a few times, small sets more often, and the net has not
so many parameters that it could know few pictures by heart. Time and memory are the forecasts that every training gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from densenet.arithmetic.costs import totals
from densenet.arithmetic.memory import estimate_memory
from densenet.checks import checked_integer, checked_number
from densenet.config import IMAGE_SIZE_RANGE, IN_CHANNELS_RANGE, NUM_CLASSES_RANGE, STEM_OF, DenseNetConfig, Workload
from densenet.measure.forecast import expected_seconds

LEVELS = (  # growth rate and layers of the deepest block
    *((8, 1), (8, 2), (12, 2), (12, 3), (16, 3), (16, 4), (20, 4), (24, 4), (24, 6), (32, 6), (32, 8)),
    *((40, 8), (48, 8), (48, 12), (48, 16), (48, 24), (64, 24), (64, 32)),
)
MOST_PASSES = 40  # over the pictures; more teach such a net little
_FEWEST_PASSES = 8
_FEWEST_STEPS = 300  # of small sets, whose passes have few
_PARAMETERS_A_PICTURE = 200  # DenseNet-121 learnt ImageNet with six, nets of CIFAR's 50,000 pictures have up to 500
_SHARE_OF_MEMORY = 0.7  # the rest is for the pictures, and for what no estimate sees
_STEMS = ((40, "cifar"), (88, "cifar_norm_pool"), (IMAGE_SIZE_RANGE[1], "imagenet"))  # up to which side
_HALVED = {"cifar": "cifar_norm_pool", "cifar_norm_pool": "imagenet"}
_LEAST_HALVED_PX = 16
_LEVELS_HALVED = 5
_SMALLEST_MAP_PX = 4  # that the last block should still see
_MOST_BLOCKS = 4
IMAGES_RANGE = (1, 10**9)


@dataclass(frozen=True)
class Fitting:
    """A net, how often it sees each picture within the time, and why it is this one, in a sentence or two."""

    config: DenseNetConfig
    epochs: int  # at least 1, at most MOST_PASSES
    epoch_seconds: float
    peak_bytes: int  # of a step
    why: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """What there is to learn, and on what. Bad values raise ValueError with field, value and range."""

    images: int
    size: int  # pixels a side
    channels: int
    classes: int
    seconds: float
    memory_bytes: int  # that is free
    device_type: str = "cpu"
    batch_size: int = 64
    optimizer: str = "momentum"
    precision: str = "float32"

    def __post_init__(self) -> None:
        checked_integer("images", self.images, IMAGES_RANGE)
        checked_integer("size", self.size, IMAGE_SIZE_RANGE)
        checked_integer("channels", self.channels, IN_CHANNELS_RANGE)
        checked_integer("classes", self.classes, NUM_CLASSES_RANGE)
        checked_number("seconds", self.seconds, 0, 1e9, above=True)
        self.step()  # checks the rest

    def step(self) -> Workload:
        """One step of such a training."""
        return Workload(image_size=self.size, batch_size=self.batch_size, mode="train", optimizer=self.optimizer, precision=self.precision)

    @property
    def passes_needed(self) -> float:
        """How often each picture must be seen, at least."""
        return min(MOST_PASSES, max(_FEWEST_PASSES, _FEWEST_STEPS * self.batch_size / self.images))


def _net(stem: str, growth: int, deepest: int, task: Task) -> DenseNetConfig:
    """Return a net whose last block's maps are _SMALLEST_MAP_PX a side or a little more."""
    side = -(-task.size // 2 ** STEM_OF[stem].halvings)
    blocks = min(_MOST_BLOCKS, max(1, int(math.log2(max(1, side / _SMALLEST_MAP_PX))) + 1))
    return DenseNetConfig(
        growth_rate=growth,
        block_config=tuple(max(1, round(deepest * (i + 1) / blocks)) for i in range(blocks)),
        num_init_features=2 * growth,
        in_channels=task.channels,
        num_classes=task.classes,
        stem=stem,
    )


def nets_for(task: Task) -> list[DenseNetConfig]:
    """Return the row of nets to choose from, each with more parameters than the one before, and slower.

    The first ones see the pictures at half their side, which takes a quarter of the time.
    """
    stem = next(stem for most_px, stem in _STEMS if task.size <= most_px)
    halved = _HALVED.get(stem) if task.size >= _LEAST_HALVED_PX else None
    if halved is None:
        return [_net(stem, *level, task) for level in LEVELS]
    first = [_net(halved, *level, task) for level in LEVELS[:_LEVELS_HALVED]]
    return first + [_net(stem, *level, task) for level in LEVELS[_LEVELS_HALVED:]]


def fitting_net(task: Task) -> Fitting:
    """Return the largest of `nets_for` that learns `task` in its time and memory, the smallest where none does in its time.

    A longer time or more memory never gives a smaller net. ValueError where even the smallest does not fit into the memory.
    """
    step = task.step()
    chosen: tuple[DenseNetConfig, float, int] | None = None
    limit = "none of the nets that are tried here is larger"
    for config in nets_for(task):
        peak = estimate_memory(config, step).peak
        epoch_seconds = expected_seconds(config, step, task.device_type) * task.images / task.batch_size
        if peak > _SHARE_OF_MEMORY * task.memory_bytes:
            limit = "the next larger one would not fit into the memory"
            break
        if chosen is not None and epoch_seconds * task.passes_needed > task.seconds:
            limit = f"the next larger one would see each picture fewer than {task.passes_needed:.0f} times in that time"
            break
        if chosen is not None and totals(config, task.size).params > _PARAMETERS_A_PICTURE * task.images:
            limit = f"a larger one could know {task.images:,} pictures by heart"
            break
        chosen = config, epoch_seconds, peak
    if chosen is None:
        raise ValueError(
            f"memory must be at least {peak / _SHARE_OF_MEMORY / 2**20:.0f} MiB for a batch of {task.batch_size} pictures of "
            f"{task.size} x {task.size}, got {task.memory_bytes / 2**20:.0f} MiB; a smaller batch or smaller pictures would do"
        )
    config, epoch_seconds, peak = chosen
    epochs = min(MOST_PASSES, max(1, int(task.seconds / epoch_seconds)))
    return Fitting(config, epochs, epoch_seconds, peak, _why(task, config, epochs, epoch_seconds, limit))


def _why(task: Task, config: DenseNetConfig, epochs: int, epoch_seconds: float, limit: str) -> str:
    blocks = "-".join(map(str, config.block_config))
    first = (
        f"{task.images:,} pictures of {task.size} × {task.size} in {task.classes:,} classes: k = {config.growth_rate} with "
        f"{'blocks' if len(config.block_config) > 1 else 'a block'} of {blocks} layers"
    )
    if epoch_seconds * task.passes_needed > task.seconds:
        return f"{first} is the smallest net, and even that sees each picture only {task.seconds / epoch_seconds:.1f} times in that time."
    return f"{first} sees each picture {epochs} times; {limit}."
