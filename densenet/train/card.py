"""What is left of a training: a file of weights, and a card that says what they are and what is claimed of them.

The card's format is that of `densenet.weights.cards`, which reads, composes and writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from os import PathLike
from pathlib import Path

from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.record import FeatureStatistics
from densenet.train.evaluation import Evaluation
from densenet.train.recipe import Recipe
from densenet.weights.composing import accuracy_entry, compose_card, write_card
from densenet.weights.net_files import save_net


def claim(found: Evaluation, on: str) -> dict[str, object]:
    """Return a card's accuracy: what was found, and the pictures that it was found `on`, in words."""
    return accuracy_entry(found.accuracy, found.top5_accuracy, on)


def write_net(
    model: DenseNet,
    path: str | PathLike[str],
    *,
    label: str,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    recipe: Recipe,
    accuracy: Mapping[str, object],
    data: str,
    licence: str,
    half: bool = False,
    by_class: Mapping[str, float] | None = None,
    calibration: Mapping[str, object] | None = None,
    familiar: FeatureStatistics | None = None,
) -> Path:
    """Write a trained net with its card beside it (the same name, .json), in the form of the embedded net's; return the card's path.

    `path` ends in .pth, .pt or .safetensors; `densenet.weights.load_file` reads it. `accuracy` is a `claim`, and for people whatever else
    was found; `by_class` is the accuracy of each class, `calibration` a `calibration_entry`. `half` is `save_net`'s, for a net that
    `round_to_float16` has rounded. Errors are those of `save_net`.
    """
    path = Path(path)
    for_people: dict[str, object] = {"data": data, "recipe": recipe.as_dict(), "date": date.today().isoformat()}
    if by_class is not None:
        for_people["accuracy_by_class"] = {name: round(share, 4) for name, share in by_class.items()}
    card = compose_card(
        label=label,
        classes=classes,
        preprocessing=preprocessing,
        accuracy=accuracy,
        licence=licence,
        for_people=for_people,
        calibration=calibration,
        familiar=familiar,
    )
    save_net(model, path, card, half=half)
    return path.with_suffix(".json")


def write_checkpoint_card(
    checkpoint: str | PathLike[str], model: DenseNet, *, label: str, classes: tuple[str, ...], preprocessing: Preprocessing
) -> Path:
    """Write a card beside a checkpoint, which changes and claims nothing, so that `load_file` can use the net while it is still trained."""
    card = compose_card(label=label, config=model.config, classes=classes, preprocessing=preprocessing)
    target = Path(checkpoint).with_suffix(".json")
    write_card(target, card)
    return target
