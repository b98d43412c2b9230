"""The card of a step: who reads whom, the operations with their numbers, and steps that are not there."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest

from densenet import PRESETS, Workload
from densenet.arithmetic.costs import steps
from densenet.arithmetic.receptive import receptive_fields
from explorer.components.formatting import exact, side
from explorer.page import layer_card

CONFIG = PRESETS["densenet121"]
LARGE = Workload(image_size=224)


def text(at: int) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", layer_card.card(CONFIG, 224, at))))


def test_who_reads_whom() -> None:
    assert "Reads the image: 3 channels. Read by layers 1 to 6 of block 1, transition 1." in text(0)
    assert "Reads stem: 64 channels. Read by layers 2 to 6 of block 1, transition 1." in text(1)
    assert "Reads stem, layer 1 of block 1: 96 channels, concatenated." in text(2)
    assert "Reads stem, layers 1 to 5 of block 1: 224 channels, concatenated. Read by transition 1." in text(6)
    assert "Reads stem, layers 1 to 6 of block 1: 256 channels, concatenated. Read by layers 1 to 12 of block 2, transition 2." in text(7)
    assert "Reads transition 3, layers 1 to 16 of block 4: 1024 channels, concatenated. Its outputs are the net's." in text(62)


def test_every_operation_with_its_numbers() -> None:
    fields = receptive_fields(CONFIG)
    for at, step in enumerate(steps(CONFIG)):
        html = layer_card.card(CONFIG, 224, at)
        rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", html)]
        assert [row[0] for row in rows] == [row.path.rpartition(".")[2] for row in step.rows]
        for shown, row in zip(rows, step.rows, strict=True):
            assert shown[2:] == [
                f"{row.in_channels} × {row.in_size}²",
                f"{row.out_channels} × {row.out_size}²",
                exact(4 * row.out_channels * row.out_size**2),
                side(fields[row.path].size),
            ]
            assert shown[1].startswith(f"{row.kernel} × {row.kernel}" if row.kernel else "")
        assert f"{exact(step.params)} parameters" in html
        assert f"{exact(step.macs)} MACs" in html


def test_the_first_and_the_last_have_no_neighbour_beyond() -> None:
    first, last = layer_card.card(CONFIG, 224, 0), layer_card.card(CONFIG, 224, 62)
    assert re.search(r'class="card-back"[^>]*disabled', first)
    assert not re.search(r'class="card-on"[^>]*disabled', first)
    assert re.search(r'class="card-on"[^>]*disabled', last)


@pytest.mark.parametrize("at", [-1, 63, 10**9])
def test_a_step_that_is_not_there_has_no_card(at: int) -> None:
    assert layer_card.card(CONFIG, 224, at) == ""


@pytest.mark.parametrize("step", [None, "3", 2.0, True, [1], {}])
def test_what_is_no_step_lets_the_card_go(step: Any) -> None:
    event: Any = SimpleNamespace(step=step)
    assert layer_card.keep(CONFIG, LARGE, event) == (None, "")


def test_a_kept_step_follows_the_net() -> None:
    event: Any = SimpleNamespace(step=5)
    kept, html = layer_card.keep(CONFIG, LARGE, event)
    assert kept == 5
    assert html == layer_card.card(CONFIG, 224, 5)
    assert layer_card.follow(5, PRESETS["tiny"], Workload(image_size=32)) == layer_card.card(PRESETS["tiny"], 32, 5)
    assert layer_card.follow(60, PRESETS["tiny"], Workload(image_size=32)) == "", "the smaller net has no such step"
