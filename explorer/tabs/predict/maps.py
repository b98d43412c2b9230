"""Maps: which pixels made the net say so, by several methods side by side, for one class or for one class against another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from densenet.stopping import Stop
from explorer.components.formatting import duration
from explorer.components.map_panel import Shown, map_panel, panel_value
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.tabs.predict.stage import METHOD_LABELS, NOBODY, UNIT, Stage, head_of
from explorer.work import background
from explorer.work.cancelling import cancel_explaining, cancellable
from explorer.work.queues import EXPLAINING, PREDICTING, at_once, latest
from explorer.work.subject import Asked, Subject, check_affordable, pixels_of, subject_of

if TYPE_CHECKING:
    from torch import Tensor

    from densenet.attribution.catalogue import Attribution

TITLE = "Maps"
FIRST = ["grad_cam", "integrated_gradients", "saliency"]
ALONE = ("against no other", NOBODY)
OPTION_NAMES = ("steps", "baseline", "samples", "noise", "window", "block")  # in the order of the page's components
_BAD_COMPLETENESS = 0.05


def options_for(method: str, values: tuple[Any, ...], subject: Subject) -> dict[str, object]:
    """Return what the page says for those options that `method` has; a 0 leaves window and block to the library."""
    from densenet.attribution.catalogue import METHODS

    given = dict(zip(OPTION_NAMES, values, strict=True))
    known = {option.name for option in METHODS[method].options}
    options = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in given.items() if name in known}
    for name in ("window", "block"):
        if not options.get(name, True):
            del options[name]
    blocks = len(subject.model.config.block_config)
    if isinstance(options.get("block"), int):
        options["block"] = min(blocks, options["block"])
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
    return f"completeness error {100 * judged.error:.1f}\u00a0% ({attribution.delta:+.2g})", judged.error > _BAD_COMPLETENESS


def _one(subject: Subject, asked: Asked, against: int, method: str, options: dict[str, object], stop: Stop) -> Iterator[Shown]:
    """Yield one map while it grows, and last as it is."""
    from densenet.attribution.catalogue import METHODS, attribute

    label, says = METHOD_LABELS[method], METHODS[method].says
    other = None if against == NOBODY else against

    def work(tell: Callable[[tuple[float, Tensor | None]], None]) -> Attribution:
        check_affordable(subject, method, options)

        def progress(share: float, so_far: Tensor | None) -> None:
            tell((share, so_far))

        return attribute(subject.model, subject.x, asked.target, method, against=other, progress=progress, stop=stop, **options)  # type: ignore[arg-type]

    yield Shown(label, "computing …")
    started = time.perf_counter()
    growing = background.stream(work)
    while True:
        try:
            share, so_far = next(growing)
        except StopIteration as end:
            result: Attribution = end.value
            break
        except ValueError as error:
            yield Shown(label, str(error))
            return
        yield Shown(label, f"{100 * share:.0f}\u00a0% …", values=None if so_far is None else pixels_of(method, so_far), unit=UNIT)
    note, bad = _note(result)
    stem = f"{subject.labels[asked.target].replace(' ', '_')}-{method}"
    took = duration(time.perf_counter() - started)
    weakness = METHODS[method].known_wrong
    yield Shown(label, f"{says} · {took}", stem, pixels_of(method, result.map), note, bad, UNIT, weakness, method)


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
    from densenet.stopping import Cancelled

    if photo is None or asked is None:
        yield ""
        return
    subject = subject_of(settings, photo, asked)
    other = NOBODY if against is None or against == asked.target or against >= len(subject.labels) else int(against)
    drawn = {name: Shown(METHOD_LABELS[name], "waiting …") for name in methods}
    key = f"{asked}{other}{methods}{values}"

    def page() -> str:
        return panel_value(subject.view, list(drawn.values()), head=head_of(subject, asked, other), key=key)

    try:
        with cancellable(request, EXPLAINING) as stop:
            for name in methods:
                for shown in _one(subject, asked, other, name, options_for(name, values, subject), stop):
                    drawn[name] = shown
                    yield page()
    except Cancelled:
        drawn |= {name: Shown(one.title, "stopped") for name, one in drawn.items() if "…" in one.says}
        yield page()


def contrast_choices(settings: Settings, photo: Image.Image | None, asked: Asked | None) -> Any:
    """Return the classes that the asked one can be set against: the other most probable ones first."""
    if photo is None or asked is None:
        return gr.update(choices=[ALONE], value=NOBODY)
    from densenet.predict import logits_of

    subject = subject_of(settings, photo, asked)
    order = background.run(logits_of, subject.model, photo).argsort(descending=True).tolist()
    named = [(f"and not {subject.labels[i]}", i) for i in order if i != asked.target]
    return gr.update(choices=[ALONE, *named], value=NOBODY)


def show_if_open(request: gr.Request, view: str, *sources: Any) -> Iterator[Any]:
    """Yield the maps only while somebody looks at them."""
    if view != TITLE:
        yield gr.skip()
        return
    yield from show(request, *sources)


def build(stage: Stage, tab: gr.Tab) -> gr.HTML:
    """Lay out the view and wire it; returns the panel, whose event `judge` asks for trust."""
    with gr.Row(elem_classes="explain-tools"):
        labels = [(label, name) for name, label in METHOD_LABELS.items()]
        methods = gr.Dropdown(
            labels, value=FIRST, multiselect=True, label="Methods", scale=5, min_width=340, container=False, elem_id="methods"
        )
        against = gr.Dropdown([ALONE], value=NOBODY, label="Against", scale=0, min_width=156, container=False, elem_id="against")
        stop = gr.Button("Stop", size="sm", scale=0, min_width=64)
    panel = map_panel("maps")
    with gr.Accordion("Options of the methods", open=False, elem_classes="explain-options"), gr.Row():
        steps = gr.Slider(1, 500, 50, step=1, label="Steps (integrated gradients)", buttons=[], min_width=150)
        baseline = gr.Dropdown(["mean", "black", "blurred"], value="mean", label="Baseline", min_width=110)
        samples = gr.Slider(1, 200, 50, step=1, label="Noisy images (SmoothGrad)", buttons=[], min_width=150)
        noise = gr.Slider(0, 1, 0.15, step=0.01, label="Noise (SmoothGrad)", buttons=[], min_width=150)
        window = gr.Slider(0, 64, 0, step=1, label="Square, px (0: by size)", buttons=[], min_width=150)
        block = gr.Slider(0, 8, 0, step=1, label="Grad-CAM block (0: last)", buttons=[], min_width=150)
    subject = [stage.settings, stage.photo, stage.asked]
    sources = [*subject, methods, against, steps, baseline, samples, noise, window, block]
    gr.on([stage.asked.change, tab.select], contrast_choices, subject, against, api_name="contrast_choices", **latest(PREDICTING))
    stage.asked.change(cancel_explaining, None, None, api_name="supersede_maps", **at_once())
    stage.asked.change(show_if_open, [stage.view, *sources], panel, api_name="page_explain", **latest(EXPLAINING))
    changed = [methods.change, against.input, baseline.change, *(slider.release for slider in (steps, samples, noise, window, block))]
    gr.on(changed, cancel_explaining, None, None, api_name="supersede_explanation", **at_once())
    gr.on([*changed, tab.select], show, sources, panel, api_name="explain_again", **latest(EXPLAINING))
    stop.click(cancel_explaining, None, None, api_name="stop_explaining", **at_once())
    return panel
