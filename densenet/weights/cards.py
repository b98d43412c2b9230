"""The card of a trained net, a JSON file, read into the record that the library works with (`densenet.weights.composing` writes one).

A card lies beside the weights under the same stem (`net.safetensors`, `net.json`) or in the header of a safetensors file. Every field
may be left out: `label`, `activation` ("softmax", "sigmoid" or "none": `densenet.record.ACTIVATIONS`), `config`, `parameters`, `sha256`,
`classes`, `preprocessing` (`crop_px`, `mean`, `std`; `resize_px` where the short side is resized first, `fit` and `invert`:
`densenet.pictures.preprocessing`), `operating_points` (of independent labels, the probability at which each is decided, null for one that
was never trained), `accuracy` (`top1` and `top5` from 0 to 1, `on` which images), `calibration` and `training_features`
(`densenet.weights.findings`), `licence`. Others are for people, and not read. Of another program's JSON file, with none of these fields,
the names of the classes are read (`densenet.weights.class_names`), and what is not used is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from densenet.checks import checked_choice, checked_integer, list_names
from densenet.config import DenseNetConfig
from densenet.record import ACTIVATIONS, Weights
from densenet.weights.class_names import ClassNames, names_in, names_of
from densenet.weights.families import Family
from densenet.weights.findings import accuracy_on, calibrated_on, points_on, statistics_on
from densenet.weights.scaling import TIMMS_FIELDS, assumed_preprocessing, preprocessing_of_timm, preprocessing_on

Card = Mapping[str, object]

MAX_CARD_BYTES = 8 * 2**20  # 100,000 classes with names of 80 letters
_PARAMS_RANGE = (1, 10**12)
_FIELDS = {
    *("label", "activation", "config", "parameters", "sha256", "classes", "preprocessing", "accuracy", "licence", "operating_points"),
    *("calibration", "training_features"),
}


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


def _foreign(card: Card) -> Card:
    """Return a card that has none of our fields, another program's JSON, and nothing for one of ours."""
    return {} if _FIELDS & set(card) else card


def _classes_elsewhere(
    foreign: Card, of_file: ClassNames | None, num_classes: int, also_used: tuple[str, ...] = ()
) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return names of classes from another program's JSON, or from the weights' own file, and sentences on what is not used of them."""
    names = names_of(foreign)
    beside = ClassNames("", names) if names is not None else names_in(foreign)
    used = "" if beside is None else beside.source.partition(".")[0]
    unused = [] if names is not None else [str(key) for key in foreign if key not in (used, *also_used)]
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
    said: Card | None = None,
    points: list[float | None] | None = None,
) -> Weights:
    """Return the record of a net of `config`; what the card leaves open is assumed and said, what it states must fit the net.

    Fields of `said` count more than the card's. What is known of the net's `family`, and the names `of_file` and operating `points`, the
    weights' own, count where neither says anything. ValueError names the field that does not fit.
    """
    foreign = _foreign(card)
    card = {**({} if foreign else card), **(said or {})}
    if card.get("parameters") is not None and checked_integer("its card's parameters", card["parameters"], _PARAMS_RANGE) != params:
        raise ValueError(f"its card says {card['parameters']} parameters, and the file holds {params}")
    if card.get("sha256") is not None and card["sha256"] != sha256:
        raise ValueError("its card belongs to another file, the SHA-256 differs")
    assumptions = []
    preprocessing, classes = preprocessing_on(card.get("preprocessing"), config), _classes_on(card, config.num_classes)
    known = family.preprocessing if family else None
    fits = known is not None and len(known.mean) == config.in_channels and config.smallest_image_size <= known.crop_px
    of_timm = preprocessing_of_timm(foreign, config) if preprocessing is None else None
    if of_timm is not None:
        preprocessing = of_timm
        assumptions.append(f"The preprocessing is that of the JSON beside it: {of_timm.crop_px} x {of_timm.crop_px} pixels.")
    if preprocessing is None and family is not None and known is not None and fits:
        preprocessing = known
        assumptions.append(f"The preprocessing is {family.name}'s: {known.crop_px} x {known.crop_px} pixels.")
    if preprocessing is None:
        preprocessing, sentence = assumed_preprocessing(config)
        assumptions.append(sentence)
    if classes is None:
        classes, sentences = _classes_elsewhere(foreign, of_file, config.num_classes, TIMMS_FIELDS if of_timm is not None else ())
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
    operating = points_on(card.get("operating_points"), activation, config.num_classes)
    if not operating and points is not None and activation == "sigmoid" and len(points) == config.num_classes:
        operating = tuple(points)
        assumptions.append("Its op_threshs are the operating points: shown so that 50 % decides.")
    top1, top5, on = accuracy_on(card.get("accuracy", {}))
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
        operating_points=operating,
        calibrated=calibrated_on(card.get("calibration")),
        familiar=statistics_on(card.get("training_features")),
    )


def shipped_record(path: Path) -> Weights:
    """Return the record of a net of this project, from its card at `path`, which states everything."""
    card = parse_card(card_bytes(path))
    config = config_on(card)
    assert config is not None
    params, sha256 = cast(int, card["parameters"]), cast(str, card["sha256"])
    source = "shipped with the project"
    return record_of(card, config, name=path.stem, params=params, sha256=sha256, source=source, licence=source)
