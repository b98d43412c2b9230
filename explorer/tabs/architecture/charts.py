"""The charts, as plain Plotly figures; every number in them comes from `densenet`."""

from __future__ import annotations

from typing import Any

from densenet import DenseNetConfig
from densenet.arithmetic.costs import Step
from explorer.components.charts import Figure, _axis, ghost, layout_of
from explorer.components.formatting import exact, short, side
from explorer.components.theme import FONT_PX, NEUTRAL, block_colour, translucent
from explorer.page.formulas import channels_formula, cost_formulas

GROWTH_HEIGHT_PX = 292
SMALL_HEIGHT_PX = 178
_BARS_UP_TO = 320  # more steps than that are drawn as one stepped line: bars would be thinner than a pixel


def _series(values: list[int], colours: list[str], hover: list[str] | None, **more: object) -> dict[str, Any]:
    """One value per step: bars, or a stepped line where there are too many."""
    shown: dict[str, Any] = {"hovertext": hover, "hoverinfo": "text"} if hover else {"hoverinfo": "skip"}
    if len(values) <= _BARS_UP_TO:
        return {"type": "bar", "y": values, "marker": {"color": colours, "line": {"width": 0}}, **shown, **more}
    line = {"shape": "hvh", "width": 1, "color": colours[0]}
    return {"type": "scatter", "mode": "lines", "y": values, "line": line, "fill": "tozeroy", **shown, **more}


def _channels_hover(step: Step, config: DenseNetConfig) -> str:
    size = side(step.size) if step.kind == "dense" else f"from {side(step.size)}" if step.kind == "classifier" else f"→ {side(step.size)}"
    pieces = [f"{step.inherited} inherited, {step.new} new"] if step.kind == "dense" else []
    return "<br>".join([f"<b>{step.label}</b>", channels_formula(step, config), *pieces, size])


def _cost_hover(step: Step, total: int, with_area: bool) -> str:
    value = step.macs if with_area else step.params
    unit = "multiply-accumulates" if with_area else "parameters"
    percent = 100 * value / total if total else 0.0
    products = "<br>".join(cost_formulas(step, macs=with_area))
    return f"<b>{step.label}: {exact(value)} {unit}</b>, {percent:.1f} %<br>{products}"


def _size_labels(stages: tuple[Step, ...], blocks: int) -> list[dict[str, Any]]:
    """The side of the feature maps above each block that is wide enough for the words (a shape's label: cheaper than an annotation)."""
    labels = []
    for block in range(1, blocks + 1):
        places = [i for i, s in enumerate(stages) if s.kind == "dense" and s.block == block]
        if len(places) >= 0.05 * len(stages):
            place = {"x0": places[0], "x1": places[-1], "yref": "paper", "y0": 1, "y1": 1.08, "line": {"width": 0}}
            labels.append({"type": "rect", **place, "label": {"text": side(stages[places[0]].size), "font": {"size": FONT_PX}}})
    return labels


def _size_strip(stages: tuple[Step, ...], colours: list[str]) -> list[dict[str, Any]]:
    """The side of the feature maps as one rectangle for each run of steps: a bar each would cost as much as the chart below."""
    strip, start = [], 0
    for i in range(1, len(stages) + 1):
        if i == len(stages) or (colours[i], stages[i].size) != (colours[start], stages[start].size):
            edges = {"x0": start - 0.5, "x1": i - 0.5, "y0": 0, "y1": stages[start].size}
            strip.append({"type": "rect", "yref": "y2", **edges, "fillcolor": colours[start], "line": {"width": 0}})
            start = i
    return strip


def _colours(stages: tuple[Step, ...], blocks: int) -> list[str]:
    return [block_colour(s.block, blocks) if s.kind == "dense" else NEUTRAL for s in stages]


def growth_figure(config: DenseNetConfig, stages: tuple[Step, ...], pinned: tuple[Step, ...] = ()) -> Figure:
    """Channels after each step, inherited and new, under the side of the feature maps; those of the net pinned as A as an outline."""
    blocks = len(config.block_config)
    solid = _colours(stages, blocks)
    faint = [translucent(colour, 0.38) for colour in solid]
    hover = [_channels_hover(s, config) for s in stages]
    layout = layout_of(
        GROWTH_HEIGHT_PX,
        len(stages),
        "",
        "step: stem, dense layers, transitions (grey), classifier",
        "channels",
        shapes=[*_size_strip(stages, faint), *_size_labels(stages, blocks)],
        margin={"l": 62, "r": 8, "t": 22, "b": 40},
    )
    layout |= {"narrow": {"xaxis": {"title": {"text": "step"}}}, "by_steps": True}
    layout["yaxis"]["domain"] = [0, 0.76]
    largest = max(s.size for s in stages)
    layout["yaxis2"] = _axis("pixels", range=[0, largest], domain=[0.83, 1], nticks=3, anchor="x")
    stacked: dict[str, Any] = {"stackgroup": "channels"} if len(stages) > _BARS_UP_TO else {}
    holder = {
        "type": "scatter",
        "mode": "lines",
        "x": [0],
        "y": [0],
        "yaxis": "y2",
        "opacity": 0,
        "hoverinfo": "skip",
    }  # an axis needs a trace
    data = [
        _series([s.inherited for s in stages], faint, None, name="inherited", **stacked),
        _series([s.new for s in stages], solid, hover, name="new", **stacked),
        holder,
    ]
    if pinned:
        data.append(ghost([s.inherited + s.new for s in pinned]))
    return {"data": data, "layout": layout}


def cost_figure(config: DenseNetConfig, stages: tuple[Step, ...], *, macs: bool, pinned: tuple[Step, ...] = ()) -> Figure:
    """Parameters of each step, or its multiply-accumulates for one image; those of the net pinned as A as an outline."""
    blocks = len(config.block_config)
    values = [s.macs if macs else s.params for s in stages]
    total = sum(values)
    title = f"Multiply-accumulates per step, {short(total)} in all" if macs else f"Parameters per step, {short(total)} in all"
    layout = layout_of(SMALL_HEIGHT_PX, len(stages), title, "step", "MACs" if macs else "parameters", by_steps=True)
    hover = [_cost_hover(s, total, macs) for s in stages]
    data = [_series(values, _colours(stages, blocks), hover, name=title)]
    if pinned:
        data.append(ghost([s.macs if macs else s.params for s in pinned]))
    return {"data": data, "layout": layout}
