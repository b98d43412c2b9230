"""What all charts share: plain values that keep zoom and legend from one update to the next, and the outline of A."""

from __future__ import annotations

import json

import plotly.graph_objects as go

from explorer.components.charts import ghost, layout_of
from explorer.components.theme import FONT_PX, GHOST


def test_every_chart_keeps_its_zoom_and_states_its_height_and_units() -> None:
    layout = layout_of(178, 60, "Parameters per step", "step", "parameters")
    assert (layout["height"], layout["uirevision"]) == (178, "keep")
    assert [layout[axis]["title"]["text"] for axis in ("xaxis", "yaxis")] == ["step", "parameters"]
    assert layout["yaxis"]["rangemode"] == "tozero"
    assert {layout["font"]["size"], layout["xaxis"]["tickfont"]["size"], layout["yaxis"]["tickfont"]["size"]} == {FONT_PX}
    assert "template" not in layout, "it costs as much as the drawing"
    go.Figure(layout=layout)  # Plotly knows every word of it
    assert json.loads(json.dumps(layout, allow_nan=False)) == layout


def test_many_bars_have_no_gaps_and_more_is_taken_over() -> None:
    assert layout_of(100, 80, "", "", "")["bargap"] > 0
    assert layout_of(100, 81, "", "", "")["bargap"] == 0
    assert layout_of(100, 1, "", "", "", hovermode="closest")["hovermode"] == "closest"


def test_the_outline_of_a_is_the_same_everywhere() -> None:
    trace = ghost((1, 2.5), x=[3, 4])
    assert (trace["y"], trace["x"], trace["name"], trace["line"]["color"]) == ([1, 2.5], [3, 4], "A", GHOST)
    assert (trace["line"]["dash"], trace["hoverinfo"]) == ("dot", "skip")
    go.Figure(data=[trace])
