"""What is known of trained weights: the names of their classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torchvision.models import DenseNet121_Weights

from densenet import PRESETS
from densenet.pictures.preprocessing import IMAGENET
from densenet.record import Weights

RECORD = Weights(
    name="x",
    label="X",
    config=PRESETS["densenet121"],
    preprocessing=IMAGENET,
    params=1,
    sha256="",
    licence="",
    source="",
    classes=("a", "b"),
)


def test_its_own_names_come_first_and_imagenets_where_there_are_none() -> None:
    assert RECORD.labels() == ("a", "b")
    assert list(replace(RECORD, classes=()).labels()) == DenseNet121_Weights.IMAGENET1K_V1.meta["categories"]


def test_it_claims_nothing_by_default_and_cannot_be_changed() -> None:
    assert (RECORD.top1_accuracy, RECORD.top5_accuracy, RECORD.accuracy_on, RECORD.url, RECORD.assumptions) == (None, None, "", None, ())
    with pytest.raises(AttributeError):
        RECORD.params = 2  # type: ignore[misc]
