"""How a visitor's net is fed, and what its outputs mean: seen, set, and kept in a file whose card says it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from gradio.utils import get_upload_folder

from densenet.checks import checked_names
from densenet.config import IMAGE_SIZE_RANGE, STEM_OF, STEMS
from explorer.components.messages import explained
from explorer.components.templates import template_of
from explorer.page.fields import FIELDS
from explorer.settings import Settings
from explorer.work import background, nets
from explorer.work.handlers import bound
from explorer.work.queues import PREDICTING, at_once, each_time, one_at_a_time

if TYPE_CHECKING:
    from densenet.record import Weights

TITLE = "How your net is fed"
_FITS = [("its centre is cut out", "crop"), ("padded to a square", "pad"), ("stretched to a square", "stretch")]
_MEANINGS = [("classes exclude each other", "softmax"), ("labels are independent", "sigmoid"), ("numbers, as of a regression", "none")]
_STEMS = next(field.words for field in FIELDS if field.name == "stem")
_OWN = "as written below"
_SAYS = template_of(Path(__file__).with_suffix(".html"))
SCALES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {  # what values are brought to: mean and deviation, of colour and of grey
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CIFAR's": ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    "0 to 1": ((0.0,), (1.0,)),
    "-1 to 1": ((0.5,), (0.5,)),
    "0 to 255": ((0.0,), (1 / 255,)),
    "-1024 to 1024 (X-ray)": ((0.5,), (1 / 2048,)),
}


class Fields(NamedTuple):
    """The values of the form, in its order."""

    fit: str
    side: float | None
    resize: float | None  # of the short side, before the centre is cut out; 0 or None: none
    mean: str
    std: str
    invert: bool
    activation: str
    stem: str


def numbers_in(text: object, name: str) -> list[float]:
    """Return the numbers of a text like 0.485, 0.456, 0.406; ValueError where it is none."""
    try:
        return [float(part) for part in str(text).replace(";", ",").split(",")]
    except ValueError:
        raise ValueError(f"{name} must be numbers with commas between them, one for each channel, got {text!r:.60}") from None


def _written(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.8g}" for value in values)


def _whole(value: float | None) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def said_by(record: Weights, fields: Fields) -> dict[str, object]:
    """Return what the form says of the net of `record`, as fields of a card; `densenet.weights.cards` checks them."""
    from dataclasses import asdict, replace

    cut: dict[str, object] = {"crop_px": _whole(fields.side), "fit": fields.fit}
    if fields.fit == "crop" and fields.resize:
        cut["resize_px"] = _whole(fields.resize)
    scale = {"mean": numbers_in(fields.mean, "mean"), "std": numbers_in(fields.std, "std"), "invert": fields.invert}
    said: dict[str, object] = {"preprocessing": cut | scale, "activation": fields.activation}
    if fields.stem != record.config.stem:
        said["config"] = asdict(replace(record.config, stem=fields.stem))
    return said


def _stems_like(stem: str) -> list[str]:
    """Return the stems whose weights look like those of `stem`."""
    return [one for one in STEMS if STEM_OF[one]._replace(pooled=True) == STEM_OF[stem]._replace(pooled=True)]


def mine_among(chosen: object) -> str | None:
    """Return the first of the chosen nets that the visitor brought, or None."""
    return next((net for net in checked_names("nets", chosen) if nets.is_brought(net)), None)


@explained
def shown(settings: Settings, chosen: list[str]) -> list[Any]:
    """Return the place of the form, the sentences on what was assumed, and the form's fields for the net that is asked about."""
    net = mine_among(chosen)
    if net is None:
        return [gr.update(visible=False)] + [gr.skip()] * (len(Fields._fields) + 3)
    record = nets.record_of(nets.loaded(settings, net))
    seen, stems = record.preprocessing, _stems_like(record.config.stem)
    return [
        gr.update(visible=True, label=f"{TITLE}: {record.label:.40}"),
        _SAYS.render(sentences=record.assumptions),
        gr.update(value=seen.fit),
        gr.update(value=seen.crop_px, minimum=record.config.smallest_image_size),
        gr.update(value=seen.resize_px or 0, visible=seen.fit == "crop"),
        gr.update(value=_written(seen.mean)),
        gr.update(value=_written(seen.std)),
        gr.update(value=seen.invert),
        gr.update(value=record.activation),
        gr.update(choices=[(word, name) for word, name in _STEMS if name in stems], value=record.config.stem, visible=len(stems) > 1),
        gr.update(value=_OWN),
        gr.update(value=None, visible=False),
    ]


def scale_shown(settings: Settings, chosen: list[str], scale: str) -> list[Any]:
    """Return mean and deviation that bring values to `scale`, for each channel of the net that is asked about."""
    net = mine_among(chosen)
    if net is None or scale not in SCALES:
        return [gr.skip(), gr.skip()]
    channels = nets.record_of(nets.loaded(settings, net)).config.in_channels
    return [_written(values if len(values) == channels else values[:1] * channels) for values in SCALES[scale]]


@explained
def apply(settings: Settings, chosen: list[str], known: list[tuple[str, str]], *values: Any) -> tuple[Any, list[tuple[str, str]]]:
    """Have the visitor's net be fed and read as the form says; it is asked anew at once."""
    net = mine_among(chosen)
    if net is None:
        raise ValueError("Bring weights first: what other nets are fed is known.")
    key = nets.told(net, said_by(nets.record_of(nets.loaded(settings, net)), Fields(*values)))
    known = [(label, key if name == net else name) for label, name in known]
    return gr.update(choices=[*nets.choices(settings), *known], value=[key if name == net else name for name in chosen]), known


@explained
def keep(settings: Settings, chosen: list[str]) -> Any:
    """Return the visitor's net as a safetensors file, with a card in it and beside it that says how it is fed and what it answers."""
    net = mine_among(chosen)
    if net is None:
        raise ValueError("Bring weights first: only a net that was brought is kept anew.")
    model = nets.loaded(settings, net)
    return gr.update(value=background.run(_kept_in, model, Path(get_upload_folder()) / secrets.token_hex(16)), visible=True)


def _kept_in(model: Any, place: Path) -> list[str]:
    from densenet.weights.composing import card_of
    from densenet.weights.net_files import save_net

    record = nets.record_of(model)
    place.mkdir(parents=True)
    file = place / f"{record.name}.safetensors"
    save_net(model, file, card_of(record))
    return [str(file), str(file.with_suffix(".json"))]


class Form(NamedTuple):
    """The parts of the form that others are wired to."""

    place: gr.Accordion
    says: gr.HTML
    fields: list[gr.components.Component]
    scale: gr.Dropdown
    start: gr.Button
    save: gr.Button
    file: gr.File


def build() -> Form:
    """Lay out the form, hidden until there is a net that it speaks of."""
    with gr.Accordion(TITLE, open=False, visible=False, elem_id="feeding") as place:
        says = gr.HTML("", elem_id="assumptions")
        fit = gr.Dropdown(_FITS, value="crop", label="The photo is", filterable=False, min_width=160)
        with gr.Row():
            side = gr.Number(224, label="Side, px", precision=0, minimum=1, maximum=IMAGE_SIZE_RANGE[1], min_width=80)
            resize = gr.Number(0, label="Short side first, px", precision=0, minimum=0, min_width=80)
        scale = gr.Dropdown([_OWN, *SCALES], value=_OWN, label="Values are brought to", filterable=False, min_width=160)
        mean = gr.Textbox("", label="Mean, of values from 0 to 1", max_lines=1, min_width=160)
        std = gr.Textbox("", label="Deviation", max_lines=1, min_width=160)
        invert = gr.Checkbox(False, label="Dark and bright swapped")
        activation = gr.Dropdown(_MEANINGS, value="softmax", label="Outputs", filterable=False, min_width=160)
        stem = gr.Dropdown(list(_STEMS), value=STEMS[0], label="Stem", visible=False, filterable=False, min_width=160)
        with gr.Row():
            start = gr.Button("Apply", size="sm", variant="primary", min_width=70)
            save = gr.Button("Save with card", size="sm", min_width=90)
        file = gr.File(label="The net, and its card", visible=False, file_count="multiple", elem_id="net-with-card")
    return Form(place, says, [fit, side, resize, mean, std, invert, activation, stem], scale, start, save, file)


def wire(form: Form, settings: Settings, chosen: gr.Dropdown, known: gr.State) -> None:
    """Let the form follow the nets that are chosen, and change the one that it speaks of."""
    shows = [form.place, form.says, *form.fields, form.scale, form.file]
    chosen.change(bound(shown, settings), chosen, shows, api_name="show_feeding", show_progress_on=form.says, **each_time())
    mean, std = form.fields[3:5]
    form.scale.input(bound(scale_shown, settings), [chosen, form.scale], [mean, std], api_name="show_scale", **at_once())
    work = one_at_a_time(PREDICTING)
    form.start.click(bound(apply, settings), [chosen, known, *form.fields], [chosen, known], api_name="feed", **work)
    form.save.click(bound(keep, settings), chosen, form.file, api_name="keep_net", show_progress_on=form.save, **work)
