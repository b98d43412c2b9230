"""The DenseNet of arXiv 1608.06993 as a torch module, with torchvision's names, so that published weights load.

Every activation is a module of its own and nothing runs in place: attribution methods need to see each of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from densenet.checks import checked_choice
from densenet.config import CHECKPOINTING, STEM_OF, DenseNetConfig, transition_channels
from densenet.model.checkpointing import run_part

if TYPE_CHECKING:
    from densenet.record import Weights


class DenseLayer(nn.Module):
    """BN-ReLU-1x1-BN-ReLU-3x3 (section 3, "Bottleneck layers"), or BN-ReLU-3x3 without a bottleneck."""

    def __init__(self, in_channels: int, config: DenseNetConfig) -> None:
        super().__init__()
        growth_rate, middle = config.growth_rate, config.bottleneck_channels
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU()
        if middle:
            self.conv1 = nn.Conv2d(in_channels, middle, kernel_size=1, bias=False)
            self.norm2 = nn.BatchNorm2d(middle)
            self.relu2 = nn.ReLU()
            self.conv2 = nn.Conv2d(middle, growth_rate, kernel_size=3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth_rate, kernel_size=3, padding=1, bias=False)
        if config.drop_rate:
            self.drop = nn.Dropout(config.drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return the new features, N x k x H x W, of all features before them, N x C x H x W."""
        for module in self.children():  # in the order of construction; each result dies as soon as the next is there
            x = module(x)
        return x


def _on_all(layer: nn.Module, *features: Tensor) -> Tensor:
    """Run `layer` on the concatenation of `features`, which is thus made again where the layer is run again."""
    return layer(torch.cat(features, 1) if len(features) > 1 else features[0])


class DenseBlock(nn.Module):
    """Each layer reads the concatenation of the block's input and of all features before it (equation 2)."""

    def __init__(self, num_layers: int, in_channels: int, config: DenseNetConfig, checkpointing: str) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        for i in range(num_layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(in_channels + i * config.growth_rate, config))

    def sources(self, x: Tensor) -> Iterator[Tensor]:
        """Yield what the block concatenates, one after the other: `x`, N x C x H x W, then what each layer adds, N x k x H x W."""
        features = [x]
        yield x
        for layer in self.children():
            features.append(run_part(partial(_on_all, layer), layer, self.checkpointing, *features))
            yield features[-1]

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x (C + layers * k) x H x W."""
        return torch.cat(list(self.sources(x)), 1)


class Transition(nn.Sequential):
    """BN-ReLU-1x1-average pool between two blocks (section 3, "Pooling layers" and "Compression")."""

    def __init__(self, in_channels: int, out_channels: int, checkpointing: str) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C' x H/2 x W/2."""
        return run_part(super().forward, self, self.checkpointing, x)


def stem_of(config: DenseNetConfig) -> OrderedDict[str, nn.Module]:
    """Return the modules before the first block by name: N x in_channels x H x W -> N x num_init_features x H' x W'."""
    stem, parts = STEM_OF[config.stem], OrderedDict[str, nn.Module]()
    channels = config.in_channels
    for i, width in enumerate(config.stem_widths):
        stride = 1 if i else stem.stride
        parts[f"conv{i}"] = nn.Conv2d(channels, width, stem.kernel, stride=stride, padding=stem.kernel // 2, bias=False)
        if stem.normed:
            parts[f"norm{i}"] = nn.BatchNorm2d(width)
            parts[f"relu{i}"] = nn.ReLU()
        channels = width
    if stem.pooled:
        parts["pool0"] = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
    return parts


class DenseNet(nn.Module):
    """A DenseNet of any valid config; `head(features(x)) == model(x)`, with N x in_channels x H x W -> N x num_classes logits.

    Convolutions start as torchvision's do: He normal initialisation (fan in), norms at 1 and 0, the classifier's bias at 0. `checkpointing`
    "none", "norm" or "layer" says what training keeps for the backward pass (`densenet.model.checkpointing`); it changes memory and time,
    never a number. ValueError for any other.
    """

    def __init__(self, config: DenseNetConfig, checkpointing: str = "none") -> None:
        super().__init__()
        self.config = config
        self.checkpointing = checked_choice("checkpointing", checkpointing, CHECKPOINTING)
        self.weights: Weights | None = None  # the record of the weights that were loaded, if any
        channels = config.num_init_features
        self.features = nn.Sequential(stem_of(config))
        for i, num_layers in enumerate(config.block_config, start=1):
            self.features.add_module(f"denseblock{i}", DenseBlock(num_layers, channels, config, checkpointing))
            channels += num_layers * config.growth_rate
            if i < len(config.block_config):
                kept = transition_channels(channels, config.compression)
                self.features.add_module(f"transition{i}", Transition(channels, kept, checkpointing))
                channels = kept
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.relu5 = nn.ReLU()
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(channels, config.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def pooled(self, features: Tensor) -> Tensor:
        """N x C x H x W, the output of `features` -> N x C, which the classifier reads."""
        return self.flatten(self.pool5(self.relu5(features)))

    def head(self, features: Tensor) -> Tensor:
        """N x C x H x W, the output of `features` -> N x num_classes logits."""
        return self.classifier(self.pooled(features))

    def forward(self, x: Tensor) -> Tensor:
        """N x in_channels x H x W -> N x num_classes logits."""
        return self.head(self.features(x))
