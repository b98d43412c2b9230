"""What happens while it learns: gradients and activations by part of the net, the first filters, held-out pictures and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.overlays import data_uri
from explorer.components.templates import template_of
from explorer.page.shared import Shared
from explorer.settings import Settings
from explorer.tabs.train.charts import inside_figures, look_of_part
from explorer.work import background, runs
from explorer.work.handlers import bound, while_open
from explorer.work.looks import looks
from explorer.work.queues import at_once

if TYPE_CHECKING:
    from densenet.train.watching import Answer, Filters, Look, Watched

_HTML = template_of(Path(__file__).with_suffix(".html"))
_MOST_SHOWN = 48  # epochs in a picture's history: more are thinned evenly
_TALLEST = 24.0  # a bar of the history, of a probability of 1
_FILTERS_PX = 288
_COLUMNS, _FEW_COLUMNS, _FEW = 16, 8, 32
_SLIDER = "Epoch looked at"


@dataclass(frozen=True)
class Shown:
    """What a page already shows: of which training, how many looks, the last one's epoch, and the epoch that is looked at."""

    run: str = ""
    count: int = 0
    last: int = 0
    epoch: int = 0


class Bar(NamedTuple):
    """One epoch in a picture's history."""

    right: bool
    height: float
    chosen: bool


def filters_picture(filters: Filters) -> Image.Image:
    """Draw the filters side by side, a square a weight, with clear gaps."""
    count, channels, k = filters.shape
    weights = np.frombuffer(filters.bytes(), dtype=np.uint8).reshape(count, channels, k, k).transpose(0, 2, 3, 1)
    columns = min(count, _COLUMNS if count > _FEW else _FEW_COLUMNS)
    rows = -(-count // columns)
    sheet = np.zeros((rows * (k + 1) - 1, columns * (k + 1) - 1, 4), dtype=np.uint8)
    for i, weight in enumerate(weights):
        top, left = i // columns * (k + 1), i % columns * (k + 1)
        sheet[top : top + k, left : left + k, :3] = weight
        sheet[top : top + k, left : left + k, 3] = 255
    times = max(1, _FILTERS_PX // sheet.shape[1])
    return Image.fromarray(sheet).resize((sheet.shape[1] * times, sheet.shape[0] * times), Image.Resampling.NEAREST)


def _thinned(seen: Sequence[Look], chosen: Look) -> list[Look]:
    """Return at most `_MOST_SHOWN` looks, evenly spread, and the chosen and the last one."""
    step = -(-len(seen) // _MOST_SHOWN)
    return [look for i, look in enumerate(seen) if i % step == 0 or look in (chosen, seen[-1])]


def _said(answer: Answer, truth: int, classes: Sequence[str]) -> str:
    if answer.label == truth:
        return f"{100 * answer.probability:.0f}\u00a0%"
    return f"{classes[answer.label]} {100 * answer.probability:.0f}\u00a0%"


def details(watched: Watched, seen: Sequence[Look], chosen: Look) -> str:
    """Return filters and pictures after the epoch of `chosen`, as HTML."""
    filters, pictures, history = chosen.filters, [], _thinned(seen, chosen)
    for i, picture in enumerate(watched.pictures):
        answers = [look.answers[i] for look in seen]
        right = sum(answer.label == picture.label for answer in answers)
        truth, answer = watched.classes[picture.label], chosen.answers[i]
        bars = [Bar(one.answers[i].label == picture.label, max(1.5, _TALLEST * one.answers[i].of_truth), one is chosen) for one in history]
        title = f"{picture.name}, {truth}: right after {right} of {len(answers)} epochs; now {100 * answer.of_truth:.1f}\u00a0% for {truth}"
        said = _said(answer, picture.label, watched.classes)
        shown = {"shown": picture.shown, "truth": truth, "right": answer.label == picture.label, "answer": said}
        pictures.append(shown | {"history": bars, "title": title})
    count, channels, k = filters.shape
    colours = "channels as red, green, blue" if channels == 3 else "one grey"
    caption = f"{count} filters of {k}\u00a0×\u00a0{k}, {colours}; middle grey is 0, the largest weight {filters.largest:.2g}"
    return str(getattr(_HTML.module, "details")(chosen.epoch, data_uri(filters_picture(filters)), caption, pictures))  # noqa: B009


def _at(seen: Sequence[Look], epoch: float) -> Look:
    """Return the last look that is not after `epoch`, or the first."""
    return next((look for look in reversed(seen) if look.epoch <= epoch), seen[0])


def watch(settings: Settings, shown: Shown, epoch: float) -> list[Any]:
    """Return the place's visibility, charts, slider, details and what is then shown; what the page has already is left as it is.

    The slider stays where it is put; at its end it follows the training.
    """
    run = background.run(runs.latest, settings)
    watched, seen = background.run(looks, run) if run is not None else (None, ())
    if run is None or watched is None or not seen:
        return [gr.skip()] * 5 if shown == Shown() else [gr.update(visible=False), "", gr.skip(), "", Shown()]
    follows = shown.run != run.name or epoch >= shown.last
    chosen = seen[-1] if follows else _at(seen, epoch)
    now = Shown(run.name, len(seen), seen[-1].epoch, chosen.epoch)
    if now == shown:
        return [gr.skip()] * 5
    legend = str(getattr(_HTML.module, "legend")([look_of_part(part.name, seen[-1]) for part in seen[-1].parts]))  # noqa: B009
    first, last = seen[0].epoch, seen[-1].epoch
    slider = gr.update(minimum=first, maximum=max(last, first + 1), value=chosen.epoch, interactive=last > first)
    return [gr.update(visible=True), drawn(inside_figures(seen), legend), slider, details(watched, seen, chosen), now]


def turn(settings: Settings, shown: Shown, epoch: float) -> list[Any]:
    """Return the details of another epoch, and what is then shown."""
    run = background.run(runs.latest, settings)
    watched, seen = background.run(looks, run) if run is not None else (None, ())
    if run is None or watched is None or not seen or run.name != shown.run:
        return [gr.skip()] * 2
    chosen = _at(seen, epoch)
    if chosen.epoch == shown.epoch:
        return [gr.skip()] * 2
    return [details(watched, seen, chosen), Shown(shown.run, shown.count, shown.last, chosen.epoch)]


def build(page: Shared, title: str, curves: gr.HTML) -> None:
    """Lay out the place and wire it: it follows `curves`, which change whenever the training has told something."""
    charts = {
        "activations-chart": "Activations by part of the net",
        "gradients-chart": "Gradients by part of the net",
        "zeros-chart": "Zeros after the ReLUs by part of the net",
    }
    with gr.Column(visible=False, elem_id="inside-training") as place:
        panel = chart_panel("", charts=charts, elem_id="parts-of-training")
        epoch = gr.Slider(1, 2, value=1, step=1, label=_SLIDER, buttons=[], elem_id="looked-epoch")
        looked = gr.HTML("", elem_id="looked-at")
    has = gr.State(Shown())
    shown = [place, panel, epoch, looked, has]
    latest_only: dict[str, Any] = at_once() | {"trigger_mode": "always_last"}
    watched = while_open(bound(watch, page.settings), title)
    curves.change(watched, [page.active, has, epoch], shown, api_name="watch_training", **latest_only)
    epoch.change(bound(turn, page.settings), [has, epoch], [looked, has], api_name="look_at_epoch", **latest_only)
