"""The score that a map explains: a logit, or the difference of two. The net may be shared between threads."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from densenet.model.net import DenseNet


class Score(nn.Module):
    """The logit of `target`, less that of `against` where there is one: N x C x H x W -> N x 1.

    Images are cast to the net's dtype, logits to float32 at least: differences of scores are small beside the scores.
    """

    def __init__(self, model: DenseNet, target: int, against: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.target = target
        self.against = against

    def forward(self, images: Tensor) -> Tensor:
        dtype = self.model.classifier.weight.dtype
        logits = self.model(images.to(dtype)).to(torch.promote_types(dtype, torch.float32))
        score = logits[:, self.target, None]
        return score if self.against is None else score - logits[:, self.against, None]


def private_copy(model: DenseNet) -> DenseNet:
    """Copy the modules, to hold hooks, but share every parameter and buffer."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def activation_after(model: DenseNet, block: int) -> nn.Module:
    """Return the ReLU that reads all features of dense block `block`, 1 to the number of blocks.

    It is the transition's, and after the last block `relu5`. (`norm5`, the layer that is often named for Grad-CAM, is before the ReLU.)
    """
    return model.relu5 if block == len(model.config.block_config) else model.features.get_submodule(f"transition{block}.relu")
