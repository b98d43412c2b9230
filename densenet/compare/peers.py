"""The nets that a DenseNet is compared with: torchvision's ResNets, and the same net without concatenation.

All of them get the input channels and the classes of the DenseNet they stand beside. torch is imported when one is built.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from densenet.arithmetic.chain import chain_moments
from densenet.arithmetic.memory import MemoryEstimate, estimate_step
from densenet.arithmetic.plan import Layer, chain_plan
from densenet.arithmetic.residual import resnet_moments, resnet_plan
from densenet.checks import checked_choice
from densenet.config import DenseNetConfig, Workload, transition_channels

if TYPE_CHECKING:
    from torch import nn

PEERS: dict[str, str] = {  # name -> label
    "chain": "no concatenation",
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
}


class Counts(NamedTuple):
    """What a module costs for one image, as torchinfo and torch's FlopCounterMode count it."""

    params: int
    macs: int  # half of FlopCounterMode's count
    convolutions: int
    widest_convolution: int  # channels, in or out
    classifier_inputs: int
    activation_bytes: int  # of the leaf modules' outputs, in float32: an upper bound of what a forward pass keeps


def chain_of(config: DenseNetConfig) -> nn.Module:
    """Build `config` without concatenation: each layer sees only the one before it, k channels wide, and adds nothing to it.

    Stem, layers, transitions and classifier are the DenseNet's own, under the same names; a block's first layer reads the block's input.
    """
    from torch import nn

    from densenet.model.net import DenseLayer, Transition, stem_of

    features = stem_of(config)
    channels = config.num_init_features
    for i, num_layers in enumerate(config.block_config, start=1):
        widths = [channels] + [config.growth_rate] * (num_layers - 1)
        layers = {f"denselayer{j}": DenseLayer(width, config) for j, width in enumerate(widths, start=1)}
        features[f"denseblock{i}"] = nn.Sequential(OrderedDict(layers))
        channels = config.growth_rate
        if i < len(config.block_config):
            kept = transition_channels(channels, config.compression)
            features[f"transition{i}"] = Transition(channels, kept, "none")
            channels = kept
    features["norm5"] = nn.BatchNorm2d(channels)
    head = {"relu5": nn.ReLU(), "pool5": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    return nn.Sequential(
        OrderedDict(features=nn.Sequential(features), **head, classifier=nn.Linear(channels, config.num_classes)),
    )


def _resnet(name: str, config: DenseNetConfig) -> nn.Module:
    """Build torchvision's ResNet as it comes (its ReLUs work in place), with another first convolution where channels ask for it."""
    import torchvision
    from torch import nn

    model: nn.Module = getattr(torchvision.models, name)(num_classes=config.num_classes)
    if config.in_channels != 3:
        model.conv1 = nn.Conv2d(config.in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return model


def build_peer(name: str, config: DenseNetConfig) -> nn.Module:
    """Build one of `PEERS` for the input channels and the classes of `config`; ValueError for another name."""
    checked_choice("peer", name, tuple(PEERS))
    return chain_of(config) if name == "chain" else _resnet(name, config)


def peer_plan(name: str, config: DenseNetConfig, image_size: int) -> tuple[Layer, ...]:
    """Return a row per operation of one of `PEERS` on a square image, as `densenet.arithmetic.plan.plan` does; what it raises, and
    ValueError for another name.
    """
    checked_choice("peer", name, tuple(PEERS))
    size = config.check_image_size(image_size)
    return chain_plan(config, size) if name == "chain" else resnet_plan(name, config, size)


def estimate_peer_memory(name: str, config: DenseNetConfig, workload: Workload) -> MemoryEstimate:
    """Estimate the memory of one step of one of `PEERS`, as `densenet.estimate_memory` does of the DenseNet it stands beside.

    It is trained whole and keeps what it needs: the workload's checkpointing and what it freezes play no part.
    """
    rows = peer_plan(name, config, workload.image_size)
    optimizer = workload.optimizer if workload.mode == "train" else "sgd"
    how = (workload.image_size, workload.mode, optimizer, workload.precision)
    moments = chain_moments(config, *how) if name == "chain" else resnet_moments(name, config, *how)
    return estimate_step(rows, moments, config.in_channels, workload)


def count(model: nn.Module, in_channels: int, image_size: int) -> Counts:
    """Count a classifier that is built on the meta device, where nothing is allocated and nothing is computed."""
    import torch
    import torchinfo
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.empty(1, in_channels, image_size, image_size, device="meta")
    model.eval()
    summary = torchinfo.summary(model, input_data=x, device="meta", verbose=0, mode="eval")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return Counts(
        params=summary.total_params,
        macs=counter.get_total_flops() // 2,
        convolutions=len(convolutions),
        widest_convolution=max(max(c.in_channels, c.out_channels) for c in convolutions),
        classifier_inputs=[module.in_features for module in model.modules() if isinstance(module, nn.Linear)][-1],
        activation_bytes=summary.total_output_bytes,
    )


@lru_cache(maxsize=64)
def peer_counts(name: str, config: DenseNetConfig, image_size: int) -> Counts:
    """Count one of `PEERS` on a square image; ValueError for another name or for an image smaller than the DenseNet of `config` takes."""
    import torch

    config.check_image_size(image_size)
    with torch.device("meta"):
        model = build_peer(name, config)
    return count(model, config.in_channels, image_size)
