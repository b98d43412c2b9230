"""Cards composed and written: what is read back is what was said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.weights.cards import card_bytes, config_on, parse_card
from densenet.weights.composing import accuracy_entry, card_of, compose_card, write_card
from densenet.weights.known import WEIGHTS
from tests.densenet.weights.test_cards import TINY, record


@pytest.mark.parametrize("resize_px", [None, 48])
@pytest.mark.parametrize("top5", [None, 0.9])
def test_what_is_composed_and_written_is_read_back(resize_px: int | None, top5: float | None, tmp_path: Path) -> None:
    classes = tuple(f"chose n° {i}" for i in range(10))
    preprocessing = Preprocessing(crop_px=40, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), resize_px=resize_px)
    card = compose_card(
        label="Mon réseau",
        classes=classes,
        preprocessing=preprocessing,
        config=TINY,
        accuracy=accuracy_entry(0.25, top5, "my photos"),
        licence="CC0",
        for_people={"recipe": "by hand"},
    )
    write_card(tmp_path / "net.json", card)
    again = parse_card(card_bytes(tmp_path / "net.json"))
    assert config_on(again) == TINY
    assert again["recipe"] == "by hand"
    found = record(dict(again))
    assert (found.label, found.licence, found.classes, found.preprocessing) == ("Mon réseau", "CC0", classes, preprocessing)
    assert (found.top1_accuracy, found.top5_accuracy) == (25.0, None if top5 is None else 90.0)
    assert found.accuracy_on == "my photos"
    assert found.assumptions == (), "such a card leaves nothing open"


def test_what_is_not_known_is_not_on_the_card() -> None:
    card = compose_card(label="Mine", classes=("a", "b"), preprocessing=IMAGENET)
    assert list(card) == ["label", "classes", "activation", "preprocessing"]
    assert card["activation"] == "softmax", "as this project trains"
    assert card["classes"] == ["a", "b"]


def test_shares_are_rounded_to_a_millionth() -> None:
    assert accuracy_entry(1 / 3, 2 / 3, "all") == {"top1": 0.333333, "top5": 0.666667, "on": "all"}


def test_a_card_of_a_record_leaves_nothing_open() -> None:
    for name in ("cifar10", "densenet121"):
        known = WEIGHTS[name]
        again = record(dict(parse_card(json.dumps(card_of(known)))), known.config)
        assert again.assumptions == ()
        for field in ("label", "preprocessing", "licence", "top1_accuracy", "top5_accuracy", "accuracy_on", "activation"):
            assert getattr(again, field) == pytest.approx(getattr(known, field)), field
        assert again.labels() == known.labels()
