"""Tensors of other families as this project's nets need them: channels in their order, biases that no convolution here has."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from densenet.config import STEM_OF, DenseNetConfig, transition_channels

Tensors = dict[str, Tensor]


def _readers(config: DenseNetConfig, block: int) -> Iterator[tuple[str, str, int]]:
    """Yield norm, convolution (or head) and the number of layers before it, of all that read what the layers of `block` (from 1) join."""
    layers = config.block_config[block - 1]
    for i in range(layers):
        path = f"features.denseblock{block}.denselayer{i + 1}"
        yield f"{path}.norm1", f"{path}.conv1", i
    last = block == len(config.block_config)
    yield (
        ("features.norm5", "classifier", layers)
        if last
        else (f"features.transition{block}.norm", f"features.transition{block}.conv", layers)
    )


def _widths_before(config: DenseNetConfig) -> Iterator[int]:
    """Yield the channels that each block reads."""
    channels = config.num_init_features
    for layers in config.block_config:
        yield channels
        channels = transition_channels(channels + layers * config.growth_rate, config.compression)


def with_new_last(config: DenseNetConfig, tensors: Tensors) -> Tensors:
    """Return the tensors of a net that puts a layer's new features before those that it read, for one that puts them behind.

    Reader i of a block then has the order (layer i - 1, ..., layer 0, input) instead of (input, layer 0, ..., layer i - 1).
    """
    moved, k = dict(tensors), config.growth_rate
    for block, width in enumerate(_widths_before(config), start=1):
        for norm, reader, before in _readers(config, block):
            ends = [torch.arange(before * k, before * k + width)]
            order = torch.cat(ends + [torch.arange((before - 1 - i) * k, (before - i) * k) for i in range(before)])
            for part in ("weight", "bias", "running_mean", "running_var"):
                moved[f"{norm}.{part}"] = tensors[f"{norm}.{part}"][order]
            moved[f"{reader}.weight"] = tensors[f"{reader}.weight"][:, order]
    return moved


def without_biases(config: DenseNetConfig, tensors: Tensors) -> Tensors:
    """Return tensors in which no convolution has a bias: all that reads one begins with a norm, whose running mean is moved instead.

    (x + b - mean) / std is (x - (mean - b)) / std, and averaging a constant leaves it as it is, so the answers stay the same.
    """
    folded, k = dict(tensors), config.growth_rate

    def shift(norm: str, bias: Tensor, start: int) -> None:
        name = f"{norm}.running_mean"
        if name in folded and start + len(bias) <= len(folded[name]):
            folded[name] = folded[name].clone()
            folded[name][start : start + len(bias)] -= bias

    def taken(name: str) -> Tensor | None:
        return folded.pop(f"{name}.bias", None)

    entering = None
    for i in range(STEM_OF[config.stem].convolutions):
        entering = taken(f"features.conv{i}")
        if entering is not None and STEM_OF[config.stem].normed:
            shift(f"features.norm{i}", entering, 0)
            entering = None
    for block, width in enumerate(_widths_before(config), start=1):
        readers = list(_readers(config, block))
        if entering is not None:
            for norm, _, _ in readers:
                shift(norm, entering, 0)
        for i in range(config.block_config[block - 1]):
            path = f"features.denseblock{block}.denselayer{i + 1}"
            middle = taken(f"{path}.conv1") if config.bn_size else None
            if middle is not None:
                shift(f"{path}.norm2", middle, 0)
            new = taken(f"{path}.conv2" if config.bn_size else f"{path}.conv1")
            if new is not None:
                for norm, _, before in readers:
                    if before > i:
                        shift(norm, new, width + i * k)
        entering = taken(f"features.transition{block}.conv") if block < len(config.block_config) else None
    return folded
