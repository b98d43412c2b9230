"""A panel's value is a text that holds its figures as they are."""

from __future__ import annotations

import json

import pytest

from explorer.components.chart_panel import PLOTLY_HEAD, PLOTLY_JS, PLOTLY_PRELOAD, chart_panel, drawn


def test_figures_and_note_come_through() -> None:
    figures = [{"data": [{"y": [1, 2]}], "layout": {"height": 10}}]
    assert json.loads(drawn(figures, "<b>×</b>")) == {"note": "<b>×</b>", "figures": figures, "spans": []}
    assert json.loads(drawn(figures, spans=((1, 6), (8, 19))))["spans"] == [[1, 6], [8, 19]]
    with pytest.raises(ValueError, match="JSON"):
        drawn([{"data": [{"y": [float("nan")]}], "layout": {}}])


def test_each_chart_has_its_place_and_says_what_it_shows() -> None:
    panel = chart_panel("", charts={"one": "First", "two": "Second"}, elem_id="both")
    assert panel.elem_id == "both"
    for name, label in (("one", "First"), ("two", "Second")):
        assert f'<div class="chart" id="{name}" role="img" aria-label="{label}">' in panel.html_template
    assert "Plotly.react" in panel.js_on_load


def test_plotly_comes_from_this_machine() -> None:
    assert PLOTLY_JS.is_file()
    for tag in (PLOTLY_HEAD, PLOTLY_PRELOAD):
        assert "http" not in tag
        assert f"gradio_api/file={PLOTLY_JS.as_posix()}" in tag
