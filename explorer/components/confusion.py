"""A confusion matrix as a plain Plotly figure: by the training of a net, and by a trial on a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explorer.components.charts import Figure, layout_of
from explorer.components.theme import FONT_PX

CONFUSION_HEIGHT_PX = 330


def confusion_figure(classes: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> Figure:
    """How often pictures of each class (rows) were taken for each class (columns)."""
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    hover = [[f"{a}, taken for {b}: {n}" for b, n in zip(classes, row, strict=True)] for a, row in zip(classes, counts, strict=True)]
    cells: dict[str, Any] = {
        "type": "heatmap",
        "x": list(classes),
        "y": list(classes),
        "z": shares,
        "hovertext": hover,
        "hoverinfo": "text",
    }
    cells |= {"colorscale": "Viridis", "showscale": False, "xgap": 1, "ygap": 1}
    if len(classes) <= 12:
        cells |= {"text": counts, "texttemplate": "%{text}", "textfont": {"size": FONT_PX}}
    layout = layout_of(CONFUSION_HEIGHT_PX, len(classes), title, "", "")
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False, "nticks": len(classes)}
    layout["xaxis"] |= {"nticks": len(classes), "tickangle": -35}
    del layout["yaxis"]["rangemode"]
    return {"data": [cells], "layout": layout | {"hovermode": "closest", "margin": {"l": 110, "r": 8, "t": 6, "b": 84}}}
