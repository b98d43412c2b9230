"""The train tab's charts, as plain Plotly figures: what a training's log says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.components.charts import Figure, layout_of
from explorer.components.theme import BLOCK_COLOURS

if TYPE_CHECKING:
    from densenet.train import Event

CURVE_HEIGHT_PX = 210
_MOST_POINTS = 400  # of a curve: more are thinned evenly


def _thinned(events: Sequence[Event]) -> Sequence[Event]:
    return events[:: max(1, len(events) // _MOST_POINTS)]


def _curve(x: list[int], y: list[float], name: str, colour: str, **more: object) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": {"width": 2.2, "color": colour}, **more}


def _layout(title: str, unit: str, points: int) -> dict[str, Any]:
    layout = layout_of(CURVE_HEIGHT_PX, points, title, "step", unit)
    layout["yaxis"] |= {"exponentformat": "none"}
    return layout | {"hovermode": "closest", "showlegend": True, "legend": {"x": 0.98, "xanchor": "right", "y": 0.98}}


def training_figures(events: Sequence[Event]) -> list[Figure]:
    """Loss, accuracy and learning rate over the steps: of training batches, and of the held-out pictures after each epoch."""
    progress = _thinned([event for event in events if event.kind == "progress"])
    epochs = [event for event in events if event.kind == "epoch"]
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
