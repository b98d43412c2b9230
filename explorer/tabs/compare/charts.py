"""The compare tab's charts, as plain Plotly figures; every number in them comes from `densenet`."""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from typing import Any

from densenet import PRESETS, totals
from densenet.arithmetic.costs import stages
from densenet.presets import PRESET_LABELS
from densenet.published import PUBLISHED, RESNETS
from explorer.components.charts import Figure, layout_of
from explorer.components.formatting import exact, short, side
from explorer.components.theme import BLOCK_COLOURS, FONT_PX, GHOST
from explorer.page.page_state import PageState

STAGES_HEIGHT_PX = 212
ACCURACY_HEIGHT_PX = 400
_LEGEND = {"x": 0.02, "y": 0.98, "bgcolor": "rgba(0,0,0,0)"}
_DENSENETS = ("densenet121", "densenet169", "densenet201", "densenet161", "densenet264")


def stages_figure(a: PageState, b: PageState, *, macs: bool) -> Figure:
    """Parameters of each stage of A and of B side by side, or their multiply-accumulates for one image."""
    ours, theirs = (
        {stage.label: stage.macs if macs else stage.params for stage in stages(net.config, net.workload.image_size)} for net in (b, a)
    )
    longer = ours if len(ours) >= len(theirs) else theirs
    names = [*(name for name in longer if name != "classifier"), "classifier"]
    unit = "multiply-accumulates" if macs else "parameters"
    data = []
    for words, sums, colour in (("A", theirs, GHOST), ("B", ours, BLOCK_COLOURS[0])):
        values = [sums.get(name, 0) for name in names]
        hover = [f"<b>{words}, {name}</b><br>{exact(v)} {unit}" for name, v in zip(names, values, strict=True)]
        bar = {"type": "bar", "x": names, "y": values, "marker": {"color": colour}, "name": words}
        data.append({**bar, "hovertext": hover, "hoverinfo": "text"})
    title = f"{unit.capitalize()}: A {short(sum(theirs.values()))}, B {short(sum(ours.values()))}"
    layout = layout_of(STAGES_HEIGHT_PX, len(names), title, "", "MACs" if macs else "parameters", barmode="group")
    layout["xaxis"] |= {"nticks": len(names), "tickangle": -35}
    return {"data": data, "layout": layout | {"bargap": 0.25, "margin": {"l": 62, "r": 8, "t": 6, "b": 84}}}


def _curve(labels: dict[str, str], value: Callable[[str], float], colour: str, family: str, place: str) -> dict[str, Any]:
    """One family of nets: published accuracy over what each costs, labelled by their depths."""
    published = {**PUBLISHED, **RESNETS}
    names = sorted(labels, key=value)
    hover = [f"<b>{labels[n]}</b><br>{value(n):.2f}<br>top-1 {published[n].top1_accuracy:.2f} %, {published[n].source}" for n in names]
    points = {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": [value(n) for n in names],
        "y": [published[n].top1_accuracy for n in names],
    }
    look = {
        "line": {"width": 2.5, "color": colour},
        "marker": {"size": 10, "color": colour},
        "textfont": {"size": FONT_PX, "color": colour},
    }
    depths = [labels[n].rpartition("-")[2] for n in names]
    return {**points, **look, "text": depths, "textposition": place, "hovertext": hover, "hoverinfo": "text", "name": family}


def _densenet_counts(name: str, macs: bool) -> float:
    sums = totals(PRESETS[name])
    return sums.macs / 1e9 if macs else sums.params / 1e6


def _resnet_counts(name: str, macs: bool) -> float:
    published = RESNETS[name]
    assert published.params is not None
    assert published.gmacs is not None
    return published.gmacs if macs else published.params / 1e6


def accuracy_figure(state: PageState, pinned: PageState | None, *, macs: bool) -> Figure:
    """Published ImageNet accuracy of DenseNets and ResNets over parameters or multiply-accumulates; the net of the sliders on the axis."""
    densenets = {name: PRESET_LABELS[name] for name in _DENSENETS}
    resnets = {name: name.replace("resnet", "ResNet-") for name in RESNETS}
    data = [
        _curve(densenets, lambda name: _densenet_counts(name, macs), BLOCK_COLOURS[0], "DenseNet", "top left"),
        _curve(resnets, lambda name: _resnet_counts(name, macs), BLOCK_COLOURS[1], "ResNet", "bottom right"),
    ]
    shown = [value for curve in data for value in curve["x"]]
    shapes, notes = [], []
    mine = [("your net", state, BLOCK_COLOURS[2])] + ([("A", pinned, GHOST)] if pinned else [])
    for i, (words, net, colour) in enumerate(mine):
        sums = totals(net.config, net.workload.image_size)
        x = sums.macs / 1e9 if macs else sums.params / 1e6
        shown.append(x)
        shapes.append(
            {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": colour, "width": 2, "dash": "dash"}}
        )
        text = f"{words}: {x:.3g} G at {side(net.workload.image_size)}" if macs else f"{words}: {x:.3g} M"
        right = x < (min(shown) * max(shown)) ** 0.5
        where = {
            "x": log10(x),
            "xanchor": "left" if right else "right",
            "xshift": 5 if right else -5,
            "yref": "paper",
            "y": 0.01 + 0.08 * i,
        }
        notes.append({**where, "yanchor": "bottom", "text": text, "showarrow": False, "font": {"size": FONT_PX, "color": colour}})
    title = "Accuracy over multiply-accumulates of one image" if macs else "Accuracy over parameters"
    axis = "multiply-accumulates, 10⁹ (published ones at 224 × 224)" if macs else "parameters, 10⁶"
    layout = layout_of(ACCURACY_HEIGHT_PX, 10, title, axis, "ImageNet top-1, %", shapes=shapes, annotations=notes)
    ticks = [0.01, 0.03, 0.1, 0.3, 1, 2, 4, 8, 16, 50] if macs else [0.01, 0.03, 0.1, 0.3, 1, 3, 8, 15, 30, 60, 200]
    span = [log10(min(shown) * 0.75), log10(max(shown) * 1.45)]
    layout["xaxis"] |= {"type": "log", "tickvals": ticks, "exponentformat": "none", "showgrid": True, "range": span}
    layout["yaxis"] |= {"range": [67.6, 79.6], "rangemode": "normal", "exponentformat": "none"}
    return {
        "data": data,
        "layout": layout | {"hovermode": "closest", "showlegend": True, "legend": _LEGEND, "margin": {"l": 56, "r": 14, "t": 6, "b": 40}},
    }
