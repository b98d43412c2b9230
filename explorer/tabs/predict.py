"""Predict tab: what a trained net sees in a photo, and where it looked."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
from PIL import Image

from densenet.weights import ASSETS, WEIGHTS, is_here
from explorer import background
from explorer.drawing import data_uri, enlarged, overlay, scale_of
from explorer.errors import explained
from explorer.formatting import duration, exact
from explorer.image_input import PhotoInput
from explorer.nets import loaded
from explorer.settings import Settings
from explorer.top_classes import classes_value, top_classes

TITLE = "Predict"
SAMPLES = sorted((ASSETS / "samples").glob("*.jpg"))
SHOWN_METHODS = ("grad_cam", "integrated_gradients", "saliency")
_EMPTY = '<div class="hint large">Drop a photo on the left, or click a sample: the net\'s five best guesses appear here.</div>'
_NO_VIEW = '<div class="view"></div>'


def _view_html(view: Image.Image, label: str) -> str:
    size = f"{view.width} × {view.height} px"
    picture = f'<img src="{data_uri(enlarged(view))}" alt="what the net sees">'
    return f'<figure class="view">{picture}<figcaption>{label}: {size}</figcaption></figure>'


@explained
def predict(settings: Settings, photo: Image.Image | None, net: str, progress: gr.Progress = gr.Progress()) -> tuple[Any, str, str]:
    """Return the five best classes, the picture that the net saw, and a line on time and net."""
    import time

    from densenet.predict import classify, view_of

    if photo is None:
        return None, _NO_VIEW, _EMPTY
    progress(0.0, desc=f"loading {WEIGHTS[net].label}")
    model = loaded(settings, net, progress)
    background.run(classify, model, photo)  # the first pass of a shape is slower than those that follow
    started = time.perf_counter()
    predictions = background.run(classify, model, photo)
    elapsed = time.perf_counter() - started
    record = WEIGHTS[net]
    line = (
        f'<div class="hint">{exact(record.params)} parameters, {record.top1_accuracy:.1f} % right on {escape(record.accuracy_on)}. '
        f"This photo took {duration(elapsed)}. Click a class to see why.</div>"
    )
    return classes_value(predictions), _view_html(view_of(model, photo), "The net sees"), line


def _map_html(title: str, says: str, picture: str, scale: float, note: str) -> str:
    bar = f'<div class="scale"><span>−{scale:.2g}</span><i></i><span>+{scale:.2g}</span></div>'
    return (
        f'<figure class="map"><img src="{picture}" alt="{escape(title)} map"><figcaption><b>{escape(title)}</b>{bar}'
        f"{escape(says)}{note}</figcaption></figure>"
    )


def _pending_html(title: str, text: str) -> str:
    return (
        f'<figure class="map pending"><div class="blank"></div><figcaption><b>{escape(title)}</b><br>{escape(text)}</figcaption></figure>'
    )


@explained
def explain(settings: Settings, photo: Image.Image | None, net: str, target: int) -> Iterator[str]:
    """Yield the three maps of class `target` as HTML, each as soon as it is there."""
    from densenet.attribution import METHODS, attribute
    from densenet.predict import input_of, view_of

    if photo is None:
        yield ""
        return
    model = loaded(settings, net)
    view = view_of(model, photo)
    x = input_of(model, view)
    label = WEIGHTS[net].labels()[target]
    drawn = {name: _pending_html(METHODS[name].label, "waiting …") for name in SHOWN_METHODS}

    def page() -> str:
        head = (
            f'<div class="map-head">Why <b>{escape(label)}</b>? Orange raises its score, blue lowers it; each map on its own scale.</div>'
        )
        return f'{head}<div class="maps">{"".join(drawn.values())}</div>'

    for name in SHOWN_METHODS:
        method = METHODS[name]
        drawn[name] = _pending_html(method.label, "computing …")
        yield page()
        result = background.run(attribute, model, x, target, name)
        values = result.map.sum(1)[0].cpu().numpy()
        note = f"; completeness error {result.delta:+.2g}" if result.delta is not None else ""
        drawn[name] = _map_html(method.label, method.says, data_uri(overlay(view, values)), scale_of(values), note)
    yield page()


def explain_best(settings: Settings, photo: Image.Image | None, net: str, classes: dict[str, Any] | None) -> Iterator[str]:
    """Yield the maps of the most probable class."""
    if photo is None or not classes:
        yield ""
        return
    yield from explain(settings, photo, net, int(classes["chosen"]))


def explain_clicked(settings: Settings, photo: Image.Image | None, net: str, event: gr.EventData) -> Iterator[str]:
    """Yield the maps of the class that was clicked."""
    yield from explain(settings, photo, net, int(event.index))


def _net_choices(settings: Settings) -> list[tuple[str, str]]:
    """The nets, each with what has to happen before it can answer."""
    return [
        (record.label if record.url is None else f"{record.label} · {'ready' if is_here(name, settings.weights_dir) else 'download'}", name)
        for name, record in WEIGHTS.items()
    ]


def build(settings: gr.State) -> None:
    """Lay out the tab and wire it."""
    with gr.Row(elem_id="predict"):
        with gr.Column(scale=2, min_width=270):
            net = gr.Dropdown(_net_choices(settings.value), value="cifar10", label="Net", elem_id="net")
            photo = PhotoInput(
                sources=["upload", "clipboard", "webcam"], buttons=[], height=210, label="Photo", elem_id="photo", show_label=False
            )
            gr.Examples([[str(path)] for path in SAMPLES], photo, examples_per_page=12, label="Samples", elem_id="samples")
        with gr.Column(scale=5, min_width=420):
            with gr.Row(elem_id="answer"):
                with gr.Column(scale=3, min_width=240):
                    classes = top_classes("top-classes")
                    line = gr.HTML(_EMPTY, elem_id="answer-line")
                with gr.Column(scale=1, min_width=180):
                    view = gr.HTML(_NO_VIEW, elem_id="net-view")
            maps = gr.HTML("", elem_id="maps")
    model_work: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model", "trigger_mode": "always_last"}
    answered = gr.on(
        [photo.change, net.change],
        predict,
        [settings, photo, net],
        [classes, view, line],
        show_progress="minimal",
        show_progress_on=classes,
        api_name="page_predict",
        api_visibility="private",
        **model_work,
    )
    answered.success(
        explain_best,
        [settings, photo, net, classes],
        maps,
        show_progress="hidden",
        api_name="page_explain",
        api_visibility="private",
        **model_work,
    )
    classes.click(
        explain_clicked,
        [settings, photo, net],
        maps,
        show_progress="hidden",
        api_name="page_explain_class",
        api_visibility="private",
        **model_work,
    )
