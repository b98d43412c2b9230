"""Parts of a net that a training leaves as they are: no gradients, and norms that keep the statistics which they came with."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from densenet.model.net import DenseNet


def frozen_parts(model: DenseNet, frozen: str) -> Iterator[nn.Module]:
    """Yield the children of `model.features` that `frozen` (`Workload.frozen`) names, in order; ValueError for blocks that it has not."""
    last = model.config.last_frozen(frozen)
    block = 0
    for name, part in model.features.named_children():
        if name.startswith("denseblock"):
            block = int(name.removeprefix("denseblock"))
        elif name == "norm5":
            block = len(model.config.block_config) + 1
        if block <= last:
            yield part


def freeze(model: DenseNet, frozen: str) -> None:
    """Let nothing that `frozen` names be trained; `hold` has to follow each `model.train()`."""
    for part in frozen_parts(model, frozen):
        part.requires_grad_(False)


def hold(model: DenseNet, frozen: str) -> None:
    """Put what is frozen into eval mode: BatchNorm then uses the statistics that it has, and changes none, and nothing is dropped."""
    for part in frozen_parts(model, frozen):
        part.eval()
