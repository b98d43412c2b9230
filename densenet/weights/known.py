"""The trained nets that the project knows; reading the list imports no torch."""

from __future__ import annotations

from pathlib import Path

from densenet.checks import checked_choice
from densenet.pictures.preprocessing import IMAGENET
from densenet.presets import PRESETS
from densenet.published import PUBLISHED
from densenet.record import Weights
from densenet.weights.cards import shipped_record

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"


def _imagenet(name: str, digits: str) -> Weights:
    published = PUBLISHED[name]
    assert published.params is not None
    url = f"https://download.pytorch.org/models/{name}-{digits}.pth"
    return Weights(
        name=name,
        label=f"DenseNet-{name.removeprefix('densenet')}, ImageNet",
        config=PRESETS[name],
        preprocessing=IMAGENET,
        params=published.params,
        sha256=digits,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms apply to its images",
        source=url,
        top1_accuracy=published.top1_accuracy,
        top5_accuracy=published.top5_accuracy,
        accuracy_on="the 50,000 ImageNet validation images",
        url=url,
    )


WEIGHTS: dict[str, Weights] = {
    "cifar10": shipped_record(ASSETS / "cifar10.json"),
    "densenet121": _imagenet("densenet121", "a639ec97"),
    "densenet161": _imagenet("densenet161", "8d451a50"),
    "densenet169": _imagenet("densenet169", "b2777c0a"),
    "densenet201": _imagenet("densenet201", "c1103571"),
}


def _record(name: str) -> Weights:
    return WEIGHTS[checked_choice("weights", name, tuple(WEIGHTS))]
