"""The charts of a lesioned block: what each source does for the class, for all its readers and, below, for each reader alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explorer.components.charts import Figure, layout_of
from explorer.components.colours import BOTH_WAYS, plotly_scale
from explorer.components.theme import FONT_PX, NEUTRAL, block_colour
from explorer.tabs.predict.ticks import reader_labels, source_labels, ticks

if TYPE_CHECKING:
    from densenet.features.lesion import Change, LesionMap

BARS_HEIGHT_PX, BARS_OVER_CELLS_PX = 232, 206
CELLS_HEIGHT_PX = 220
_ABOVE_PX, _BELOW_PX, _GAP_PX = 8, 44, 14
_TYPICAL_WIDTH_PX, _LABEL_WIDTH_PX, _LABEL_HEIGHT_PX = 290, 26, 18
_MINUS = "\u2212"


def decimal(value: float, plus: str = "") -> str:
    """Write two digits after the point, with a minus that is as long as a plus."""
    return f"{_MINUS if round(value, 2) < 0 else plus}{abs(value):.2f}"


def _says(where: str, change: Change) -> str:
    return f"{where}<br>{decimal(100 * change.probability, '+')} points, logit {decimal(change.logit, '+')}"


def _off(lesions: LesionMap, source: int) -> str:
    """Name what is switched off."""
    made = lesions.sources[source]
    channels = f"channels {made.start} to {made.stop - 1}"
    return f"<b>layer {source}</b> off, {channels}" if source else f"<b>the block's input</b> off, {channels}"


def _bars(lesions: LesionMap, values: list[float], axis: str) -> dict[str, Any]:
    hover = [_says(f"{_off(lesions, i)}, for all that read it", change) for i, change in enumerate(lesions.everywhere)]
    colour = block_colour(lesions.block, lesions.block)
    colours = [NEUTRAL, *[colour] * (len(values) - 1)]
    marker = {"color": colours, "line": {"width": 0}}
    return {"type": "bar", "y": values, "yaxis": axis, "marker": marker, "hovertext": hover, "hoverinfo": "text"}


def _cells(lesions: LesionMap) -> dict[str, Any]:
    """A heat map: columns as the bars above, rows from 1, the first dense layer."""
    values = [[None if c is None else 100 * c.probability for c in row] for row in lesions.cells]
    hover = [
        ["" if c is None else _says(f"{_off(lesions, source)}, for {reader.name} alone", c) for source, c in enumerate(row)]
        for reader, row in zip(lesions.readers, lesions.cells, strict=True)
    ]
    gap = {"xgap": 1, "ygap": 1} if len(lesions.sources) <= 40 else {}
    trace = {"type": "heatmap", "z": values, "y0": 1, "yaxis": "y3", "coloraxis": "coloraxis", "hoverongaps": False}
    return {**trace, **gap, "hovertext": hover, "hoverinfo": "text"}


def lesion_figure(lesions: LesionMap) -> Figure:
    """Draw the change of the class's probability and logit for each source; with cells, for each reader too, under the same columns."""
    count = len(lesions.sources)
    cells = CELLS_HEIGHT_PX if lesions.cells else 0
    height = BARS_OVER_CELLS_PX + cells if cells else BARS_HEIGHT_PX
    layout = layout_of(height, count, "", "what is switched off", "points")
    room = height - _ABOVE_PX - _BELOW_PX
    bars = (room - cells - (2 if cells else 1) * _GAP_PX) / 2
    floor = cells + _GAP_PX if cells else 0  # of the logits
    places, words = ticks(source_labels(count), _LABEL_WIDTH_PX * count / _TYPICAL_WIDTH_PX)
    layout["xaxis"] |= {"tickvals": places, "ticktext": words, "range": [-0.5, count - 0.5], "anchor": "y3" if cells else "y2", "ticks": ""}
    layout["margin"] = {"l": 66, "r": 70 if cells else 8, "t": _ABOVE_PX, "b": _BELOW_PX}
    scale = {"nticks": 3 if cells else 4, "zeroline": True, "exponentformat": "none"}
    del layout["yaxis"]["rangemode"]
    common = layout["yaxis"]
    layout["yaxis"] = {**common, **scale, "domain": [1 - bars / room, 1], "title": {"text": "points"}}
    layout["yaxis2"] = {**common, **scale, "domain": [floor / room, (floor + bars) / room], "title": {"text": "logit"}}
    # Its title has to be there without cells too, empty: the panel writes titles over, it does not take them away.
    layout["yaxis3"] = {**common, "domain": [0, 0.01], "visible": False, "title": {"text": ""}}
    data = [
        _bars(lesions, [100 * c.probability for c in lesions.everywhere], "y"),
        _bars(lesions, [c.logit for c in lesions.everywhere], "y2"),
    ]
    if cells:
        places, words = ticks(reader_labels(count), _LABEL_HEIGHT_PX * count / cells)
        rows = {"tickvals": [place + 1 for place in places], "ticktext": words, "range": [count + 0.5, 0.5], "showgrid": False, "ticks": ""}
        layout["yaxis3"] = {**common, **rows, "domain": [0, cells / room], "title": {"text": "for one reader"}}
        data.append(_cells(lesions))
        most = max(abs(c.probability) for row in lesions.cells for c in row if c is not None)
        most = round(100 * most, 3) or 1.0
        bar = {"thickness": 12, "len": cells / room, "y": 0, "yanchor": "bottom", "nticks": 5, "tickfont": {"size": FONT_PX}}
        bar["title"] = {"text": "points", "font": {"size": FONT_PX}}
        layout["coloraxis"] = {"colorscale": plotly_scale(BOTH_WAYS), "cmin": -most, "cmax": most, "colorbar": bar}
    return {"data": data, "layout": layout | {"hovermode": "closest", "uirevision": f"{lesions.block}.{count}.{bool(cells)}"}}
