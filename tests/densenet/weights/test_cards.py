"""Cards: what they state is read and checked against the net, what they leave open is assumed and said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from densenet import PRESETS, DenseNetConfig, totals
from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.record import Weights
from densenet.weights.cards import MAX_CARD_BYTES, card_bytes, config_on, parse_card, record_of
from densenet.weights.known import ASSETS, WEIGHTS

TINY = PRESETS["tiny"]
GREY = replace(TINY, in_channels=1)
USUAL_CIFAR10 = Preprocessing(32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))  # the published images' own, as most people scale
CARD: dict[str, object] = {
    "label": "My net",
    "config": {"growth_rate": 4, "block_config": [2, 2], "num_init_features": 8, "num_classes": 10, "stem": "cifar"},
    "parameters": 3_730,
    "sha256": "ab" * 32,
    "classes": [f"thing {i}" for i in range(10)],
    "activation": "sigmoid",
    "preprocessing": {"crop_px": 40, "resize_px": 48, "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "scale": "0 to 1"},
    "accuracy": {"top1": 0.5, "top5": 0.9, "on": "my photos", "held_out": 0.4},
    "licence": "CC0",
    "recipe": "by hand",
}


def record(card: dict[str, object], config: DenseNetConfig = TINY) -> Weights:
    return record_of(card, config, name="net", params=totals(config, 32).params, sha256="ab" * 32, source="somewhere", licence="unknown")


def test_everything_that_a_card_states() -> None:
    assert totals(TINY, 32).params == CARD["parameters"]
    assert config_on(CARD) == TINY
    assert record(CARD) == Weights(
        name="net",
        label="My net",
        config=TINY,
        preprocessing=Preprocessing(crop_px=40, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), resize_px=48),
        params=3_730,
        sha256="ab" * 32,
        licence="CC0",
        source="somewhere",
        top1_accuracy=50.0,
        top5_accuracy=90.0,
        accuracy_on="my photos",
        classes=tuple(f"thing {i}" for i in range(10)),
        activation="sigmoid",
    )


def test_an_empty_card_is_all_assumptions() -> None:
    found = record({})
    assert (found.label, found.licence, found.classes[3]) == ("net", "unknown", "class 3")
    assert (found.top1_accuracy, found.top5_accuracy, found.accuracy_on) == (None, None, "")
    assert found.preprocessing == USUAL_CIFAR10
    assert found.assumptions == (
        "The preprocessing is assumed: 32 x 32 pixels, scaled as for CIFAR-10.",
        "The classes are numbered, their names are not known.",
        "The classes are assumed to exclude each other.",
    )
    assert found.activation == "softmax"
    assert config_on({}) is None


def test_a_thousand_classes_are_imagenets() -> None:
    found = record({}, replace(TINY, num_classes=1000, stem="imagenet"))
    assert found.labels()[:2] == ("tench", "goldfish")
    assert found.preprocessing == IMAGENET
    assert found.assumptions[1] == "The 1000 classes are assumed to be ImageNet's."
    named = record({"classes": [str(i) for i in range(1000)]}, replace(TINY, num_classes=1000))
    assert named.labels()[999] == "999"
    assert len(named.assumptions) == 1


def test_the_shipped_card_has_only_what_is_read_or_for_people() -> None:
    card = json.loads((ASSETS / "cifar10.json").read_text(encoding="utf-8"))
    assert set(card) - set(CARD) == {"file", "data", "date", "accuracy_by_class", "calibration", "training_features"}
    assert card["accuracy"]["top1"] * 100 == WEIGHTS["cifar10"].top1_accuracy


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("parameters", 3_731, "its card says 3731 parameters, and the file holds 3730"),
        ("parameters", "many", "its card's parameters must be 1 to 1000000000000, got 'many', which is not an integer"),
        ("sha256", "00" * 32, "its card belongs to another file, the SHA-256 differs"),
        ("sha256", 7, "its card belongs to another file, the SHA-256 differs"),
        ("classes", ["a"] * 9, "its card's classes must be 10 names, one for each output of the net, got a list of 9"),
        ("classes", "abcdefghij", "its card's classes must be 10 names, one for each output of the net, got 'abcdefghij'"),
        ("classes", list(range(10)), "its card's classes must be 10 names, one for each output of the net, got a list of 10"),
        ("classes", [""] * 10, "its card's classes must be 10 names, one for each output of the net, got a list of 10"),
        ("preprocessing", [], "its card's preprocessing must be a JSON object"),
        ("preprocessing", {}, "its card's crop_px must be 2 to 4096, got None, which is not an integer"),
        ("preprocessing.crop_px", 1, "its card's crop_px must be 2 to 4096, got 1"),
        ("preprocessing.crop_px", 5000, "its card's crop_px must be 2 to 4096, got 5000"),
        ("preprocessing.resize_px", 39, "its card's resize_px must be 40 to 160, got 39"),
        ("preprocessing.resize_px", 10**9, "its card's resize_px must be 40 to 160, got 1000000000"),
        ("preprocessing.mean", [0.5], "its card's mean must be a list of 3, one number for each channel, got [0.5]"),
        ("preprocessing.mean", None, "its card's mean must be a list of 3, one number for each channel, got None"),
        ("preprocessing.mean", [0.5, "a", 0], "its card's mean[1] must be -1000 to 1000, got 'a', which is not a number"),
        ("preprocessing.mean", [0.5, float("nan"), 0], "its card's mean[1] must be -1000 to 1000, got nan"),
        ("preprocessing.std", [1, 0, 1], "its card's std[1] must be 1e-06 to 1000, got 0"),
        ("accuracy", 0.9, "its card's accuracy must be a JSON object"),
        ("accuracy.top1", 1.5, "its card's accuracy top1 must be 0 to 1, got 1.5"),
        ("accuracy.top5", "high", "its card's accuracy top5 must be 0 to 1, got 'high', which is not a number"),
        ("accuracy.on", "", "its card's accuracy must say in `on` what it was measured on"),
        ("accuracy.on", 3, "its card's accuracy must say in `on` what it was measured on"),
        ("label", 5, "its card's label must be text, got 5"),
        ("licence", " ", "its card's licence must be text, got ' '"),
        ("config", [], "its card's config must be a JSON object"),
        ("config", {"depth": 3}, "its card's config has the unknown field 'depth'"),
        ("config", {"growth_rate": 0}, "growth_rate must be 1 to 512, got 0"),
        ("config", {"block_config": 3}, "block_config must be 1 to 8 blocks of 1 to 256 layers, got 3"),
    ],
)
def test_a_bad_field_is_named(field: str, value: object, sentence: str) -> None:
    card = json.loads(json.dumps(CARD))
    outer, _, inner = field.partition(".")
    if inner:
        card[outer][inner] = value
    else:
        card[outer] = value
    with pytest.raises(ValueError, match=r"\w") as caught:
        record(card, config_on(card) or TINY)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 10**6, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"3", "JSON o"),
    ],
    ids=lambda value: repr(value[:10]),
)
def test_what_is_no_card(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^its card is {reason}" if reason.startswith("not") else reason):
        parse_card(content)


def test_a_card_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    with path.open("wb") as file:
        file.truncate(MAX_CARD_BYTES + 1)
    with pytest.raises(ValueError, match=r"^its card net\.json has more than 8 MB$"):
        card_bytes(path)
    path.write_bytes(b"{}")
    assert parse_card(card_bytes(path)) == {}
