"""The dense block for tables: an MLP in which each layer reads the concatenation of all features of its block before it.

The vocabulary is that of `densenet.model` with linear layers for convolutions: N x F in, features instead of channels, no pooling. A dense
layer is BN-ReLU-Linear (with a bottleneck BN-ReLU-Linear-BN-ReLU-Linear), a transition BN-ReLU-Linear. The linear layers have no bias where
a BatchNorm comes next, which is everywhere but at the output. `TUTORIAL` is tutorial A's net for the Ames house prices.

python -m densenet.dense_mlp --csv FILE --target COLUMN  trains one by cross-validation and prints its log-RMSE
(`densenet.dense_mlp.cross_validation`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from densenet.checks import checked_integer
from densenet.config import (
    BN_SIZE_RANGE,
    GROWTH_RATE_RANGE,
    NUM_INIT_FEATURES_RANGE,
    checked_blocks,
    checked_compression,
    checked_drop_rate,
    transition_channels,
)

FEATURES_RANGE = (1, 100_000)
STEM_RANGE = (0, 8)
STEM_FEATURES_RANGE = (1, 4096)


def _checked_stem(value: object) -> tuple[int, ...]:
    low, high = STEM_RANGE
    if isinstance(value, (str, bytes, Set, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"stem_features must be {low} to {high} widths, got {value!r}")
    widths = tuple(value)
    if not low <= len(widths) <= high:
        raise ValueError(f"stem_features must be {low} to {high} widths, got {len(widths)}")
    return tuple(checked_integer(f"stem_features[{i}]", width, STEM_FEATURES_RANGE) for i, width in enumerate(widths))


@dataclass(frozen=True, kw_only=True)
class DenseMLPConfig:
    """The architecture of a DenseMLP: hashable, validated. `bn_size` 0 means no bottleneck, as it does for a DenseNet.

    Every bad value raises ValueError with the field, the value and the range.
    """

    in_features: int
    out_features: int = 1
    stem_features: tuple[int, ...] = ()  # widths of the stem's layers before the last
    num_init_features: int = 64  # width of the stem's last layer, the first block's input
    growth_rate: int = 32  # k
    block_config: tuple[int, ...] = (2, 2)  # dense layers in each block
    bn_size: int = 0  # the bottleneck's width in units of k; 0: none
    compression: float = 0.5  # theta, between blocks
    drop_rate: float = 0.0  # after each dense layer

    def __post_init__(self) -> None:
        values = {
            "in_features": checked_integer("in_features", self.in_features, FEATURES_RANGE),
            "out_features": checked_integer("out_features", self.out_features, FEATURES_RANGE),
            "stem_features": _checked_stem(self.stem_features),
            "num_init_features": checked_integer("num_init_features", self.num_init_features, NUM_INIT_FEATURES_RANGE),
            "growth_rate": checked_integer("growth_rate", self.growth_rate, GROWTH_RATE_RANGE),
            "block_config": checked_blocks(self.block_config),
            "bn_size": checked_integer("bn_size", self.bn_size, BN_SIZE_RANGE),
            "compression": checked_compression(self.compression),
            "drop_rate": checked_drop_rate(self.drop_rate),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def stem_widths(self) -> tuple[int, ...]:
        """Widths from the table's columns to the first block."""
        return (self.in_features, *self.stem_features, self.num_init_features)

    @property
    def bottleneck_features(self) -> int:
        """Features between the two linear layers of a dense layer; 0 without a bottleneck."""
        return self.bn_size * self.growth_rate


# Tutorial A, "log rmse 0.0417 train, 0.0536 validation"; it does not say what stands between the layers, which is the paper's here
TUTORIAL = DenseMLPConfig(in_features=330, stem_features=(512,), num_init_features=1024, growth_rate=128, block_config=(2, 2, 2, 2))

# What the command trains: small, for tables of some thousand rows
SMALL = DenseMLPConfig(in_features=1, num_init_features=64, growth_rate=32, block_config=(2, 2), drop_rate=0.3)


def count_params(config: DenseMLPConfig) -> int:
    """Return the trainable values of a config's net by arithmetic: a x b for a linear layer, 2 a for a norm, and the output's bias."""
    k, middle = config.growth_rate, config.bottleneck_features
    params = sum(a * b for a, b in pairwise(config.stem_widths)) + 2 * sum(config.stem_features)
    features = config.num_init_features
    for block, layers in enumerate(config.block_config, start=1):
        for _ in range(layers):
            params += 2 * features + (features * middle + 2 * middle + middle * k if middle else features * k)
            features += k
        if block < len(config.block_config):
            kept = transition_channels(features, config.compression)
            params += 2 * features + features * kept
            features = kept
    return params + 2 * features + features * config.out_features + config.out_features


class DenseLayer(nn.Sequential):
    """BN-ReLU-Linear, or BN-ReLU-Linear-BN-ReLU-Linear with a bottleneck; dropout after it where the config has some."""

    def __init__(self, in_features: int, config: DenseMLPConfig) -> None:
        super().__init__()
        growth_rate, middle = config.growth_rate, config.bottleneck_features
        self.norm1 = nn.BatchNorm1d(in_features)
        self.relu1 = nn.ReLU()
        self.linear1 = nn.Linear(in_features, middle or growth_rate, bias=False)
        if middle:
            self.norm2 = nn.BatchNorm1d(middle)
            self.relu2 = nn.ReLU()
            self.linear2 = nn.Linear(middle, growth_rate, bias=False)
        if config.drop_rate:
            self.drop = nn.Dropout(config.drop_rate)


class DenseBlock(nn.Module):
    """Each layer reads the concatenation of the block's input and of all features before it (equation 2 of arXiv 1608.06993)."""

    def __init__(self, num_layers: int, in_features: int, config: DenseMLPConfig) -> None:
        super().__init__()
        for i in range(num_layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(in_features + i * config.growth_rate, config))

    def forward(self, x: Tensor) -> Tensor:
        """N x F -> N x (F + layers * k)."""
        for layer in self.children():
            x = torch.cat((x, layer(x)), 1)
        return x


class Transition(nn.Sequential):
    """BN-ReLU-Linear between two blocks: N x F -> N x F'."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_features)
        self.relu = nn.ReLU()
        self.linear = nn.Linear(in_features, out_features, bias=False)


def _stem(config: DenseMLPConfig) -> OrderedDict[str, nn.Module]:
    """Linear layers with BN-ReLU between them and nothing after the last, for the first block begins with its own."""
    stem: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (before, after) in enumerate(pairwise(config.stem_widths)):
        if i:
            stem[f"norm{i - 1}"] = nn.BatchNorm1d(before)
            stem[f"relu{i - 1}"] = nn.ReLU()
        stem[f"linear{i}"] = nn.Linear(before, after, bias=False)
    return stem


class DenseMLP(nn.Module):
    """A densely connected MLP of any valid config: N x in_features -> N x out_features; `head(features(x)) == model(x)`.

    Linear layers start with He's normal initialisation (fan in), norms at 1 and 0, the output's bias at 0, as in `densenet.model`.
    """

    def __init__(self, config: DenseMLPConfig) -> None:
        super().__init__()
        self.config = config
        features = config.num_init_features
        self.features = nn.Sequential(_stem(config))
        for i, num_layers in enumerate(config.block_config, start=1):
            self.features.add_module(f"denseblock{i}", DenseBlock(num_layers, features, config))
            features += num_layers * config.growth_rate
            if i < len(config.block_config):
                kept = transition_channels(features, config.compression)
                self.features.add_module(f"transition{i}", Transition(features, kept))
                features = kept
        self.features.add_module("norm5", nn.BatchNorm1d(features))  # the last norm's name, however many blocks there are
        self.relu5 = nn.ReLU()
        self.output = nn.Linear(features, config.out_features)
        for module in self.features.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.output.bias)

    def head(self, features: Tensor) -> Tensor:
        """N x F, the output of `features` -> N x out_features."""
        return self.output(self.relu5(features))

    def forward(self, x: Tensor) -> Tensor:
        """N x in_features -> N x out_features."""
        return self.head(self.features(x))
