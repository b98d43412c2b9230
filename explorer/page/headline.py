"""The row of numbers that stays in sight: what the net costs, each beside its preset."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from explorer.components.formatting import difference, exact, memory, short, side, signed
from explorer.components.templates import template_of
from explorer.page.numbers import Numbers, numbers_beside
from explorer.page.page_state import label_of

_ON_LOAD = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_HTML = template_of(Path(__file__).with_suffix(".html"))
_TEMPLATE = '<div class="tiles"></div>'
_NOTHING = "() => []"  # for the browser to do


class _Tile(NamedTuple):
    label: str
    value: str
    note: str
    title: str
    same: bool


def _tile(other: str, label: str, value: str, change: str, title: str) -> _Tile:
    same = change == "="
    return _Tile(label, value, f"as {other}" if same else f"{change} vs {other.removeprefix('the ')}", title, same)


def headline(shown: Numbers, pinned: Numbers | None = None) -> str:
    """Return the tiles as HTML, each number beside that of the net pinned as A, or else of the preset."""
    start = pinned or numbers_beside(shown.state.reference)
    ours, theirs, workload = shown.totals, start.totals, shown.state.workload
    infer, train = shown.peak("infer"), shown.peak("train")
    images = f"{workload.batch_size} image{'s' * (workload.batch_size != 1)} of {side(workload.image_size)}"
    rule = f"Peak of one step, {workload.precision}, {images}: live tensors; the device's context and workspaces are not in it."
    training = f"{rule} Optimizer: {workload.optimizer}; checkpointing: {workload.checkpointing}."
    tile = partial(_tile, "A" if pinned else "the preset")
    tiles = (
        tile("Parameters", short(ours.params), difference(ours.params, theirs.params), f"{exact(ours.params)} trainable values"),
        tile(
            "MACs per image",
            short(ours.macs),
            difference(ours.macs, theirs.macs),
            f"{exact(ours.macs)} multiply-accumulates of convolutions and classifier; FLOPs are twice that",
        ),
        tile("Depth", str(ours.depth), signed(ours.depth - theirs.depth), "Convolutions and the classifier, one after the other"),
        tile("Features out", exact(ours.features_out), signed(ours.features_out - theirs.features_out), "Channels the classifier sees"),
        tile("Inference memory", memory(infer), difference(infer, start.peak("infer")), rule),
        tile("Training memory", memory(train), difference(train, start.peak("train")), training),
    )
    return _HTML.render(tiles=tiles, net=label_of(shown.state))


def build(value: dict[str, str]) -> gr.HTML:
    """Lay out the tiles; `value` holds them, the address's query and the open tab."""
    return gr.HTML(value, html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id="headline")


def at_rest(tiles: gr.HTML) -> Callable[..., Any]:
    """Return what wires a handler to the moment at which the sliders have come to rest.

    Gradio asks the handlers of one event one after the other, and all of them again as soon as one that was due meanwhile has ended: where
    they take longer than the sliders need, for ever. So the event itself has one that does nothing, and each handler follows it by itself.
    """
    follow: Callable[..., Any] = tiles.rest(None, None, None, js=_NOTHING, api_visibility="private").then
    return follow
