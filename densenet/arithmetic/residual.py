"""torchvision's ResNets as arithmetic, and one step of one as the allocator sees it; without torch.

He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385, with the stride of a bottleneck at its 3x3 convolution, as
torchvision has it. Its ReLUs and its additions work in place ("relu_", "add"), so a block makes one map for each convolution and one for
each norm. `Layer.block` is the number of torchvision's `layer1` to `layer4`, `Layer.position` that of a block within it; the stem is
(0, 0), pooling and classifier are (5, 0).

An addition hands its gradient on as it is, to the branch and to the shortcut: without a convolution on the shortcut the same bytes wait
there until the branch's gradient is added to them in place, so they outlive the branch's last norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from densenet.arithmetic.ends import classify_backward, classify_forward, loss, optimizer_step, stem_backward, stem_forward
from densenet.arithmetic.liveness import Liveness, Moment
from densenet.arithmetic.plan import Layer, by_part, conv_row, linear_row, pool_row, pooled_size, same_row
from densenet.config import DenseNetConfig

_WIDTHS = (64, 128, 256, 512)  # of the 3x3 convolutions of each layer
_TAIL = len(_WIDTHS) + 1


class _ResNet(NamedTuple):
    """Table 1 of the paper."""

    blocks: tuple[int, ...]  # of each layer
    expansion: int  # channels out of a block, in multiples of its width; 1: two 3x3 convolutions, else a 3x3 between two 1x1


_RESNETS = {
    "resnet18": _ResNet((2, 2, 2, 2), 1),
    "resnet34": _ResNet((3, 4, 6, 3), 1),
    "resnet50": _ResNet((3, 4, 6, 3), 4),
}


def _block(net: _ResNet, channels: int, size: int, layer: int, position: int) -> Iterator[Layer]:
    """The branch, then the shortcut's convolution and norm where there are some, the addition and its ReLU."""
    path, at = f"layer{layer}.{position - 1}", (layer, position)
    width, stride = _WIDTHS[layer - 1], 2 if layer > 1 and position == 1 else 1
    out_channels, out_size = width * net.expansion, pooled_size(size, 3, stride, 1)
    shapes = [(width, 3, stride), (width, 3, 1)] if net.expansion == 1 else [(width, 1, 1), (width, 3, stride), (out_channels, 1, 1)]
    read, at_size = channels, size
    for i, (wide, kernel, step) in enumerate(shapes, start=1):
        conv = conv_row(f"{path}.conv{i}", read, wide, kernel, step, at_size, *at)
        yield conv
        read, at_size = wide, conv.out_size
        yield same_row(f"{path}.bn{i}", "norm", wide, at_size, *at)
        if i < len(shapes):
            yield same_row(f"{path}.relu", "relu_", wide, at_size, *at)
    if stride > 1 or channels != out_channels:
        yield conv_row(f"{path}.downsample.0", channels, out_channels, 1, stride, size, *at)
        yield same_row(f"{path}.downsample.1", "norm", out_channels, out_size, *at)
    yield same_row(f"{path}.add", "add", out_channels, out_size, *at)
    yield same_row(f"{path}.relu", "relu_", out_channels, out_size, *at)


def _walk(net: _ResNet, config: DenseNetConfig, size: int) -> Iterator[Layer]:
    channels = _WIDTHS[0]
    conv = conv_row("conv1", config.in_channels, channels, 7, 2, size, 0)
    yield conv
    yield same_row("bn1", "norm", channels, conv.out_size, 0)
    yield same_row("relu", "relu_", channels, conv.out_size, 0)
    size = pooled_size(conv.out_size, 3, 2, 1)
    yield pool_row("maxpool", channels, conv.out_size, size, 3, 2, 0)
    for layer, blocks in enumerate(net.blocks, start=1):
        for position in range(1, blocks + 1):
            for row in _block(net, channels, size, layer, position):
                yield row
            channels, size = row.out_channels, row.out_size
    yield pool_row("avgpool", channels, size, 1, size, size, _TAIL)
    yield linear_row("fc", channels, config.num_classes, _TAIL)


def resnet_plan(name: str, config: DenseNetConfig, image_size: int = 224) -> tuple[Layer, ...]:
    """Return a row per operation of "resnet18", "resnet34" or "resnet50" with the input channels and the classes of `config`.

    The image is square; any size that a `Workload` can have works, for every convolution pads.
    """
    return tuple(_walk(_RESNETS[name], config, image_size))


def _split(block: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], tuple[Layer, ...], tuple[Layer, ...]]:
    """Return the branch, the shortcut (empty where it is the input itself), and what joins them."""
    at = next((i for i, row in enumerate(block) if ".downsample." in row.path), len(block) - 2)
    return block[:at], block[at:-2], block[-2:]


def _block_forward(live: Liveness, block: tuple[Layer, ...], *, read_held: bool) -> None:
    """`read_held`: in inference what the block has read outlives it."""
    branch, shortcut, (add, relu) = _split(block)
    live.forward(branch)
    live.forward(shortcut)
    live.note(add.path)
    live.note(relu.path)
    live.image -= live.out_bytes(add) if shortcut else 0
    if not live.training and not read_held:
        live.image -= live.in_bytes(block[0])


def _block_backward(live: Liveness, block: tuple[Layer, ...], *, first: bool) -> None:
    """`first`: what the block has read is of no ReLU, which would keep it."""
    branch, shortcut, (add, relu) = _split(block)
    out, read = live.out_bytes(add), live.in_bytes(block[0])
    live.backward([relu], out)
    live.note(add.path)
    if shortcut:
        live.backward(shortcut, 0)
    live.backward(branch, out if shortcut else 0)
    live.image -= read  # added in place to the shortcut's
    live.image -= read if first else 0


@lru_cache(maxsize=32)  # as `step_moments`
def resnet_moments(name: str, config: DenseNetConfig, image_size: int, mode: str, optimizer: str, precision: str) -> tuple[Moment, ...]:
    """Return the moments of one step in order, as `densenet.arithmetic.step.step_moments` does of a DenseNet."""
    rows = resnet_plan(name, config, image_size)
    (_, stem), *blocks, (_, (pool, classifier)) = by_part(rows).items()
    live = Liveness(config, precision, "none", training=mode == "train")
    stem_forward(live, stem)
    read = 0  # bytes of the layer's input
    for (layer, position), block in blocks:
        read = live.in_bytes(block[0]) if position == 1 else read
        _block_forward(live, block, read_held=position == 1)
        if not live.training and position == _RESNETS[name].blocks[layer - 1]:
            live.image -= read  # of the layer, held until it returns
    classify_forward(live, pool, classifier, saving=live.training)
    if live.training:
        loss(live, (classifier,))
        classify_backward(live, pool, classifier)
        for at, block in reversed(blocks):
            _block_backward(live, block, first=at == (1, 1))
        stem_backward(live, stem)
        optimizer_step(live, rows, optimizer)
    return tuple(live.moments)
