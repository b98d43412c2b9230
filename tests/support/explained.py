"""What the tests of attribution share: nets of every kind, photos, and everything that a careless method would leave changed."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from densenet import PRESETS, DenseNetConfig
from densenet.model.net import DenseNet

TINY = PRESETS["tiny"]
CONFIGS = {
    "tiny": TINY,
    "no bottleneck": replace(TINY, bn_size=0),
    "one channel": replace(TINY, in_channels=1),
    "imagenet stem": replace(TINY, stem="imagenet"),
    "dropout": replace(TINY, drop_rate=0.5),
}
THREE_BLOCKS = replace(TINY, block_config=(2, 1, 2))


def photo(config: DenseNetConfig = TINY, height: int = 20, width: int = 14, seed: int = 7) -> Tensor:
    return torch.randn(1, config.in_channels, height, width, generator=torch.Generator().manual_seed(seed))


def logit(model: DenseNet, x: Tensor, target: int) -> float:
    with torch.no_grad():
        return model(x)[0, target].item()


def gradient(model: DenseNet, x: Tensor, target: int) -> Tensor:
    """The plain gradient of a logit by one image."""
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(model(leaf)[0, target], leaf)[0]


def state_of(model: DenseNet) -> list[object]:
    tensors = [*model.parameters(), *model.buffers()]
    state: list[object] = [(id(t), t._version, t.clone().flatten().tolist(), t.requires_grad, t.grad is None) for t in tensors]
    state += [(bool(t._backward_hooks), bool(getattr(t, "_post_accumulate_grad_hooks", None))) for t in tensors]
    for name, module in model.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        state.append((name, id(module), module.training, sorted(vars(module)), [list(h) for h in hooks]))
    return state
