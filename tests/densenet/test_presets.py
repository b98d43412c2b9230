"""The nets that people know by name: each has a label and a size, and the count of its kind."""

from __future__ import annotations

import pytest
import torch
from torchvision import models

from densenet import PRESETS, DenseNetConfig, totals
from densenet.presets import PRESET_IMAGE_SIZE, PRESET_LABELS, preset_of
from densenet.published import PUBLISHED

OTHERS = {"densenet264": 33_337_704, "classroom": 757_322, "compact": 1_015_124}
GREY = ("densenet121_grey", "densenet169_grey", "densenet201_grey")


def test_every_preset_is_covered_here_and_has_a_label_and_a_size() -> None:
    assert set(PRESETS) == {*PUBLISHED, *OTHERS, *GREY, "tiny"}
    assert set(PRESET_LABELS) == set(PRESETS)
    assert set(PRESET_IMAGE_SIZE) == set(PRESETS)
    assert len(set(PRESET_LABELS.values())) == len(PRESETS)
    for name, config in PRESETS.items():
        config.check_image_size(PRESET_IMAGE_SIZE[name])


@pytest.mark.parametrize("name", GREY)
def test_the_grey_ones_are_torchvisions_with_one_channel_and_ten_classes(name: str) -> None:
    with torch.device("meta"):
        net = getattr(models, name.removesuffix("_grey"))(num_classes=10)
        net.features.conv0 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    assert totals(PRESETS[name], 96).params == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", OTHERS)
def test_other_counts(name: str) -> None:
    assert totals(PRESETS[name]).params == OTHERS[name]


def test_preset_of_finds_each_by_value() -> None:
    for name, config in PRESETS.items():
        assert preset_of(config) == name
    assert preset_of(DenseNetConfig(growth_rate=7)) is None
