"""What defines a densely connected network, and what is asked of it.

Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993; the paper's letter stands beside each name. Values are
checked here and nowhere else: a `DenseNetConfig` or `Workload` that exists is valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set, Sized
from dataclasses import dataclass
from itertools import islice

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
STEMS = ("imagenet", "cifar")
MODES = ("infer", "train")
CHECKPOINTING = ("none", "norm", "layer")
OPTIMIZERS = ("sgd", "momentum", "adam")
PRECISIONS = ("float32", "bfloat16")


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


def transition_channels(channels: int, compression: float) -> int:
    """Return the output width of a transition (paper, section 3, "Compression"): floor(theta x channels), at least 1."""
    return max(1, int(channels * compression))


@dataclass(frozen=True, kw_only=True)
class DenseNetConfig:
    """The architecture of a DenseNet: hashable, validated, free of torch.

    `bn_size` 0 means no bottleneck (a dense layer is BN-ReLU-3x3); the paper's DenseNet-B has `bn_size` 4, DenseNet-C a
    `compression` below 1. `stem` "imagenet" is 7x7/2, BN, ReLU, 3x3/2 max pool; "cifar" is one 3x3/1 convolution, nothing more.
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
        return max(1, 4 * needed - 3) if self.stem == "imagenet" else needed  # the stem's two halvings round up

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
    precision: str = "float32"

    def __post_init__(self) -> None:
        values = {
            "image_size": checked_integer("image_size", self.image_size, IMAGE_SIZE_RANGE),
            "batch_size": checked_integer("batch_size", self.batch_size, BATCH_SIZE_RANGE),
            "mode": checked_choice("mode", self.mode, MODES),
            "checkpointing": checked_choice("checkpointing", self.checkpointing, CHECKPOINTING),
            "optimizer": checked_choice("optimizer", self.optimizer, OPTIMIZERS),
            "precision": checked_choice("precision", self.precision, PRECISIONS),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
