"""One palette: charts, sliders and style sheets have the same colours, and each of them stands in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import explorer
from explorer.components import colours, theme
from explorer.components.theme import BLOCK_COLOURS, GHOST, NEUTRAL, block_colour, translucent

APP = Path(explorer.__file__).parent
STYLE_SHEETS = sorted(APP.rglob("*.css"))
PALETTE = (*BLOCK_COLOURS, NEUTRAL, GHOST)


def test_a_slider_has_the_colour_of_its_bars() -> None:
    rules = theme.css_variables()
    variables = dict(re.findall(r"--([\w-]+): (#\w{6});", rules))
    assert variables == {**{f"block-{i}": c for i, c in enumerate(BLOCK_COLOURS, start=1)}, "neutral": NEUTRAL, "ghost": GHOST}
    for block in range(1, 9):
        assert block_colour(block, 8) == variables[f"block-{block}"]
        assert f".block-{block} {{ --slider-color: var(--block-{block}); }}" in rules
    assert [block_colour(block, 3) for block in (0, 3, 4)] == [NEUTRAL, BLOCK_COLOURS[2], NEUTRAL]


def test_no_two_colours_of_the_palette_are_alike() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == 10


@pytest.mark.parametrize("path", STYLE_SHEETS, ids=lambda path: path.name)
def test_style_sheets_take_the_palette_from_variables(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    for colour in PALETTE:
        assert colour.lower() not in text
        assert ",".join(map(str, colours.rgb(colour))) not in text.replace(" ", "")
    defined = set(re.findall(r"--([\w-]+):", theme.css_variables() + colours.css_variables()))
    used = set(re.findall(r"var\(--((?:block-\d|neutral|ghost|map-\w+)\b)\)", text))
    assert used <= defined


def test_translucent_keeps_the_colour() -> None:
    assert translucent("#0072B2", 0.38) == "rgba(0,114,178,0.38)"
