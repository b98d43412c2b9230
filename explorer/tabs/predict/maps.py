"""Maps: which pixels made the net say so, by several methods side by side, for one class or for one class against another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from densenet.attribution import METHODS, Attribution, Option, attribute, options_of
from densenet.attribution.catalogue import method_of
from densenet.attribution.cost import check_map
from densenet.attribution.options import BASELINE, BLOCK, NOISE, SAMPLES, STEPS, WINDOW
from densenet.checks import checked_names
from densenet.config import BLOCKS_RANGE
from densenet.stopping import Cancelled, Stop
from explorer.components.formatting import duration
from explorer.components.map_panel import MapOnPage, map_panel, panel_value
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.tabs.predict.stage import FIRST_METHODS, METHOD_CHOICES, NOBODY, UNIT, Stage, head_of, interpolated_from, map_sides
from explorer.work import background
from explorer.work.cancelling import cancel_explaining, cancellable
from explorer.work.handlers import bound, while_open
from explorer.work.queues import EXPLAINING, PREDICTING, at_once, each_time, latest
from explorer.work.subject import Asked, Subject, pixels_of, subject_of

if TYPE_CHECKING:
    from torch import Tensor

TITLE = "Maps"
ALONE = ("against no other", NOBODY)
OPTIONS = {  # in the order of the page's components; 0 leaves to the library what follows the net or the photo
    STEPS: "Steps (integrated gradients)",
    BASELINE: "Baseline",
    SAMPLES: "Noisy images (SmoothGrad)",
    NOISE: "Noise (SmoothGrad)",
    WINDOW: "Square, px (0: by size)",
    BLOCK: "Grad-CAM block (0: last)",
}
_HIGHEST = {WINDOW: 64, BLOCK: BLOCKS_RANGE[1]}  # offered where the range follows the net or the photo


def options_for(method: str, values: tuple[Any, ...], subject: Subject) -> dict[str, object]:
    """Return what the page says, in the order of `OPTIONS`, for those options that `method` has; a block past the last is the last."""
    height, width = subject.x.shape[-2:]
    known = {option.name: option for option in options_of(method, subject.model.config, height, width)}
    options: dict[str, object] = {}
    for option, value in zip(OPTIONS, values, strict=True):
        if option.name in known and (value or option.default is not None):
            options[option.name] = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(block := options.get("block"), int):
        options["block"] = min(block, int(known["block"].high or block))
    return options


def _note(attribution: Attribution) -> tuple[str, bool]:
    """Say how complete a map is, and whether that is a warning."""
    if attribution.delta is None:
        return "", False
    from densenet.attribution.trust import completeness

    judged = completeness(attribution)
    assert judged is not None
    if judged.error is None:
        return f"completeness error {attribution.delta:+.2g}", False
    return f"completeness error {100 * judged.error:.1f}\u00a0% ({attribution.delta:+.2g})", bool(judged.flagged)


def _one(subject: Subject, asked: Asked, against: int, method: str, options: dict[str, object], stop: Stop) -> Iterator[MapOnPage]:
    """Yield one map while it grows, and last as it is."""
    facts = METHODS[method]
    other = None if against == NOBODY else against

    def work(tell: Callable[[tuple[float, Tensor]], None]) -> Attribution:
        check_map(subject.model, subject.x, method, **options)  # type: ignore[arg-type]
        grown: list[Tensor] = []

        def progress(done: int, total: int) -> None:
            tell((done / total, grown.pop()))

        return attribute(
            subject.model,
            subject.x,
            asked.target,
            method,
            against=other,
            progress=progress,
            so_far=grown.append,
            stop=stop,
            **options,  # type: ignore[arg-type]
        )

    yield MapOnPage(facts.label, "computing …")
    started = time.perf_counter()
    growing = background.stream(work)
    while True:
        try:
            share, so_far = next(growing)
        except StopIteration as end:
            result: Attribution = end.value
            break
        except ValueError as error:
            yield MapOnPage(facts.label, str(error))
            return
        yield MapOnPage(facts.label, f"{100 * share:.0f}\u00a0% …", values=pixels_of(method, so_far), unit=UNIT, smooth=facts.interpolated)
    note, bad = _note(result)
    stem = f"{subject.labels[asked.target].replace(' ', '_')}-{method}"
    took = duration(time.perf_counter() - started)
    says = [facts.says, took]
    if facts.interpolated:
        sides = map_sides(subject.model.config, subject.view.width)
        says.insert(1, interpolated_from(sides[options.get("block") or max(sides)]))  # type: ignore[index]
    values = pixels_of(method, result.map)
    yield MapOnPage(facts.label, " · ".join(says), stem, values, note, bad, UNIT, facts.known_wrong, method, facts.interpolated)


@explained
def show(
    request: gr.Request,
    settings: Settings,
    photo: Image.Image | None,
    asked: Asked | None,
    methods: list[str],
    against: int | None,
    *values: Any,
) -> Iterator[str]:
    """Yield the maps of the asked class, each as soon as it is there, slow ones while they grow."""
    if photo is None or asked is None:
        yield ""
        return
    subject = subject_of(settings, photo, asked)
    other = NOBODY if against is None or against == asked.target or against not in range(len(subject.labels)) else against
    drawn = {name: MapOnPage(method_of(name).label, "waiting …") for name in checked_names("methods", methods)}
    key = f"{asked}{other}{methods}{values}"

    def page() -> str:
        return panel_value(subject.view, list(drawn.values()), head=head_of(subject, asked, other), key=key)

    try:
        with cancellable(request, EXPLAINING) as stop:
            for name in drawn:
                for shown in _one(subject, asked, other, name, options_for(name, values, subject), stop):
                    drawn[name] = shown
                    yield page()
    except Cancelled:
        drawn |= {name: MapOnPage(one.title, "stopped") for name, one in drawn.items() if "…" in one.says}
        yield page()


@explained
def contrast_choices(settings: Settings, photo: Image.Image | None, asked: Asked | None) -> Any:
    """Return the classes that the asked one can be set against: the other most probable ones first."""
    if photo is None or asked is None:
        return gr.update(choices=[ALONE], value=NOBODY)
    subject = subject_of(settings, photo, asked)
    order = subject.logits.argsort(descending=True).tolist()
    named = [(f"and not {subject.labels[i]}", i) for i in order if i != asked.target]
    return gr.update(choices=[ALONE, *named], value=NOBODY)


def component_of(option: Option, label: str) -> gr.Slider | gr.Dropdown:
    """Return what sets `option` on the page, by its range and default in the catalogue."""
    if option.choices:
        return gr.Dropdown(list(option.choices), value=option.default, label=label, min_width=110)
    default = option.default if isinstance(option.default, int | float) else None
    low = 0 if default is None else option.low or 0
    step = 1 if option.kind == "integer" else 0.01
    return gr.Slider(low, option.high or _HIGHEST[option], default or 0, step=step, label=label, buttons=[], min_width=150)


def build(stage: Stage, tab: gr.Tab) -> gr.HTML:
    """Lay out the view and wire it; returns the panel, whose event `judge` asks for trust."""
    with gr.Row(elem_classes="explain-tools"):
        methods = gr.Dropdown(
            METHOD_CHOICES,
            value=list(FIRST_METHODS),
            multiselect=True,
            label="Methods",
            scale=5,
            min_width=340,
            container=False,
            elem_id="methods",
        )
        against = gr.Dropdown([ALONE], value=NOBODY, label="Against", scale=0, min_width=156, container=False, elem_id="against")
        stop = gr.Button("Stop", size="sm", scale=0, min_width=64)
    panel = map_panel("maps")
    with gr.Accordion("Options of the methods", open=False, elem_classes="explain-options"), gr.Row():
        options = [component_of(option, label) for option, label in OPTIONS.items()]
    shown, contrasts = bound(show, stage.settings), bound(contrast_choices, stage.settings)
    subject = [stage.photo, stage.asked]
    sources = [*subject, methods, against, *options]
    gr.on([stage.asked.change, tab.select], contrasts, subject, against, api_name="contrast_choices", **latest(PREDICTING))
    stage.renewed.then(while_open(shown, TITLE), [stage.view, *sources], panel, api_name="page_explain", **latest(EXPLAINING))
    changed = [methods.change, against.input, *(part.release if isinstance(part, gr.Slider) else part.change for part in options)]
    renewed = gr.on([*changed, tab.select], cancel_explaining, None, None, api_name="supersede_explanation", **each_time())
    renewed.then(shown, sources, panel, api_name="explain_again", **latest(EXPLAINING))
    stop.click(cancel_explaining, None, None, api_name="stop_explaining", **at_once())
    return panel
