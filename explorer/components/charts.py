"""What all charts share, as plain Plotly figures: their layout, and the outline of the net pinned as A."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from explorer.components.theme import FONT_PX, GHOST

Figure = dict[str, Any]


def _axis(title: str, **more: object) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "tickfont": {"size": FONT_PX},
        "zeroline": False,
        "exponentformat": "SI",
        "ticklabeloverflow": "allow",
        "nticks": 5,  # each label is text that the browser has to measure
        **more,
    }


def layout_of(height_px: int, steps_shown: int, title: str, x_title: str, y_title: str, **more: object) -> dict[str, Any]:
    """Return what all charts share; titles carry the units."""
    return {
        "height": height_px,
        "margin": {"l": 62, "r": 18, "t": 6, "b": 38},
        "font": {"size": FONT_PX},
        "title": {"text": title},
        "xaxis": _axis(x_title, showgrid=False),
        "yaxis": _axis(y_title, rangemode="tozero"),
        "barmode": "stack",
        "bargap": 0.08 if steps_shown <= 80 else 0,  # thinner gaps than a pixel would flicker
        "showlegend": False,
        "hovermode": "x",
        "uirevision": "keep",
        **more,
    }


def ghost(values: Sequence[float], name: str = "A", **more: object) -> dict[str, Any]:
    """The net pinned as A, in every chart the same dashed outline behind the hand of the one that moves."""
    line = {"shape": "hvh", "width": 2, "dash": "dot", "color": GHOST}
    return {"type": "scatter", "mode": "lines", "y": list(values), "line": line, "hoverinfo": "skip", "name": name, **more}
