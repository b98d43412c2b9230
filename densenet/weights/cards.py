"""The card of a trained net, a JSON file, read into the record that the library works with (`densenet.weights.composing` writes one).

A card lies beside the weights under the same stem (`net.safetensors`, `net.json`) or in the header of a safetensors file. Every field
may be left out: `label`, `activation` ("softmax", "sigmoid" or "none": `densenet.record.ACTIVATIONS`), `config`, `parameters`, `sha256`,
`classes`, `preprocessing` (`crop_px`, `mean`, `std`, and `resize_px` where the short side is resized first), `accuracy` (`top1` and `top5`
from 0 to 1, `on` which images), `licence`. Others are for people, and not read. Of another program's JSON file, with none of these fields,
the names of the classes are read (`densenet.weights.class_names`), and what is not used is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from densenet.checks import checked_choice, checked_integer, checked_number, list_names
from densenet.config import IMAGE_SIZE_RANGE, DenseNetConfig
from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.record import ACTIVATIONS, Weights
from densenet.weights.class_names import ClassNames, names_in, names_of
from densenet.weights.families import Family

Card = Mapping[str, object]

MAX_CARD_BYTES = 8 * 2**20  # 100,000 classes with names of 80 letters
_CIFAR10 = Preprocessing(crop_px=32, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
_PARAMS_RANGE = (1, 10**12)
_FIELDS = {"label", "activation", "config", "parameters", "sha256", "classes", "preprocessing", "accuracy", "licence"}


def card_bytes(path: Path) -> bytes:
    """Return the file of a card as it is; ValueError where it is too large for one."""
    with path.open("rb") as file:  # never more than the limit, however large the file is
        content = file.read(MAX_CARD_BYTES + 1)
    if len(content) > MAX_CARD_BYTES:
        raise ValueError(f"its card {path.name:.120} has more than {MAX_CARD_BYTES // 2**20} MB")
    return content


def parse_card(content: str | bytes) -> dict[str, object]:
    """Return the card that JSON text holds, a list as names of classes; ValueError where it is neither a JSON object nor such a list."""
    try:
        card = json.loads(content)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise ValueError("its card is not JSON") from None
    if isinstance(card, list) and names_of(card):
        return {"classes": card}
    if not isinstance(card, dict):
        raise ValueError("its card is not a JSON object")
    return card


def _classes_elsewhere(card: Card, of_file: ClassNames | None, num_classes: int) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return names of classes from another program's JSON, or from the weights' own file, and sentences on what is not used of them."""
    foreign = card if card and not _FIELDS & set(card) else {}
    names = names_of(foreign)
    beside = ClassNames("", names) if names is not None else names_in(foreign)
    used = "" if beside is None else beside.source.partition(".")[0]
    unused = [] if names is not None else [str(key) for key in foreign if key != used]
    said = [f"Not used of the JSON beside it: {list_names(unused)}."] if unused else []
    for found, where in ((beside, "the JSON beside it"), (of_file, "the file")):
        if found is None:
            continue
        if len(found.names) == num_classes:
            return found.names, [f"The names of the classes are those of {where} ({found.source}).".replace(" ()", ""), *said]
        said.append(f"Not used: {found.source or 'the names'} in {where} are {len(found.names)}, and the net has {num_classes} classes.")
    return None, said


def config_on(card: Card) -> DenseNetConfig | None:
    """Return the config that the card states, None where it states none; ValueError for one that no net has."""
    values = card.get("config")
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ValueError("its card's config must be a JSON object")
    unknown = [key for key in values if key not in DenseNetConfig.__dataclass_fields__]
    if unknown:
        raise ValueError(f"its card's config has the unknown field {unknown[0]!r}")
    return DenseNetConfig(**values)


def _text(card: Card, field: str, otherwise: str) -> str:
    value = card.get(field, otherwise)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"its card's {field} must be text, got {value!r:.60}")
    return value


def _classes_on(card: Card, num_classes: int) -> tuple[str, ...] | None:
    names = card.get("classes")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != num_classes or not all(isinstance(name, str) and name for name in names):
        found = f"a list of {len(names)}" if isinstance(names, list) else f"{names!r:.60}"
        raise ValueError(f"its card's classes must be {num_classes} names, one for each output of the net, got {found}")
    return tuple(names)


def _numbers(values: object, field: str, count: int, low: float) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"its card's {field} must be a list of {count}, one number for each channel, got {values!r:.60}")
    return tuple(checked_number(f"its card's {field}[{i}]", value, low, 1000) for i, value in enumerate(values))


def _preprocessing_on(card: Card, config: DenseNetConfig) -> Preprocessing | None:
    said = card.get("preprocessing")
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ValueError("its card's preprocessing must be a JSON object")
    crop_px = checked_integer("its card's crop_px", said.get("crop_px"), (config.smallest_image_size, IMAGE_SIZE_RANGE[1]))
    resize_px = said.get("resize_px")
    return Preprocessing(
        crop_px=crop_px,
        mean=_numbers(said.get("mean"), "mean", config.in_channels, -1000.0),
        std=_numbers(said.get("std"), "std", config.in_channels, 1e-6),
        resize_px=None if resize_px is None else checked_integer("its card's resize_px", resize_px, (crop_px, 4 * crop_px)),
    )


def assumed_preprocessing(config: DenseNetConfig) -> tuple[Preprocessing, str]:
    """Return what such nets are usually fed, and a sentence that says so, for a file that does not say it."""
    if config.stem == "imagenet" and config.in_channels == 3:
        preprocessing, scaled = IMAGENET, "scaled as for ImageNet"
    elif config.stem == "cifar" and config.in_channels == 3:
        preprocessing, scaled = _CIFAR10, "scaled as for CIFAR-10"
    else:
        side = {("imagenet", 1): 96, ("cifar", 1): 28}.get((config.stem, config.in_channels), 32)
        preprocessing = Preprocessing(crop_px=side, mean=(0.0,) * config.in_channels, std=(1.0,) * config.in_channels)
        scaled = "grey values from 0 to 1" if config.in_channels == 1 else "values from 0 to 1"
    side = max(preprocessing.crop_px, config.smallest_image_size)
    if side > preprocessing.crop_px:
        resized = preprocessing.resize_px and side * preprocessing.resize_px // preprocessing.crop_px
        preprocessing = replace(preprocessing, crop_px=side, resize_px=resized)
    return preprocessing, f"The preprocessing is assumed: {side} x {side} pixels, {scaled}."


def _accuracy_on(card: Card) -> tuple[float | None, float | None, str]:
    """Return top-1 and top-5 in percent, and on what they were measured."""
    said = card.get("accuracy", {})
    if not isinstance(said, dict):
        raise ValueError("its card's accuracy must be a JSON object")
    percents: list[float | None] = []
    for field in ("top1", "top5"):
        share = said.get(field)
        number = None if share is None else checked_number(f"its card's accuracy {field}", share, 0, 1)
        percents.append(None if number is None else 100 * number)
    on = said.get("on", "")
    if not isinstance(on, str) or (not on and percents != [None, None]):
        raise ValueError("its card's accuracy must say in `on` what it was measured on")
    return percents[0], percents[1], on


def _activation_on(card: Card, num_classes: int, known: str | None) -> tuple[str, str]:
    """Return what the outputs mean, and a sentence where that is assumed; ValueError for what the card cannot say of so many."""
    said = card.get("activation", known)
    if said is None:
        return ("sigmoid", "") if num_classes == 1 else ("softmax", "The classes are assumed to exclude each other.")
    activation = checked_choice("its card's activation", said, ACTIVATIONS)
    if activation == "softmax" and num_classes == 1:
        raise ValueError("its card's activation must be sigmoid or none for one output, got 'softmax'")
    return activation, ""


def record_of(
    card: Card,
    config: DenseNetConfig,
    *,
    name: str,
    params: int,
    sha256: str,
    source: str,
    licence: str,
    family: Family | None = None,
    of_file: ClassNames | None = None,
) -> Weights:
    """Return the record of a net of `config`; what the card leaves open is assumed and said, what it states must fit the net.

    What is known of the net's `family` and the names `of_file`, the weights' own, count where the card says nothing. ValueError names the
    field that does not fit.
    """
    if card.get("parameters") is not None and checked_integer("its card's parameters", card["parameters"], _PARAMS_RANGE) != params:
        raise ValueError(f"its card says {card['parameters']} parameters, and the file holds {params}")
    if card.get("sha256") is not None and card["sha256"] != sha256:
        raise ValueError("its card belongs to another file, the SHA-256 differs")
    assumptions = []
    preprocessing, classes = _preprocessing_on(card, config), _classes_on(card, config.num_classes)
    known = family.preprocessing if family else None
    fits = known is not None and len(known.mean) == config.in_channels and config.smallest_image_size <= known.crop_px
    if preprocessing is None and family is not None and known is not None and fits:
        preprocessing = known
        assumptions.append(f"The preprocessing is {family.name}'s: {known.crop_px} x {known.crop_px} pixels.")
    if preprocessing is None:
        preprocessing, sentence = assumed_preprocessing(config)
        assumptions.append(sentence)
    if classes is None:
        classes, sentences = _classes_elsewhere(card, of_file, config.num_classes)
        assumptions += sentences
    if classes is None and family is not None and len(family.classes) == config.num_classes:
        classes = family.classes
        assumptions.append(f"The names of the classes are {family.name}'s.")
    if classes is None and config.num_classes == 1000:
        classes = ()
        assumptions.append("The 1000 classes are assumed to be ImageNet's.")
    elif classes is None:
        classes = tuple(f"class {i}" for i in range(config.num_classes))
        assumptions.append("The classes are numbered, their names are not known.")
    activation, sentence = _activation_on(card, config.num_classes, family.activation if family else None)
    if sentence and config.num_classes != 1000:
        assumptions.append(sentence)
    top1, top5, on = _accuracy_on(card)
    return Weights(
        name=name,
        label=_text(card, "label", name),
        config=config,
        preprocessing=preprocessing,
        params=params,
        sha256=sha256,
        licence=_text(card, "licence", licence),
        source=source,
        top1_accuracy=top1,
        top5_accuracy=top5,
        accuracy_on=on,
        classes=classes,
        assumptions=tuple(assumptions),
        activation=activation,
    )


def shipped_record(path: Path) -> Weights:
    """Return the record of a net of this project, from its card at `path`, which states everything."""
    card = parse_card(card_bytes(path))
    config = config_on(card)
    assert config is not None
    params, sha256 = cast(int, card["parameters"]), cast(str, card["sha256"])
    source = "shipped with the project"
    return record_of(card, config, name=path.stem, params=params, sha256=sha256, source=source, licence=source)
