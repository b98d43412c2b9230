"""What the two tutorials that this project grows from claim, beside what is computed and counted here.

Tutorial A builds DenseNets after torchvision and a small one for Fashion-MNIST (the preset `classroom`), and compares it with ResNet-18;
tutorial B trains the preset `compact`. Memory was read by both from a card's own display.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from densenet.arithmetic.memory import largest_batch
from densenet.arithmetic.plan import plan
from densenet.compare.peers import peer_counts
from densenet.config import Workload
from densenet.presets import PRESETS

A_IMAGE_SIZE = 96  # pixels a side, one channel, ten classes
A_WORKLOAD = Workload(image_size=A_IMAGE_SIZE, batch_size=64, mode="train")  # the batch it trains with; none stands beside its figures
A_SHOWN_MIB = {"classroom": 3161, "resnet18": 2725}
B_SHOWN_MIB = (4065, 10937)
B_SAID_LOSSES = (3.697, 3.543)  # after the first and the fourth epoch
B_WORKLOAD = Workload(image_size=224, mode="train", optimizer="momentum")


class Claim(NamedTuple):
    """One sentence of tutorial A about DenseNet's parameters, what is counted here, and whether it holds."""

    sentence: str
    counted: str
    holds: bool


def claims() -> tuple[Claim, ...]:
    """Check tutorial A's answers to "why fewer parameters than ResNet?" on its classroom net and on ResNet-18 for the same images."""
    config = PRESETS["classroom"]
    rows = [row for row in plan(config, A_IMAGE_SIZE) if row.op in ("conv", "linear")]
    convolutions, classifier = rows[:-1], rows[-1]
    resnet = peer_counts("resnet18", config, A_IMAGE_SIZE)
    params = sum(row.params for row in plan(config, A_IMAGE_SIZE))
    widest = max(max(row.in_channels, row.out_channels) for row in convolutions)
    largest = max(convolutions, key=lambda row: row.params)
    return (
        Claim("DenseNet has fewer parameters than ResNet.", f"{params:,} against {resnet.params:,}", params < resnet.params),
        Claim(
            "Both have equally many convolutions, and one classifier.",
            f"{len(convolutions)} against {resnet.convolutions} (shortcuts counted)",
            len(convolutions) == resnet.convolutions,
        ),
        Claim(
            "No convolution of the DenseNet has more than 256 channels, while ResNet has some with 512.",
            f"widest: {widest} against {resnet.widest_convolution}",
            widest <= 256 < resnet.widest_convolution,
        ),
        Claim(
            "DenseNet's classifier has 248 inputs, ResNet's 512.",
            f"{classifier.in_channels} against {resnet.classifier_inputs}",
            (classifier.in_channels, resnet.classifier_inputs) == (248, 512),
        ),
        Claim(
            "The largest single layer is the fully connected one.",
            f"classifier {classifier.params:,}, {largest.path.removeprefix('features.')} {largest.params:,}",
            classifier.params > largest.params,
        ),
    )


def batch_sizes_of_b(shown_mib: int, allowance_bytes: float, checkpointing: str = "none") -> int:
    """Return the largest batch of tutorial B's net at 224 that a display of `shown_mib` MiB allows, `allowance_bytes` being no tensors."""
    workload = replace(B_WORKLOAD, checkpointing=checkpointing)
    return largest_batch(PRESETS["compact"], workload, shown_mib * 2**20 - allowance_bytes)


def classes_guessed_among(loss: float) -> float:
    """Return the number of classes among which a uniform guess has this cross-entropy (in nats): e to the power of `loss`."""
    return math.exp(loss)
