"""A DenseNet as arithmetic: one row per leaf operation, in the order of execution, without torch.

Counting conventions. `macs` are multiply-accumulates of convolutions and the classifier for one image, what torch's FlopCounterMode
reports as two operations each; normalisation, activation, pooling and concatenation count none. `params` are trainable values:
convolutions have no bias, a BatchNorm has 2 per channel, the classifier has weight and bias. BatchNorm's running statistics (buffers)
are not parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from densenet.config import STEM_OF, DenseNetConfig, transition_channels


class Layer(NamedTuple):
    """One leaf operation on a square map; sizes in pixels a side, counts for one image."""

    path: str  # the module's name in the model; `...denselayerN.cat` joins what layer N has added to all before it
    op: str  # conv, norm, relu, pool, dropout, cat, flatten, linear; in ResNets relu_, which works in place, and add
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    params: int
    macs: int
    kernel: int  # side of the filter or pooling window in pixels; 0 where there is none
    stride: int  # 0 where there is none
    block: int  # 1 to 8 inside a dense block or the transition after it; 0 for the stem; one past the last block for the tail
    position: int  # of its dense layer within the block, from 1; 0 outside dense layers
    buffer_bytes: int  # BatchNorm's running mean and variance (float32) and its step counter (int64)

    @property
    def output_bytes(self) -> int:
        """What it puts out for one image in float32."""
        return 4 * self.out_channels * self.out_size**2


def conv_params(in_channels: int, out_channels: int, kernel: int) -> int:
    """Weights of a square convolution without bias: C_in x C_out x kernel^2."""
    return in_channels * out_channels * kernel * kernel


def conv_macs(in_channels: int, out_channels: int, kernel: int, out_size: int) -> int:
    """Multiply-accumulates of a square convolution: its weights, once for each output pixel."""
    return conv_params(in_channels, out_channels, kernel) * out_size * out_size


def pooled_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Output side in pixels of a convolution or pooling that rounds down."""
    return (size + 2 * padding - kernel) // stride + 1


def conv_row(path: str, cin: int, cout: int, kernel: int, stride: int, size: int, block: int, position: int = 0) -> Layer:
    """A square convolution without bias that pads by half its kernel."""
    out = pooled_size(size, kernel, stride, kernel // 2)
    params = conv_params(cin, cout, kernel)
    return Layer(path, "conv", cin, cout, size, out, params, conv_macs(cin, cout, kernel, out), kernel, stride, block, position, 0)


def same_row(path: str, op: str, channels: int, size: int, block: int, position: int = 0) -> Layer:
    """An operation that keeps the shape."""
    norm = op == "norm"
    return Layer(path, op, channels, channels, size, size, 2 * channels * norm, 0, 0, 0, block, position, (8 * channels + 8) * norm)


def pool_row(path: str, channels: int, size: int, out: int, kernel: int, stride: int, block: int) -> Layer:
    """A pooling, of maximum or mean."""
    return Layer(path, "pool", channels, channels, size, out, 0, 0, kernel, stride, block, 0, 0)


def linear_row(path: str, features: int, classes: int, block: int) -> Layer:
    """The classifier, with its bias."""
    weights = features * classes
    return Layer(path, "linear", features, classes, 1, 1, weights + classes, weights, 0, 0, block, 0, 0)


def _dense_layer(channels: int, size: int, block: int, position: int, config: DenseNetConfig) -> Iterator[Layer]:
    path, at = f"features.denseblock{block}.denselayer{position}", (block, position)
    k, middle = config.growth_rate, config.bottleneck_channels
    yield same_row(f"{path}.norm1", "norm", channels, size, *at)
    yield same_row(f"{path}.relu1", "relu", channels, size, *at)
    if middle:
        yield conv_row(f"{path}.conv1", channels, middle, 1, 1, size, *at)
        yield same_row(f"{path}.norm2", "norm", middle, size, *at)
        yield same_row(f"{path}.relu2", "relu", middle, size, *at)
        yield conv_row(f"{path}.conv2", middle, k, 3, 1, size, *at)
    else:
        yield conv_row(f"{path}.conv1", channels, k, 3, 1, size, *at)
    if config.drop_rate:
        yield same_row(f"{path}.drop", "dropout", k, size, *at)


def _cat(channels: int, size: int, block: int, position: int, config: DenseNetConfig) -> Layer:
    path = f"features.denseblock{block}.denselayer{position}.cat"
    return Layer(path, "cat", channels, channels + config.growth_rate, size, size, 0, 0, 0, 0, block, position, 0)


def _stem(config: DenseNetConfig, size: int) -> Iterator[Layer]:
    stem, channels = STEM_OF[config.stem], config.in_channels
    for i, width in enumerate(config.stem_widths):
        conv = conv_row(f"features.conv{i}", channels, width, stem.kernel, 1 if i else stem.stride, size, 0)
        yield conv
        channels, size = width, conv.out_size
        if stem.normed:
            yield same_row(f"features.norm{i}", "norm", channels, size, 0)
            yield same_row(f"features.relu{i}", "relu", channels, size, 0)
    if stem.pooled:
        yield pool_row("features.pool0", channels, size, pooled_size(size, 3, 2, 1), 3, 2, 0)


def _walk(config: DenseNetConfig, size: int, *, joined: bool = True) -> Iterator[Layer]:
    """`joined`: what a dense layer adds is concatenated with all before it; else the next reads it alone."""
    for row in _stem(config, size):
        yield row
        channels, size = row.out_channels, row.out_size
    last = len(config.block_config)
    for block, num_layers in enumerate(config.block_config, start=1):
        for position in range(1, num_layers + 1):
            yield from _dense_layer(channels, size, block, position, config)
            if joined:
                yield _cat(channels, size, block, position, config)
            channels = config.growth_rate + (channels if joined else 0)
        if block < last:
            path, kept = f"features.transition{block}", transition_channels(channels, config.compression)
            yield same_row(f"{path}.norm", "norm", channels, size, block)
            yield same_row(f"{path}.relu", "relu", channels, size, block)
            yield conv_row(f"{path}.conv", channels, kept, 1, 1, size, block)
            yield pool_row(f"{path}.pool", kept, size, size // 2, 2, 2, block)
            channels, size = kept, size // 2

    tail = last + 1
    yield same_row("features.norm5", "norm", channels, size, tail)
    yield same_row("relu5", "relu", channels, size, tail)
    yield pool_row("pool5", channels, size, 1, size, size, tail)
    yield same_row("flatten", "flatten", channels, 1, tail)
    yield linear_row("classifier", channels, config.num_classes, tail)


@lru_cache(maxsize=8)  # the page asks for the same plan from several views
def _plan(config: DenseNetConfig, image_size: int) -> tuple[Layer, ...]:
    return tuple(_walk(config, image_size))


def plan(config: DenseNetConfig, image_size: int = 224) -> tuple[Layer, ...]:
    """Return a row per leaf operation of `config` on one square image of `image_size` pixels a side.

    Raises ValueError for an image too small for the net's poolings, naming the smallest that works.
    """
    return _plan(config, config.check_image_size(image_size))


def chain_plan(config: DenseNetConfig, image_size: int = 224) -> tuple[Layer, ...]:
    """Return the plan of `config` without its concatenations: each layer reads what the one before it has put out, and nothing else."""
    return tuple(_walk(config, config.check_image_size(image_size), joined=False))


def by_part(rows: Iterable[Layer]) -> dict[tuple[int, int], tuple[Layer, ...]]:
    """Return the rows of a plan by the part of the net that they belong to, (`block`, `position`), in the order of execution."""
    return {part: tuple(of) for part, of in groupby(rows, key=attrgetter("block", "position"))}


def parts(config: DenseNetConfig, image_size: int = 224) -> dict[tuple[int, int], tuple[Layer, ...]]:
    """Return the rows of `plan` by part.

    (0, 0) is the stem, (b, n) dense layer n of block b, (b, 0) the transition after it, (blocks + 1, 0) the last norm and all behind it.
    """
    return by_part(plan(config, image_size))


def trained_rows(config: DenseNetConfig, image_size: int, frozen: str) -> tuple[Layer, ...]:
    """Return the rows of `plan` that a training changes where `frozen` is not (`DenseNetConfig.last_frozen`)."""
    last = config.last_frozen(frozen)
    if last < 0:
        return plan(config, image_size)
    return tuple(row for row in plan(config, image_size) if row.block > last or row.op == "linear")
