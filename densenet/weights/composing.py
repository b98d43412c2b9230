"""The card of a trained net, composed and written: `densenet.weights.cards` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from densenet.config import DenseNetConfig
from densenet.files import write_whole
from densenet.pictures.preprocessing import Preprocessing
from densenet.record import FeatureStatistics, Weights
from densenet.weights.cards import Card
from densenet.weights.findings import calibration_entry, statistics_entry


def compose_card(
    *,
    label: str,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    config: DenseNetConfig | None = None,
    accuracy: Mapping[str, object] | None = None,
    licence: str | None = None,
    for_people: Mapping[str, object] | None = None,
    activation: str = "softmax",
    operating_points: tuple[float | None, ...] = (),
    calibration: Mapping[str, object] | None = None,
    familiar: FeatureStatistics | None = None,
) -> dict[str, object]:
    """Return a card that states this.

    `accuracy` is an `accuracy_entry`, `calibration` a `calibration_entry`, `for_people` are fields that no program reads.
    """
    card: dict[str, object] = {"label": label}
    if config is not None:
        card["config"] = asdict(config)
    card |= {"classes": list(classes), "activation": activation, "preprocessing": preprocessing_entry(preprocessing), **(for_people or {})}
    if operating_points:
        card["operating_points"] = list(operating_points)
    if accuracy is not None:
        card["accuracy"] = dict(accuracy)
    if calibration is not None:
        card["calibration"] = dict(calibration)
    if licence is not None:
        card["licence"] = licence
    if familiar is not None:
        card["training_features"] = statistics_entry(familiar)
    return card


def card_of(record: Weights) -> dict[str, object]:
    """Return a card that states what is known of a net, what was assumed of it and what its visitor said among it."""
    accuracy = None
    if record.top1_accuracy is not None:
        top5 = None if record.top5_accuracy is None else record.top5_accuracy / 100
        accuracy = accuracy_entry(record.top1_accuracy / 100, top5, record.accuracy_on)
    return compose_card(
        label=record.label,
        classes=record.labels(),
        preprocessing=record.preprocessing,
        accuracy=accuracy,
        licence=record.licence,
        activation=record.activation,
        operating_points=record.operating_points,
        calibration=None if record.calibrated is None else calibration_entry(record.calibrated, record.accuracy_on),
        familiar=record.familiar,
    )


def accuracy_entry(top1: float, top5: float | None, on: str) -> dict[str, object]:
    """Return a card's accuracy: shares from 0 to 1, rounded to a millionth, and the pictures that they were found `on`, in words."""
    shares = {"top1": top1} if top5 is None else {"top1": top1, "top5": top5}
    return {**{name: round(share, 6) for name, share in shares.items()}, "on": on}


def preprocessing_entry(preprocessing: Preprocessing) -> dict[str, object]:
    """Return a card's preprocessing; how it cuts and scales is told to people too, in words."""
    side = preprocessing.crop_px
    entry: dict[str, object] = {"crop_px": side}
    if preprocessing.fit == "pad":
        entry |= {"fit": "pad", "resize": f"the long side to {side}, Lanczos, black around it"}
    elif preprocessing.fit == "stretch":
        entry |= {"fit": "stretch", "resize": f"either side to {side}, bilinear"}
    elif preprocessing.resize_px is None:
        entry |= {"resize": f"the largest centred square, fitted to {side} x {side}, Lanczos"}
    else:
        entry |= {
            "resize_px": preprocessing.resize_px,
            "resize": f"the short side to resize_px, bilinear, then the centre, {side} x {side}",
        }
    if preprocessing.invert:
        entry |= {"invert": True}
    return entry | {"scale": "0 to 1", "mean": list(preprocessing.mean), "std": list(preprocessing.std)}


def write_card(path: Path, card: Card) -> None:
    """Write a card as a JSON file, whole or not at all."""
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
