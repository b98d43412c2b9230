"""The trained nets that the project knows; reading the list imports no torch.

The embedded nets lie beside the package, in this project's `assets` folder. Where the package stands alone they are not among them.
"""

from __future__ import annotations

from pathlib import Path

from densenet.checks import checked_choice
from densenet.pictures.preprocessing import IMAGENET
from densenet.presets import PRESETS
from densenet.published import PUBLISHED
from densenet.record import Weights
from densenet.weights.cards import shipped_record

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
_EMBEDDED = ("photos23", "cifar10")


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


def _embedded() -> dict[str, Weights]:
    return {name: shipped_record(ASSETS / f"{name}.json") for name in _EMBEDDED if (ASSETS / f"{name}.json").is_file()}


WEIGHTS: dict[str, Weights] = {
    **_embedded(),
    "densenet121": _imagenet("densenet121", "a639ec97"),
    "densenet161": _imagenet("densenet161", "8d451a50"),
    "densenet169": _imagenet("densenet169", "b2777c0a"),
    "densenet201": _imagenet("densenet201", "c1103571"),
}


DEFAULT = next(iter(WEIGHTS))  # of whoever names none: the net for photos, where it is here


def known_record(name: str) -> Weights:
    """Return the record of the weights called `name`; ValueError where there are none."""
    if name in _EMBEDDED and name not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {name!r}: the embedded net lies in {ASSETS}, and is not there")
    return WEIGHTS[checked_choice("weights", name, tuple(WEIGHTS))]
