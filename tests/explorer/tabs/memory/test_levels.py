"""Words beside lines: as near as they can be, never over each other, and no line through them."""

from __future__ import annotations

import itertools
from math import log10
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from explorer.tabs.memory.levels import LINE_PX, levels, spread

DECADES = (-0.2, 2.4)
CARDS = st.lists(st.floats(0.05, 5000), min_size=1, max_size=8)


@given(st.lists(st.floats(-40, 200), min_size=1, max_size=8))
def test_places_keep_their_gap_and_their_order(wanted: list[float]) -> None:
    places = spread(sorted(wanted), 17, 8, 144)
    assert all(later - earlier >= 17 - 1e-9 for earlier, later in itertools.pairwise(places))
    assert places[0] >= 8 - 1e-9
    assert places[-1] <= 144 + 1e-9


@given(st.lists(st.floats(0, 150), min_size=2, max_size=6))
def test_places_move_as_little_as_can_be(wanted: list[float]) -> None:
    """Beside scipy's minimum under the same constraints."""
    wanted = sorted(wanted)
    gaps = [{"type": "ineq", "fun": lambda p, i=i: p[i + 1] - p[i] - 17} for i in range(len(wanted) - 1)]
    start = 8 + 17.0 * np.arange(len(wanted))
    best = minimize(lambda p: np.sum((p - wanted) ** 2), start, bounds=[(8, 144)] * len(wanted), constraints=gaps, method="SLSQP")
    assert best.success
    assert np.sum((np.array(spread(wanted, 17, 8, 144)) - wanted) ** 2) <= best.fun + 1e-3


def test_where_nothing_stands_in_the_way_nothing_moves() -> None:
    assert spread([10, 50, 90], 17, 0, 100) == [10, 50, 90]


def test_what_has_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="3 places 17 apart have no room from 0 to 30"):
        spread([1, 2, 3], 17, 0, 30)


def segments(shape: dict[str, Any]) -> list[tuple[float, float]]:
    """The heights of the ends of a shape's lines, in GiB."""
    if shape["type"] == "line":
        return [(shape["y0"], shape["y1"])]
    lines = [part.split("L") for part in shape["path"].split("M")[1:]]
    assert all((start.split(",")[0], end.split(",")[0]) == ("0", "1") for start, end in lines), "from edge to edge of the plot area"
    return [(float(start.split(",")[1]), float(end.split(",")[1])) for start, end in lines]


def no_line_runs_through_words(shapes: list[dict[str, Any]], height_px: float, decades: tuple[float, float] = DECADES) -> None:
    """Lines stay inside the plot area; leaders keep their order up to the words, which keep their height from each other."""
    words = [shape for shape in shapes if "label" in shape]
    scale = height_px / (decades[1] - decades[0])
    for shape in shapes:
        if shape not in words:
            assert shape["xref"] == "paper"
            assert all(start == end for start, end in segments(shape))
    for shape in words:
        assert (shape["xref"], shape["xsizemode"], shape["xanchor"], shape["x0"]) == ("paper", "pixel", 1, 0), "right of the plot area"
        assert (shape["label"]["textposition"], shape["label"]["xanchor"], shape["label"]["textangle"]) == ("end", "left", 0)
    ordered = sorted(words, key=lambda shape: shape["y1"])
    heights = [scale * (log10(shape["y1"]) - decades[0]) for shape in ordered]
    assert all(later - earlier >= LINE_PX - 1e-6 for earlier, later in itertools.pairwise(heights))
    assert heights[0] >= LINE_PX / 2 - 1e-6
    assert heights[-1] <= height_px - LINE_PX / 2 + 1e-6
    drawn = [shape["y0"] for shape in ordered if shape["line"]["width"]]
    assert drawn == sorted(drawn), "leaders that end in the order in which they begin do not cross"


@given(CARDS, st.sampled_from([152.0, 250.0]))
def test_no_line_runs_through_words(cards: list[float], height_px: float) -> None:
    shapes = levels([(f"card {i}: 12", gib, "#000000") for i, gib in enumerate(cards)], height_px, DECADES)
    no_line_runs_through_words(shapes, height_px)
    assert sorted(shape["label"]["text"] for shape in shapes if "label" in shape) == [f"card {i}: 12" for i in range(len(cards))]


@given(CARDS)
def test_each_value_on_the_axis_has_its_line_in_its_colour(cards: list[float]) -> None:
    shapes = levels([("x", gib, ("#111111", "#222222")[i % 2]) for i, gib in enumerate(cards)], 152, DECADES)
    for i, colour in enumerate(("#111111", "#222222")):
        inside = sorted(gib for gib in cards[i::2] if DECADES[0] <= log10(gib) <= DECADES[1])
        lines = [height for shape in shapes if "label" not in shape and shape["line"]["color"] == colour for height, _ in segments(shape)]
        assert sorted(lines) == pytest.approx(inside, rel=1e-5)
