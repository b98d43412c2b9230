"""What defines a densely connected network, and what is asked of it.

Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993; the paper's letter stands beside each name. Values are
checked here and nowhere else: a `DenseNetConfig` or `Workload` that exists is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set, Sized
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from densenet.checks import checked_choice, checked_integer, checked_number, show_value

GROWTH_RATE_RANGE = (1, 512)
BLOCKS_RANGE = (1, 8)
LAYERS_RANGE = (1, 256)
NUM_INIT_FEATURES_RANGE = (1, 1024)
BN_SIZE_RANGE = (0, 64)
NUM_CLASSES_RANGE = (1, 100_000)
IN_CHANNELS_RANGE = (1, 64)
IMAGE_SIZE_RANGE = (1, 4096)
BATCH_SIZE_RANGE = (1, 65_536)
MODES = ("infer", "train")
CHECKPOINTING = ("none", "norm", "layer")
OPTIMIZERS = ("sgd", "momentum", "adam")
PRECISIONS = ("float32", "bfloat16", "float16")


class Stem(NamedTuple):
    """What stands before the first block: square convolutions, each with BatchNorm and ReLU or all without, and a 3x3/2 max pool."""

    kernel: int
    stride: int  # of the first convolution; the others have 1
    convolutions: int
    normed: bool
    pooled: bool

    @property
    def halvings(self) -> int:
        """How often a map's side is halved, rounded up."""
        return (self.stride > 1) + self.pooled

    @property
    def last(self) -> str:
        """Name of the module whose output the first block reads."""
        return "pool0" if self.pooled else f"{'relu' if self.normed else 'conv'}{self.convolutions - 1}"


STEM_OF = {
    "imagenet": Stem(kernel=7, stride=2, convolutions=1, normed=True, pooled=True),  # paper, table 1
    "cifar": Stem(kernel=3, stride=1, convolutions=1, normed=False, pooled=False),  # paper, section 4.2
    "cifar_norm": Stem(
        kernel=3, stride=1, convolutions=1, normed=True, pooled=False
    ),  # torchvision's net made for small pictures, its pooling taken out
    "cifar_norm_pool": Stem(kernel=3, stride=1, convolutions=1, normed=True, pooled=True),  # the same with its pooling
    "deep": Stem(kernel=3, stride=2, convolutions=3, normed=True, pooled=True),  # timm's; ResNet-C of arXiv 1812.01187
}
STEMS = tuple(STEM_OF)


def checked_blocks(value: object) -> tuple[int, ...]:
    """Return the layers of each block as a tuple if `value` is a valid `block_config`; else raise ValueError."""
    low, high = BLOCKS_RANGE
    rule = f"block_config must be {low} to {high} blocks of {LAYERS_RANGE[0]} to {LAYERS_RANGE[1]} layers"
    if isinstance(value, (str, bytes, Set, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"{rule}, got {show_value(value)}")
    blocks = tuple(islice(value, high + 1))  # an iterator may have no end
    if not low <= len(blocks) <= high:
        raise ValueError(f"{rule}, got {len(value) if isinstance(value, Sized) else f'more than {high}'} blocks")
    return tuple(checked_integer(f"block_config[{i}]", n, LAYERS_RANGE) for i, n in enumerate(blocks))


def checked_compression(value: object) -> float:
    """Return `value` as a float if a transition can have it as its theta, above 0 to 1; else raise ValueError."""
    return checked_number("compression", value, 0, 1, above=True)


def checked_drop_rate(value: object) -> float:
    """Return `value` as a float if it is a probability of dropping, 0 to below 1; else raise ValueError."""
    return checked_number("drop_rate", value, 0, 1, below=True)


_FROZEN_BLOCKS = re.compile(r"blocks:(?:1-)?([1-9])")


def checked_frozen(value: object) -> str:
    """Return `value` if it says what of a net is not trained: "none", "features" or "blocks:1-N"; else raise ValueError."""
    if isinstance(value, str) and (value in ("none", "features") or _FROZEN_BLOCKS.fullmatch(value)):
        return value
    raise ValueError(f"frozen must be none, features or blocks:1-N, for what comes first is what is frozen, got {show_value(value)}")


def transition_channels(channels: int, compression: float) -> int:
    """Return the output width of a transition (paper, section 3, "Compression"): floor(theta x channels), at least 1."""
    return max(1, int(channels * compression))


@dataclass(frozen=True, kw_only=True)
class DenseNetConfig:
    """The architecture of a DenseNet: hashable, validated, free of torch.

    `bn_size` 0 means no bottleneck (a dense layer is BN-ReLU-3x3); the paper's DenseNet-B has `bn_size` 4, DenseNet-C a
    `compression` below 1. `stem` "imagenet" is 7x7/2, BN, ReLU, 3x3/2 max pool; "cifar" is one 3x3/1 convolution, nothing more;
    "cifar_norm" has BN and ReLU behind it, "cifar_norm_pool" the max pool too; "deep" is three 3x3 convolutions, the first with stride 2,
    the first two k wide, each with BN and ReLU, and the max pool.
    Every bad value raises ValueError with the field, the value and the range.
    """

    growth_rate: int = 32  # k
    block_config: tuple[int, ...] = (6, 12, 24, 16)  # dense layers in each block
    num_init_features: int = 64  # channels after the stem
    bn_size: int = 4  # bottleneck width in multiples of k
    compression: float = 0.5  # theta
    drop_rate: float = 0.0
    num_classes: int = 1000
    in_channels: int = 3
    stem: str = "imagenet"

    def __post_init__(self) -> None:
        values = {
            "growth_rate": checked_integer("growth_rate", self.growth_rate, GROWTH_RATE_RANGE),
            "block_config": checked_blocks(self.block_config),
            "num_init_features": checked_integer("num_init_features", self.num_init_features, NUM_INIT_FEATURES_RANGE),
            "bn_size": checked_integer("bn_size", self.bn_size, BN_SIZE_RANGE),
            "compression": checked_compression(self.compression),
            "drop_rate": checked_drop_rate(self.drop_rate),
            "num_classes": checked_integer("num_classes", self.num_classes, NUM_CLASSES_RANGE),
            "in_channels": checked_integer("in_channels", self.in_channels, IN_CHANNELS_RANGE),
            "stem": checked_choice("stem", self.stem, STEMS),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def bottleneck_channels(self) -> int:
        """Channels between the 1x1 and the 3x3 convolution of a dense layer; 0 without a bottleneck."""
        return self.bn_size * self.growth_rate

    @property
    def smallest_image_size(self) -> int:
        """Smallest square input, in pixels a side, that every pooling of the net can halve."""
        needed = 2 ** (len(self.block_config) - 1)  # each transition's 2x2 average pool rounds down
        for _ in range(STEM_OF[self.stem].halvings):  # these round up
            needed = 2 * needed - 1
        return needed

    @property
    def stem_widths(self) -> tuple[int, ...]:
        """Channels that each convolution of the stem puts out."""
        return (self.growth_rate,) * (STEM_OF[self.stem].convolutions - 1) + (self.num_init_features,)

    def last_frozen(self, frozen: str) -> int:
        """Return the last block, as the plan counts them, of which `frozen` lets no operation be trained, but the classifier; -1: none.

        "blocks:1-N" are stem, blocks and the transitions behind them; "features" is all but the classifier. ValueError for blocks that
        the net has not.
        """
        blocks = len(self.block_config)
        if checked_frozen(frozen) == "none":
            return -1
        if frozen == "features":
            return blocks + 1
        last = int(frozen[-1])
        if last > blocks:
            raise ValueError(f"frozen must be none, features or blocks:1-N with N 1 to {blocks} for this net, got {frozen}")
        return last

    def check_image_size(self, image_size: object) -> int:
        """Return `image_size` if this net can run on it; else raise ValueError that names the smallest size that works."""
        size = checked_integer("image_size", image_size, IMAGE_SIZE_RANGE)
        if size < self.smallest_image_size:
            raise ValueError(
                f"image_size must be {self.smallest_image_size} to {IMAGE_SIZE_RANGE[1]} for {len(self.block_config)} blocks "
                f"with the {self.stem} stem, got {size}"
            )
        return size


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a net is asked to do in one step: hashable, validated. `image_size` is in pixels a side, square."""

    image_size: int = 224
    batch_size: int = 1
    mode: str = "infer"
    checkpointing: str = "none"
    optimizer: str = "sgd"
    precision: str = "float32"  # others are autocast, the weights stay float32; "float16" trains with a scaled loss
    frozen: str = "none"  # what a training leaves as it is, in eval mode: "features" or "blocks:1-N"

    def __post_init__(self) -> None:
        values = {
            "image_size": checked_integer("image_size", self.image_size, IMAGE_SIZE_RANGE),
            "batch_size": checked_integer("batch_size", self.batch_size, BATCH_SIZE_RANGE),
            "mode": checked_choice("mode", self.mode, MODES),
            "checkpointing": checked_choice("checkpointing", self.checkpointing, CHECKPOINTING),
            "optimizer": checked_choice("optimizer", self.optimizer, OPTIMIZERS),
            "precision": checked_choice("precision", self.precision, PRECISIONS),
            "frozen": checked_frozen(self.frozen),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
