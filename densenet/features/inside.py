"""What a net computes on its way: the feature maps of any layer for one photo.

The net is walked from outside, so that it needs no hook, may be shared between threads, and stops at the layer that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from densenet.arithmetic.plan import parts
from densenet.arithmetic.receptive import ReceptiveField, receptive_fields
from densenet.checks import checked_choice, show_value
from densenet.config import DenseNetConfig
from densenet.model.inputs import check_input
from densenet.model.net import DenseBlock, DenseNet
from densenet.running.affordable import check_affordable

_LOOKED_AT_BYTES = 32  # of each value of a map: the value itself, its magnitude, and both in double precision for the statistics


_STEM_SAYS = {"conv": "the stem's filters", "norm": "the same, normalised", "relu": "after the ReLU", "pool": "after the max pooling"}


class InsideLayer(NamedTuple):
    """A layer whose maps can be looked at."""

    name: str  # the module's name in the model
    part: str  # what it is: stem, layer, block, transition or end
    block: int  # 1 for the first; 0 in the stem, one past the last at the end
    position: int  # of a dense layer in its block, 1 for the first; else 0
    says: str  # what its maps are
    channels: int
    size: int  # pixels a side


class Channel(NamedTuple):
    """One feature map in numbers. `zeros` is the share of its positions that are 0, from 0 to 1."""

    mean: float
    largest: float
    zeros: float

    @property
    def dead(self) -> bool:
        """Whether nothing in this photo moves the channel: it is 0 everywhere."""
        return self.zeros == 1.0


def inside_layers(config: DenseNetConfig, image_size: int = 224) -> tuple[InsideLayer, ...]:
    """Return the layers of `config` whose maps can be looked at, in order, for square images of `image_size` pixels a side.

    The stem's steps, the new features of each dense layer, each block's output (all of its concatenation), the transitions, and the last
    norm before and after its ReLU. ValueError for an image that is too small for the net.
    """
    layers: list[InsideLayer] = []
    for (block, position), rows in parts(config, image_size).items():
        at, last = (block, position), rows[-1]
        if block == 0:
            layers += [InsideLayer(row.path, "stem", *at, _STEM_SAYS[row.op], row.out_channels, row.out_size) for row in rows]
        elif position:
            path = f"features.denseblock{block}"
            layers.append(InsideLayer(f"{path}.denselayer{position}", "layer", *at, "new features", config.growth_rate, last.out_size))
            if position == config.block_config[block - 1]:
                layers.append(InsideLayer(path, "block", block, 0, "all features of the block", last.out_channels, last.out_size))
        elif block <= len(config.block_config):
            name = f"features.transition{block}"
            layers.append(InsideLayer(name, "transition", *at, "compressed and pooled", last.out_channels, last.out_size))
        else:
            norm, relu = rows[:2]
            layers.append(InsideLayer(norm.path, "end", *at, "all features, normalised", norm.out_channels, norm.out_size))
            layers.append(InsideLayer(relu.path, "end", *at, "what the classifier averages", relu.out_channels, relu.out_size))
    return tuple(layers)


def sees(config: DenseNetConfig, image_size: int, layer: str) -> ReceptiveField:
    """Return the receptive field of each value of the maps of `layer`, a name of `inside_layers`."""
    fields = receptive_fields(config, image_size)
    inside = [path for path in fields if path == layer or path.startswith(f"{layer}.")]
    if not inside:
        raise ValueError(f"layer must be one of inside_layers, got {show_value(layer)}")
    return fields[inside[-1]]


def layer_names(model: DenseNet) -> tuple[str, ...]:
    """Return the names that `feature_maps` takes, in the order of execution."""
    return tuple(layer.name for layer in inside_layers(model.config, model.config.smallest_image_size))


def walk(model: DenseNet, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Run `model` on `x`, N x C x H x W, and yield each layer's name and output; what is not asked for any more is not run."""
    for name, module in model.features.named_children():
        if isinstance(module, DenseBlock):
            sources = module.sources(x)
            features = [next(sources)]
            for layer_name, _ in module.named_children():
                features.append(next(sources))
                yield f"features.{name}.{layer_name}", features[-1]
            x = torch.cat(features, 1)
        else:
            x = module(x)
        yield f"features.{name}", x
    yield "relu5", model.relu5(x)


@torch.no_grad()
def feature_maps(model: DenseNet, x: Tensor, layer: str) -> Tensor:
    """Return the maps of `layer` for the normalised photo `x`, 1 x C x H x W, as a tensor C' x H' x W' on the CPU.

    `layer` is one of `layer_names(model)`. The model, in eval mode, is only read, and run no further than to the layer. ValueError names
    what is wrong.
    """
    check_input(model, x)
    checked_choice("layer", layer, layer_names(model))
    return next(maps[0].cpu() for name, maps in walk(model, x) if name == layer)


def check_maps(model: DenseNet, x: Tensor, layer: InsideLayer) -> None:
    """Raise ValueError where the maps of `layer` for the photo `x`, with their statistics, are more than the photo's device can afford."""
    besides = _LOOKED_AT_BYTES * layer.channels * layer.size**2
    check_affordable(model.config, max(x.shape[-2:]), x.device, besides_bytes=besides)


def channel_statistics(maps: Tensor) -> tuple[Channel, ...]:
    """Return mean, largest value and share of zeros of each of `maps`, C x H x W.

    Only after a ReLU are many values exactly 0: before it, a channel that never passes cannot be told from the others.
    """
    if maps.ndim != 3 or not maps.numel():
        raise ValueError(f"maps must be a tensor of shape C x H x W, got {tuple(maps.shape)}")
    flat = maps.flatten(1).double()
    columns = (flat.mean(1), flat.amax(1), (flat == 0).double().mean(1))
    return tuple(Channel(*values) for values in zip(*(column.tolist() for column in columns), strict=True))
