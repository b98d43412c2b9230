"""A canvas to draw on, for nets that read grey pictures: what is drawn is scaled as their pictures are, and answered stroke by stroke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from densenet.checks import checked_names
from densenet.pictures.strokes import checked_strokes, drawing
from explorer.components.messages import explained
from explorer.components.photo_input import PhotoInput
from explorer.components.scripts import script_of
from explorer.settings import Settings
from explorer.work import background, nets
from explorer.work.handlers import bound
from explorer.work.queues import PREDICTING, each_time, latest

_ON_LOAD = script_of(Path(__file__).with_suffix(".js"))
_TEMPLATE = """<div class="canvas-head"><b class="canvas-hint"></b>
<button type="button" class="canvas-clear">Clear</button></div>
<canvas width="480" height="480" tabindex="0" role="img" aria-label="A place to draw on"></canvas>"""


def _grey(settings: Settings, chosen: list[str] | None) -> Any:
    """Return the record of the first of the chosen nets if it reads grey pictures, else None."""
    if not chosen:
        return None
    try:
        record = background.run(nets.record_to_start_from, settings, checked_names("nets", chosen)[0])
    except (ValueError, ConnectionError):  # whoever asks the net says why it cannot be had
        return None
    return record if record.config.in_channels == 1 else None


def offered(settings: Settings, chosen: list[str] | None) -> str:
    """Return what can be drawn for the first of the chosen nets, where it reads grey pictures: without it the canvas is hidden."""
    record = _grey(settings, chosen)
    if record is None:
        return ""
    labels = record.labels()
    digits = set(labels) <= set("0123456789")
    return f"Draw a digit, {labels[0]} to {labels[-1]}" if digits else f"Draw: {labels[0]}, …"


@explained
def drawn(settings: Settings, chosen: list[str] | None, event: gr.EventData) -> Image.Image | None:
    """Return what was drawn as a picture of the kind that the first of the chosen nets has learnt from; None once it was wiped away."""
    if not event.strokes:
        return None
    record = _grey(settings, chosen)
    if record is None:
        raise ValueError("Choose a net that reads grey pictures first.")
    return drawing(checked_strokes(event.strokes), record.preprocessing.crop_px).convert("RGB")


def build() -> gr.HTML:
    """Lay out the canvas, which nobody sees yet."""
    return gr.HTML("", html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id="drawing")


def wire(canvas: gr.HTML, settings: Settings, chosen: gr.Dropdown, photo: PhotoInput) -> None:
    """Show the canvas where it helps, and have what is drawn become the photo."""
    chosen.change(bound(offered, settings), chosen, canvas, api_name="offer_drawing", **each_time())
    canvas.input(bound(drawn, settings), chosen, photo, api_name="draw", **latest(PREDICTING))
