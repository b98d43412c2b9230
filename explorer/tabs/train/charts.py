"""The train tab's charts, as plain Plotly figures: what a training's log says."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from explorer.components.charts import Figure, layout_of
from explorer.components.theme import BLOCK_COLOURS, NEUTRAL, block_colour

if TYPE_CHECKING:
    from densenet.train import Event
    from densenet.train.watching import Look, PartLook

CURVE_HEIGHT_PX = 210
_MOST_POINTS = 400  # of a curve: more are thinned evenly
_SYMBOLS = {"circle": "<circle cx='17' cy='6' r='3.6'/>", "square": "<rect x='13.4' y='2.4' width='7.2' height='7.2'/>"}
_SYMBOLS |= {"diamond": "<path d='M17 1.6 21.4 6 17 10.4 12.6 6z'/>", "triangle-up": "<path d='M17 1.8 21.4 9.8H12.6z'/>"}
_DASHES = {"solid": "", "dash": "7 4", "dot": "2 3"}  # of Plotly, as SVG has them


def _thinned(events: Sequence[Event]) -> Sequence[Event]:
    return events[:: max(1, len(events) // _MOST_POINTS)]


def _curve(x: list[int], y: list[float], name: str, colour: str, **more: object) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": {"width": 2.2, "color": colour}, **more}


def _layout(title: str, unit: str, points: int) -> dict[str, Any]:
    layout = layout_of(CURVE_HEIGHT_PX, points, title, "step", unit)
    layout["yaxis"] |= {"exponentformat": "none"}
    return layout | {"hovermode": "closest", "showlegend": True, "legend": {"x": 0.98, "xanchor": "right", "y": 0.98}}


def training_figures(events: Sequence[Event]) -> list[Figure]:
    """Loss, accuracy and learning rate over the steps: of training batches, and of the held-out pictures after each epoch.

    None before there is anything to be drawn.
    """
    progress = _thinned([event for event in events if event.kind == "progress"])
    epochs = [event for event in events if event.kind == "epoch"]
    if not progress and not epochs:
        return []
    x = [event.step for event in progress]
    at = [event.step for event in epochs]
    held_out: dict[str, Any] = {"mode": "lines+markers"}
    loss = [
        _curve(x, [e.loss or 0.0 for e in progress], "training", BLOCK_COLOURS[0]),
        _curve(at, [e.valid_loss or 0.0 for e in epochs], "held out", BLOCK_COLOURS[1], **held_out),
    ]
    accuracy = [
        _curve(x, [100 * (e.accuracy or 0.0) for e in progress], "training", BLOCK_COLOURS[0]),
        _curve(at, [100 * (e.valid_accuracy or 0.0) for e in epochs], "held out", BLOCK_COLOURS[1], **held_out),
    ]
    rate = [_curve(x, [e.lr for e in progress], "rate", BLOCK_COLOURS[2])]
    rate_layout = _layout("Learning rate", "rate", len(x)) | {"showlegend": False}
    accuracy_layout = _layout("Accuracy", "right, %", len(x))
    accuracy_layout["legend"] |= {"y": 0.02, "yanchor": "bottom"}
    return [
        {"data": loss, "layout": _layout("Loss", "cross-entropy", len(x))},
        {"data": accuracy, "layout": accuracy_layout},
        {"data": rate, "layout": rate_layout},
    ]


class PartStyle(NamedTuple):
    """How a part of the net is drawn in charts and legend: not by its colour alone."""

    name: str
    colour: str
    dash: str
    symbol: str | None

    @property
    def dashes(self) -> str:
        """Its line in SVG."""
        return _DASHES[self.dash]

    @property
    def mark(self) -> Markup:
        """Its marker in SVG."""
        return Markup(f'<g fill="{self.colour}">{_SYMBOLS[self.symbol]}</g>') if self.symbol else Markup("")


def look_of_part(name: str, look: Look) -> PartStyle:
    """Return how part `name` is drawn: a block in its colour with a marker of its own, the transition after it dashed, the rest grey."""
    kind, _, number = name.partition(" ")
    blocks = sum(part.name.startswith("block ") for part in look.parts)
    if not number:
        return PartStyle(name, NEUTRAL, "dot" if name == "stem" else "solid", None)
    colour = block_colour(int(number), blocks)
    if kind == "transition":
        return PartStyle(name, colour, "dash", None)
    return PartStyle(name, colour, "solid", list(_SYMBOLS)[(int(number) - 1) % len(_SYMBOLS)])


def _hover(part: PartLook, epoch: int) -> str:
    words = f"<b>{part.name}</b>, epoch {epoch}"
    words += "" if part.activation is None else f"<br>activations {part.activation:.3g}"
    words += "" if part.zeros is None else f"<br>zeros after ReLU {100 * part.zeros:.1f} %"
    if part.weight is not None:
        words += f"<br>weights {part.weight:.3g}"
        if part.gradient is not None:
            words += f", gradient {part.gradient:.3g}"
            words += f"<br>gradient beside weights {part.gradient / part.weight:.2g}" if part.weight else ""
        else:
            words += ", frozen"
    return words


def _inside_figure(seen: Sequence[Look], values: Sequence[dict[str, float | None]], title: str, unit: str) -> Figure:
    """One curve a part of the net, over the epochs; a value that is not there, or that a logarithm does not take, is a gap."""
    data = []
    for part in seen[-1].parts:
        style = look_of_part(part.name, seen[-1])
        y = [value.get(part.name) or None for value in values]
        if not any(y):
            continue
        hover = [_hover(p, look.epoch) for look in seen for p in look.parts if p.name == part.name]
        line = {"color": style.colour, "width": 2.2, "dash": style.dash}
        marker = {"size": 7, "color": style.colour, "symbol": style.symbol or "circle", "opacity": 1 if style.symbol else 0}
        trace = {"type": "scatter", "mode": "lines+markers", "x": [look.epoch for look in seen], "y": y, "name": part.name}
        data.append(trace | {"line": line, "marker": marker, "hovertext": hover, "hoverinfo": "text"})
    layout = _layout(title, unit, len(seen)) | {"showlegend": False}
    layout["xaxis"] |= {"title": {"text": "epoch"}, "range": [seen[0].epoch - 0.3, seen[-1].epoch + 0.3]}
    layout["xaxis"] |= {"tickformat": "d"} | ({"dtick": 1} if len(seen) <= 6 else {})
    return {"data": data, "layout": layout}


def inside_figures(looks: Sequence[Look]) -> list[Figure]:
    """Activations and gradients of each part of the net over the epochs, on logarithmic axes, and the share of zeros after its ReLUs."""
    seen = looks[:: max(1, len(looks) // _MOST_POINTS)]
    activations = [{part.name: part.activation for part in look.parts} for look in seen]
    gradients = [{part.name: part.gradient for part in look.parts} for look in seen]
    zeros = [{part.name: None if part.zeros is None else 100 * part.zeros for part in look.parts} for look in seen]
    figures = [
        _inside_figure(seen, activations, "Activations of held-out pictures", "root mean square"),
        _inside_figure(seen, gradients, "Gradients of weights, last step", "root mean square"),
        _inside_figure(seen, zeros, "Zeros after the ReLUs", "zeros, %"),
    ]
    for figure in figures[:2]:
        shown = [value for trace in figure["data"] for value in trace["y"] if value]
        figure["layout"]["yaxis"] |= {"type": "log", "rangemode": "normal", **_logarithmic_ticks(shown)}
    return figures


def _logarithmic_ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return at most some eight ticks round `values`, written out: Plotly's own are bare digits between powers of ten."""
    if not values:
        return {}
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    step = -(-(high - low + 1) // 8)
    mantissas: tuple[float, ...] = (1, 2, 5) if high - low <= 2 else (1,)
    if log10(max(values) / min(values)) < 0.7:
        mantissas = (1, 1.5, 2, 3, 4, 5, 7)
    ticks = [mantissa * 10.0**power for power in range(low, high + 1, step) for mantissa in mantissas]
    return {"tickvals": ticks, "ticktext": [f"{tick:.4g}" for tick in ticks]}
