"""The card of a trained net, composed and written: `densenet.weights.cards` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from densenet.config import DenseNetConfig
from densenet.files import write_whole
from densenet.pictures.preprocessing import Preprocessing
from densenet.weights.cards import Card


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
) -> dict[str, object]:
    """Return a card that states this; `accuracy` is an `accuracy_entry`, `for_people` are fields that no program reads."""
    card: dict[str, object] = {"label": label}
    if config is not None:
        card["config"] = asdict(config)
    card |= {"classes": list(classes), "activation": activation, "preprocessing": preprocessing_entry(preprocessing), **(for_people or {})}
    if accuracy is not None:
        card["accuracy"] = dict(accuracy)
    if licence is not None:
        card["licence"] = licence
    return card


def accuracy_entry(top1: float, top5: float | None, on: str) -> dict[str, object]:
    """Return a card's accuracy: shares from 0 to 1, rounded to a millionth, and the pictures that they were found `on`, in words."""
    shares = {"top1": top1} if top5 is None else {"top1": top1, "top5": top5}
    return {**{name: round(share, 6) for name, share in shares.items()}, "on": on}


def preprocessing_entry(preprocessing: Preprocessing) -> dict[str, object]:
    """Return a card's preprocessing; how it cuts and scales is told to people too, in words."""
    side = preprocessing.crop_px
    if preprocessing.resize_px is None:
        cut: dict[str, object] = {"resize": f"the largest centred square, fitted to {side} x {side}, Lanczos"}
    else:
        cut = {"resize_px": preprocessing.resize_px, "resize": f"the short side to resize_px, bilinear, then the centre, {side} x {side}"}
    return {"crop_px": side, **cut, "scale": "0 to 1", "mean": list(preprocessing.mean), "std": list(preprocessing.std)}


def write_card(path: Path, card: Card) -> None:
    """Write a card as a JSON file, whole or not at all."""
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
