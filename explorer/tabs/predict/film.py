"""Film strip: Grad-CAM after each dense block, from edges to the class, on one scale."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from explorer.components.map_panel import MapOnPage, map_panel, panel_value
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.tabs.predict.stage import NOBODY, UNIT, Stage, head_of, interpolated_from, map_sides
from explorer.work import background
from explorer.work.cancelling import cancel_explaining
from explorer.work.handlers import bound, while_open
from explorer.work.queues import EXPLAINING, each_time, latest
from explorer.work.subject import Asked, pixels_of, subject_of

TITLE = "Film strip"


@explained
def show(settings: Settings, photo: Image.Image | None, asked: Asked | None) -> str:
    """Return Grad-CAM after each block as the panel's value."""
    if photo is None or asked is None:
        return ""
    from densenet.attribution import film_strip
    from densenet.attribution.cost import check_film

    subject = subject_of(settings, photo, asked)
    config = subject.model.config
    sides = map_sides(config, subject.view.width)
    background.run(check_film, subject.model, subject.x)
    strip = background.run(film_strip, subject.model, subject.x, asked.target)
    label = subject.labels[asked.target].replace(" ", "_")
    maps = [
        MapOnPage(f"Block {i}", interpolated_from(sides[i]), f"{label}-block{i}", pixels_of("grad_cam", one.map), unit=UNIT, smooth=True)
        for i, one in enumerate(strip, start=1)
    ]
    status = "Grad-CAM weights a whole map by one number: before the last block that says less of what the map does to the score."
    return panel_value(subject.view, maps, head=head_of(subject, asked, NOBODY), key=f"{asked}", status=status, shared=True)


def build(stage: Stage, tab: gr.Tab) -> None:
    """Lay out the view and wire it."""
    panel = map_panel("film")
    shown, sources = bound(show, stage.settings), [stage.photo, stage.asked]
    opened = tab.select(cancel_explaining, None, None, api_name="supersede_by_film", **each_time())
    opened.then(shown, sources, panel, api_name="show_film", **latest(EXPLAINING))
    stage.renewed.then(while_open(shown, TITLE), [stage.view, *sources], panel, api_name="follow_film", **latest(EXPLAINING))
