"""What is left of a training: a file of weights, and a card that says what they are and what is claimed of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from densenet.model import DenseNet
from densenet.preprocessing import Preprocessing
from densenet.train.checkpoint import write_whole
from densenet.train.recipe import Recipe


def halved(model: DenseNet) -> DenseNet:
    """Round `model`'s convolutions and classifier to float16 in place, still float32 in memory; norms keep every digit.

    Evaluate it after this: the card's accuracy is to be that of the file.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.half())
    return model


def write_net(
    model: DenseNet,
    path: str | PathLike[str],
    *,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    recipe: Recipe,
    accuracy: Mapping[str, float],
    data: str,
    licence: str,
    half: bool = False,
) -> Path:
    """Write `path`, a state_dict, and the card beside it (the same name, .json), in the form of the embedded net's; return the card's path.

    `accuracy` (0 to 1) by what it was measured on: held_out_2000, test_10000. `half` stores what `halved` rounded in two bytes each. Both
    files are written whole or not at all, the weights first. OSError if that fails.
    """
    path = Path(path)
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    if half:
        state = {key: _short(value) for key, value in state.items()}
    write_whole(path, lambda file: torch.save(state, file))
    card = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "config": asdict(model.config),
        "parameters": sum(p.numel() for p in model.parameters()),
        "classes": list(classes),
        "preprocessing": {
            "crop_px": preprocessing.crop_px,
            "resize": f"the largest centred square, fitted to {preprocessing.crop_px} x {preprocessing.crop_px}, Lanczos",
            "scale": "0 to 1",
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
        },
        "data": data,
        "recipe": recipe.as_dict(),
        "accuracy": dict(accuracy),
        "date": date.today().isoformat(),
        "licence": licence,
    }
    target = path.with_suffix(".json")
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_whole(target, lambda file: file.write(text.encode()))
    return target


def _short(value: Tensor) -> Tensor:
    return value.half() if value.ndim > 1 and value.is_floating_point() else value
