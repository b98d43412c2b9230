"""A bar is as long as its number, beside the longest of its column."""

from __future__ import annotations

import re

from explorer.components.bar_table import Cell, Row, bar_table


def test_bars_are_as_long_as_their_numbers() -> None:
    rows = [Row("a", [Cell("1", 1.0)]), Row("b", [Cell("4", 4.0)]), Row("c", [Cell("none")])]
    table = bar_table(["net", "n"], rows)
    assert re.findall(r"width:([\d.]+)%", table) == ["25.0", "100.0"]
    assert re.findall(r"<span>(.*?)</span>", table) == ["1", "4", "none"]


def test_each_column_has_its_own_scale() -> None:
    rows = [Row("a", [Cell("1", 1.0), Cell("100", 100.0)]), Row("b", [Cell("2", 2.0), Cell("50", 50.0, "half", "exactly")], "mine", "why")]
    table = bar_table(["net", "n", "m"], rows)
    assert re.findall(r"width:([\d.]+)%", table) == ["50.0", "100.0", "100.0", "50.0"]
    assert re.findall(r"<th>(.*?)</th>", table) == ["net", "n", "m"]
    assert "<small>half</small>" in table
    assert 'title="exactly"' in table
    assert '<tr class="mine"><th scope="row" title="why">b</th>' in table


def test_nothing_to_compare_is_no_bar() -> None:
    assert "width:0.0%" in bar_table(["net", "n"], [Row("a", [Cell("0", 0.0)])])
    assert "width" not in bar_table(["net", "n"], [Row("a", [Cell("?")])])
    assert "<tbody>" in bar_table(["net", "n"], [])
