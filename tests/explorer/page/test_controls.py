"""From the sidebar's values to a page and back."""

from __future__ import annotations

from typing import Any

import pytest

from densenet import PRESETS
from explorer.page import controls
from explorer.page.address import from_query
from explorer.page.page_state import PageState, preset_state


def values_of(state: PageState, count: int | None = None) -> list[Any]:
    """What the browser sends for `state`: floats where it likes."""
    updates = controls.shown(state)[: 16 + controls.MOST_BLOCKS]
    values = [u["value"] if isinstance(u, dict) else u for u in updates]
    return values if count is None else [*values[:-1], count]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_the_sidebar(name: str) -> None:
    state = preset_state(name)
    assert controls.read(tuple(values_of(state))) == state


def test_floats_from_browsers_are_whole_numbers() -> None:
    state = preset_state("densenet121")
    as_floats = [float(v) if isinstance(v, int) else v for v in values_of(state)]
    assert controls.read(tuple(as_floats)) == state


@pytest.mark.parametrize(
    ("index", "bad"), [(1, 0), (1, 2.5), (1, None), (1, float("nan")), (1, "32"), (0, "nonsense"), (-1, 9), (-1, None)]
)
def test_bad_values_are_refused(index: int, bad: Any) -> None:
    values = values_of(preset_state("densenet121"))
    values[index] = bad
    with pytest.raises(ValueError, match="got"):
        controls.read(tuple(values))


def test_blocks_are_added_and_removed() -> None:
    layers = [6, 12, 24, 16, 1, 1, 1, 1]
    count, *sliders, add, remove = controls.one_block_more(4, *layers)
    assert count == 5
    assert [s["visible"] for s in sliders] == [True] * 5 + [False] * 3
    assert sliders[4]["value"] == 16
    assert add["interactive"]
    assert remove["interactive"]
    count, *sliders, add, remove = controls.one_block_less(1, *layers)
    assert count == 1
    assert not remove["interactive"]
    count, *_, add, _ = controls.one_block_more(7, *layers)
    assert count == 8
    assert not add["interactive"]


def test_sliders_open_for_values_beyond_their_comfortable_ends() -> None:
    state, problems = from_query({"k": "300"})
    assert not problems
    assert controls.shown(state)[1]["maximum"] == 512
    assert controls.shown(preset_state("densenet121"))[1]["maximum"] == 64
    assert controls.with_wide(True, *values_of(preset_state("densenet121")))[1]["maximum"] == 512
