"""The table of families: each is told by names that no other has together."""

from __future__ import annotations

from densenet.weights.families import FAMILIES, TORCHVISION


def test_families_are_told_apart() -> None:
    for family in FAMILIES:
        for other in FAMILIES:
            assert family is other or not other.told_by <= family.told_by
    assert TORCHVISION.name == "torchvision"
