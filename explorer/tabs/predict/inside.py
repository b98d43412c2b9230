"""Inside: the feature maps of any layer for the photo, all on one colour scale, and which channels it leaves dead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from densenet.checks import checked_choice
from explorer.components.colours import AMOUNTS, BOTH_WAYS, css_gradient, palette
from explorer.components.formatting import exact, side
from explorer.components.messages import explained
from explorer.components.overlays import data_uri, enlarged, scale_of
from explorer.components.scripts import script_of
from explorer.settings import Settings
from explorer.tabs.predict.stage import NOTHING, Stage
from explorer.work import background
from explorer.work.handlers import bound, while_open
from explorer.work.queues import PREDICTING, latest
from explorer.work.subject import Asked, subject_of

if TYPE_CHECKING:
    from densenet.arithmetic.receptive import ReceptiveField
    from densenet.features.inside import Channel, InsideLayer

TITLE = "Inside"
FIRST_LAYER = "features.conv0"  # every net has one: edges and colours, which everybody recognises
LARGEST, BY_NUMBER = "largest first", "by number"
ORDERS = (LARGEST, BY_NUMBER)
MOST_SHOWN = 48
_WIDE_UP_TO = 24  # maps that are drawn larger, since fewer fill the place
_WIDE_COLUMNS, _COLUMNS = 8, 12
_OF_STEM = {"conv": "convolution", "norm": "norm", "relu": "ReLU", "pool": "pooling"}
_AT_THE_END = {"features.norm5": "last norm", "relu5": "last ReLU"}


def _name_in_stem(name: str) -> str:
    """Name features.conv0 for people; a deep stem's later ones with their number, from 1."""
    operation, number = name.removeprefix("features.")[:-1], int(name[-1])
    return f"stem, {_OF_STEM[operation]}" + (f" {number + 1}" if number else "")


def label_of(layer: InsideLayer) -> str:
    """Name a layer for people: block 2, layer 3: 24 maps of 16 × 16."""
    inside = {
        "layer": f"block {layer.block}, layer {layer.position}",
        "block": f"block {layer.block}, everything",
        "transition": f"transition {layer.block}",
    }
    name = inside.get(layer.part) or (_name_in_stem(layer.name) if layer.part == "stem" else _AT_THE_END[layer.name])
    return f"{name}: {layer.channels} map{'s' * (layer.channels != 1)} of {side(layer.size)}"


def order_of(maps: NDArray[np.floating], order: str) -> list[int]:
    """Return the channels of `maps`, C x H x W, in the order in which they are shown; equally large ones by number."""
    if checked_choice("order", order, ORDERS) == BY_NUMBER:
        return list(range(len(maps)))
    return np.argsort(-np.abs(maps).mean((1, 2)), kind="stable").tolist()


def tile(values: NDArray[np.floating], scale: float, colours: tuple[str, ...]) -> Image.Image:
    """Draw one map, H x W, a pixel a value: `scale` and beyond in the last colour, 0 in the middle of `BOTH_WAYS` or at the start."""
    share = np.clip(values / scale, -1.0, 1.0) if scale else np.zeros(values.shape)
    picture = Image.fromarray(((127.5 + 127.5 * share) if colours == BOTH_WAYS else 255 * share).round().astype(np.uint8))
    picture.putpalette(palette(colours).tobytes())
    return picture


def _title(number: int, channel: Channel, zeros: bool) -> str:
    """What pointing at a map says; before a ReLU hardly a value is exactly 0."""
    share = f", {100 * channel.zeros:.0f}\u00a0% zeros" if zeros else ""
    return f"channel {number}: mean {channel.mean:.3g}, largest {channel.largest:.3g}{share}"


def _line(layer: InsideLayer, shown: int, order: str, dead: int, signed: bool) -> str:
    maps = f"<b>{layer.says[0].upper()}{layer.says[1:]}</b>. "
    if shown < layer.channels:
        maps += f"{shown} of {exact(layer.channels)} maps, {'those of the largest mean magnitude' if order == LARGEST else 'the first'}. "
    share = f"{dead} of {exact(layer.channels)} channels {'is' if dead == 1 else 'are'} dead: 0 everywhere in this photo."
    return maps + (share if not signed else "Below 0 is blue: dead channels can be told only after a ReLU.")


def _photo(view: Image.Image, field: ReceptiveField, layer: InsideLayer) -> str:
    """Return what the net saw with the square of one value's receptive field, which the page's script moves under the pointer."""
    whole = field.size >= 2 * view.width  # from wherever it looks
    says = "all of the photo" if whole else f"{side(field.size)} pixels of the photo"
    numbers = f'data-size="{field.size}" data-jump="{field.jump}" data-start="{field.start}" data-px="{view.width}" data-map="{layer.size}"'
    return (
        f'<figure class="inside-photo" {numbers}><div class="inside-view"><img src="{data_uri(enlarged(view))}" alt="what the net saw">'
        f'<div class="inside-square"></div></div><figcaption class="hint">The square: {says}, which one value of these maps depends on '
        "(receptive field). Point at a map to move it.</figcaption></figure>"
    )


def page_of(
    layer: InsideLayer,
    maps: NDArray[np.floating],
    statistics: tuple[Channel, ...],
    order: str,
    photo: str = "",
) -> str:
    """Return the maps of a layer, C x H x W, as HTML, beside the `photo`."""
    signed = bool((maps < 0).any())
    colours, scale = BOTH_WAYS if signed else AMOUNTS, scale_of(maps)
    chosen = order_of(maps, order)[:MOST_SHOWN]
    tiles = "".join(
        f'<img src="{data_uri(tile(maps[i], scale, colours))}" alt="channel {i}" title="{_title(i, statistics[i], not signed)}">'
        for i in chosen
    )
    dead = sum(channel.dead for channel in statistics)
    bar = f'<i style="background:{css_gradient(colours)}"></i>'
    ends = f"<span>{f'−{scale:.2g}' if signed else '0'}</span>{bar}<span>{scale:.2g}</span>"
    columns = _WIDE_COLUMNS if len(chosen) <= _WIDE_UP_TO else _COLUMNS
    hint = f'<div class="hint">{_line(layer, len(chosen), order, dead, signed)}</div>'
    head = f'<div class="inside-head">{hint}<div class="scale">{ends}</div></div>'
    return f'{head}<div class="inside-body">{photo}<div class="inside-maps" style="--columns:{columns}">{tiles}</div></div>'


@explained
def show(settings: Settings, photo: Image.Image | None, asked: Asked | None, layer: str, order: str) -> tuple[Any, str]:
    """Return the choice of layers of the asked net, and the maps of `layer`, or of its first one if it has none of that name."""
    from densenet.features.inside import channel_statistics, check_maps, feature_maps, inside_layers, sees

    if photo is None or asked is None:
        return gr.skip(), NOTHING
    subject = subject_of(settings, photo, asked)
    layers = {known.name: known for known in inside_layers(subject.model.config, subject.view.width)}
    chosen = layers[layer if isinstance(layer, str) and layer in layers else FIRST_LAYER]
    background.run(check_maps, subject.model, subject.x, chosen)
    maps = background.run(feature_maps, subject.model, subject.x, chosen.name)
    photo_seen = _photo(subject.view, sees(subject.model.config, subject.view.width, chosen.name), chosen)
    page = page_of(chosen, maps.float().numpy(), background.run(channel_statistics, maps), order, photo_seen)
    return gr.update(choices=[(label_of(known), name) for name, known in layers.items()], value=chosen.name), page


def build(stage: Stage, tab: gr.Tab) -> None:
    """Lay out the view and wire it."""
    with gr.Row(elem_classes="explain-tools"):
        layer = gr.Dropdown(
            [("stem, convolution", FIRST_LAYER)],
            value=FIRST_LAYER,
            show_label=False,
            container=False,
            scale=2,
            min_width=260,
            elem_id="inside-layer",
        )
        order = gr.Radio(list(ORDERS), value=LARGEST, show_label=False, container=False, scale=1, min_width=240, elem_classes="few")
    page = gr.HTML(NOTHING, js_on_load=script_of(Path(__file__).with_suffix(".js")), elem_id="inside")
    shown, sources = bound(show, stage.settings), [stage.photo, stage.asked, layer, order]
    outputs = [layer, page]
    gr.on([tab.select, layer.input, order.change], shown, sources, outputs, api_name="show_inside", **latest(PREDICTING))
    stage.asked.change(while_open(shown, TITLE), [stage.view, *sources], outputs, api_name="follow_inside", **latest(PREDICTING))
