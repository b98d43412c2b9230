"""Predict tab: what trained nets see in a photo, why, and whether the reasons can be trusted."""

from __future__ import annotations

import secrets
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from densenet.checks import checked_integer, checked_names
from densenet.config import NUM_CLASSES_RANGE
from densenet.weights.known import ASSETS, DEFAULT, WEIGHTS
from densenet.weights.loading import WEIGHT_SUFFIXES
from explorer.components.messages import explained
from explorer.components.photo_input import PhotoInput, for_browsers
from explorer.settings import Settings
from explorer.tabs.predict import drawing, feeding, film, inside, lesion, maps, reuse, trial, trust
from explorer.tabs.predict.answers import answer_of, answers, answers_value
from explorer.tabs.predict.stage import Stage
from explorer.work import background, nets
from explorer.work.cancelling import cancel_explaining
from explorer.work.handlers import bound
from explorer.work.queues import PREDICTING, at_once, each_time, one_at_a_time
from explorer.work.subject import Asked, subject_of_net

TITLE = "Predict"
_NAMED = ("beagle", "berlin_cathedral", "chelsea_cat", "kitten", "reims_cathedral", "tabby", "taxis", "vienna_church", "wool_kitten")
SAMPLES = sorted(
    (ASSETS / "samples").glob("*.jpg"), key=lambda path: (path.stem not in _NAMED, path.stem)
)  # what no class names comes last
OF_THE_NET = (reuse, inside, lesion)
MOST_NETS = 3  # side by side; as many as `densenet.weights` keeps loaded
_CARD_SUFFIX = ".json"


@explained
def predict(
    settings: Settings, photo: Image.Image | None, chosen: list[str], progress: gr.Progress = gr.Progress()
) -> tuple[str, Asked | None]:
    """Return what each of the chosen nets says of the photo, and the first one's best class, about which the views are asked."""
    if photo is None or not chosen:
        return "", None
    columns, asked, missing = [], None, []
    for key in checked_names("nets", chosen)[:MOST_NETS]:
        progress(0.0, desc=f"loading {WEIGHTS[key].label}" if key in WEIGHTS else "loading")
        try:
            subject = subject_of_net(settings, photo, key, progress)
        except (ValueError, ConnectionError) as error:  # the other nets answer all the same
            missing.append(str(error))
            continue
        from densenet.predict import seconds_of

        seconds = background.run(seconds_of, subject.model, subject.x)
        columns.append(answer_of(key, subject.model, subject.view, subject.logits, seconds, subject.novelty))
        asked = asked or Asked(secrets.token_hex(4), key, int(subject.logits.argmax()))
    if asked is None:
        raise ValueError(" ".join(missing))
    for sentence in missing:
        gr.Warning(escape(sentence, quote=False), duration=8)
    return answers_value(columns, asked.net, asked.target), asked


def answer(
    settings: Settings, photo: Image.Image | None, chosen: list[str], progress: gr.Progress = gr.Progress()
) -> tuple[str, Asked | None, Any]:
    """Return what `predict` does, and the photo itself where no browser could show its file."""
    return *predict(settings, photo, chosen, progress), for_browsers(photo)


@explained
def choose_class(asked: Asked | None, event: gr.EventData) -> Asked:
    """Return the class of one of the nets that was clicked."""
    answer = asked.answer if asked else ""
    (net,) = checked_names("net", [event.net])
    return Asked(answer, net, checked_integer("class", event.index, (0, NUM_CLASSES_RANGE[1] - 1)))


@explained
def bring(settings: Settings, chosen: list[str], known: list[tuple[str, str]], files: list[str]) -> tuple[Any, list[tuple[str, str]]]:
    """Read a visitor's weights, with a card where one came along; the net joins the others and is asked at once."""
    files = checked_names("files", files)
    weights = [Path(file) for file in files if Path(file).suffix.lower() != _CARD_SUFFIX]
    cards = [Path(file) for file in files if Path(file).suffix.lower() == _CARD_SUFFIX]
    if len(weights) != 1 or len(cards) > 1:
        raise ValueError(f"Please bring one file of weights, and its card (.json) if it has one; these were {len(files)} files.")
    key = nets.bring(weights[0], cards[0] if cards else None)
    known = [*known, (f"{nets.record_of(nets.loaded(settings, key)).label} · yours", key)]
    return gr.update(choices=[*nets.choices(settings), *known], value=[key, *checked_names("nets", chosen)][:MOST_NETS]), known


@explained
def switch_meaning(
    settings: Settings, chosen: list[str], known: list[tuple[str, str]], event: gr.EventData
) -> tuple[Any, list[tuple[str, str]]]:
    """Have a visitor's net answer for classes that exclude each other instead of labels that do not, or the other way round."""
    chosen = checked_names("nets", chosen)
    (net,) = checked_names("net", [event.net])
    key = nets.with_other_meaning(net)
    known = [(label, key if name == net else name) for label, name in known]
    return gr.update(choices=[*nets.choices(settings), *known], value=[key if name == net else name for name in chosen]), known


@explained
def other_photo(files: list[str]) -> str:
    """Return the file of a photo whose kind the browser does not know, and so would not let pass as an image."""
    files = checked_names("files", files)
    if len(files) != 1:
        raise ValueError(f"Please bring one photo, these were {len(files)} files.")
    return str(Path(files[0]))


def _opened_view(event: gr.SelectData) -> str:
    return str(event.value)


def known_nets(settings: Settings, known: list[tuple[str, str]]) -> Any:
    """Return the choices of nets, with those that were trained meanwhile."""
    return gr.update(choices=[*nets.choices(settings), *known])


def build(settings: Settings, tab: gr.Tab) -> tuple[gr.State, gr.Dropdown]:
    """Lay out the tab and wire it; returns the nets that the visitor brings, by label and name, and the choice of those that are asked."""
    asked, view, known = gr.State(None), gr.State(maps.TITLE), gr.State([])
    with gr.Row(elem_id="predict"):
        with gr.Column(scale=2, min_width=250, elem_id="photo-side"):
            chosen = gr.Dropdown(
                nets.choices(settings),
                value=[DEFAULT],
                label="Nets, side by side",
                multiselect=True,
                max_choices=MOST_NETS,
                container=False,
                elem_id="net",
            )
            with gr.Row():
                upload = gr.UploadButton(
                    "Your own weights",
                    file_types=[*WEIGHT_SUFFIXES, _CARD_SUFFIX],
                    file_count="multiple",
                    size="sm",
                    min_width=120,
                    elem_id="bring",
                )
                other = gr.UploadButton("HEIC, DICOM", file_count="multiple", size="sm", min_width=100, elem_id="other-photo")
            form = feeding.build()
            canvas = drawing.build()
            photo = PhotoInput(
                sources=["upload", "clipboard", "webcam"], buttons=[], height=170, label="Photo", elem_id="photo", show_label=False
            )
            gr.Examples([[str(path)] for path in SAMPLES], photo, examples_per_page=len(SAMPLES), label="Samples", elem_id="samples")
        with gr.Column(scale=6, min_width=480):
            panel = answers("answers")
            renewed = asked.change(cancel_explaining, None, None, api_name="supersede_maps", **each_time())
            stage = Stage(settings, photo, asked, view, renewed)
            with gr.Tabs(elem_id="views-of-photo") as views:
                with gr.Tab(maps.TITLE, id=maps.TITLE) as place:
                    drawn = maps.build(stage, place)
                with gr.Tab(film.TITLE, id=film.TITLE) as place:
                    film.build(stage, place)
                with gr.Tab(trust.TITLE, id=trust.TITLE) as place:
                    trust.build(stage, place, views, drawn)
                for module in OF_THE_NET:
                    with gr.Tab(module.TITLE, id=module.TITLE) as place:
                        module.build(stage, place)
                with gr.Tab(trial.TITLE, id=trial.TITLE):
                    trial.build(stage, chosen, views, maps.TITLE)
    model_work = one_at_a_time(PREDICTING) | {"show_progress": "minimal"}
    gr.on(
        [photo.change, chosen.change],
        bound(answer, settings),
        [photo, chosen],
        [panel, asked, photo],
        show_progress_on=panel,
        trigger_mode="always_last",
        api_name="page_predict",
        **model_work,
    )
    clicked: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    panel.click(choose_class, asked, asked, trigger_mode="multiple", api_name="choose_class", **clicked)  # the last of quick clicks counts
    feeding.wire(form, settings, chosen, known)
    drawing.wire(canvas, settings, chosen, photo)
    brought = [chosen, known]
    panel.select(bound(switch_meaning, settings), brought, brought, api_name="switch_meaning", **at_once())
    upload.upload(bound(bring, settings), [*brought, upload], brought, api_name="bring_weights", **model_work)
    other.upload(other_photo, other, photo, api_name="other_photo", show_progress_on=panel, **at_once())
    tab.select(bound(known_nets, settings), known, chosen, api_name="known_nets", **at_once())
    views.select(_opened_view, None, view, api_name="open_view", **at_once())
    return known, chosen
