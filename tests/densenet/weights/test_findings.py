"""What was found out about a net survives its card, and a card that states what cannot be is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from densenet.model.familiarity import distances
from densenet.record import Calibrated
from densenet.weights.findings import accuracy_on, calibrated_on, calibration_entry, points_on, statistics_entry, statistics_on
from tests.densenet.model.test_familiarity import clouds, fitted


def test_statistics_survive_a_card() -> None:
    found = fitted()
    again = statistics_on(json.loads(json.dumps(statistics_entry(found))))
    assert again == found
    features = clouds(50, 2)[0]
    assert torch.equal(distances(again, features), distances(found, features))  # type: ignore[arg-type]
    assert len(json.dumps(statistics_entry(found))) < 2000, "of twelve features"


def test_what_a_card_does_not_say_is_not_known() -> None:
    assert statistics_on(None) is None
    assert calibrated_on(None) is None
    assert accuracy_on({}) == (None, None, "")
    assert points_on(None, "softmax", 3) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": 0}, "features must be 1 to 1000000, got 0"),
        ({"features": 11}, "must hold 11 numbers for the centre"),
        ({"deviations": []}, "must have 1 to 128 deviations"),
        ({"deviations": [1.0] * 129}, "must have 1 to 128 deviations"),
        ({"deviations": [0.0]}, r"deviations\[0\] must be above 0"),
        ({"energy_slope": -1}, "energy_slope must be 0 to 1000, got -1"),
        ({"rest": float("nan")}, "rest must be above 0"),
        ({"centre": "not base64!"}, "must hold 12 numbers for the centre"),
        ({"axes": None}, "must hold 12 numbers for the centre"),
        ({"means": ""}, "and means of classes"),
        ({"means": "AAAA"}, "and means of classes"),
        ({"held_out": {}}, r"held_out\[50\] must be above 0"),
        ({"held_out": [1]}, "and held_out"),
    ],
)
def test_statistics_that_are_none_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"its card's training_features.*{words}"):
        statistics_on({**statistics_entry(fitted()), **change})


def test_statistics_that_are_no_object_are_refused() -> None:
    with pytest.raises(ValueError, match="training_features must be a JSON object"):
        statistics_on("no")


def test_a_calibration_survives_a_card() -> None:
    found = Calibrated(temperature=0.8, error=0.02, error_before=0.09)
    entry = calibration_entry(found, "ten photos")
    assert entry["on"] == "ten photos"
    assert calibrated_on(json.loads(json.dumps(entry))) == found
    for wrong in ({**entry, "temperature": 0}, {**entry, "error": 1.5}, {"temperature": 1}, 3):
        with pytest.raises(ValueError, match="its card's calibration"):
            calibrated_on(wrong)
