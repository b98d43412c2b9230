"""Lesion: switch a source of a dense block off and see the prediction move; beside the weights of Reuse, what they cause."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr
from PIL import Image

from densenet.stopping import Cancelled
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import share
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.tabs.predict.lesion_charts import decimal, lesion_figure
from explorer.tabs.predict.stage import NOTHING, Stage
from explorer.work import background
from explorer.work.cancelling import cancel_explaining, cancellable
from explorer.work.handlers import bound, while_open
from explorer.work.queues import EXPLAINING, PREDICTING, at_once, each_time, latest
from explorer.work.subject import Asked, Subject, subject_of

if TYPE_CHECKING:
    from densenet.features.lesion import Lesion, LesionMap

_R = TypeVar("_R")
_S = TypeVar("_S")
_T = TypeVar("_T")

TITLE = "Lesion"
REPLACEMENTS = {"set to 0": "zero", "set to its mean": "mean"}  # as in `densenet.features.lesion`, which imports torch
MOST_CLASSES = 5
_MEANS = {
    "zero": "The norms that follow see 0, which is not their usual.",
    "mean": "Each channel still says how much there is, no longer where.",
}


def strongest(lesions: LesionMap) -> int:
    """Return the source without which the class's logit moves most."""
    return max(range(len(lesions.everywhere)), key=lambda source: abs(lesions.everywhere[source].logit))


def moved_classes(lesion: Lesion, target: int) -> list[int]:
    """Return the five most probable classes before, then those of the five after and `target` that are new."""
    k = min(MOST_CLASSES, len(lesion.logits_before))
    before, after = (logits.topk(k).indices.tolist() for logits in (lesion.logits_before, lesion.logits_after))
    return list(dict.fromkeys([*before, *after, target]))


def _row(label: str, before: float, after: float, asked: bool) -> str:
    bars = "".join(f'<i class="{name}" style="width:{100 * value:.1f}%"></i>' for name, value in (("before", before), ("after", after)))
    name = escape(label)
    shares = f"{share(before)} → {share(after)}"
    return f'<div class="moved-row{" asked" * asked}"><span title="{name}">{name}</span><span>{shares}</span>{bars}</div>'


def moved_page(lesion: Lesion, labels: tuple[str, ...], target: int, off: str) -> str:
    """Return the most probable classes before and after as HTML; `off` names what was switched off."""
    before, after = lesion.probabilities_before, lesion.probabilities_after
    was, now = (escape(labels[int(p.argmax())]) for p in (before, after))
    head = f"Answer: <b>{was}</b> → <b>{now}</b>" if was != now else f"Answer: still <b>{was}</b>"
    rows = "".join(_row(labels[i], before[i].item(), after[i].item(), i == target) for i in moved_classes(lesion, target))
    return f'<div class="moved"><div class="moved-head">{head}</div>{rows}<div class="hint">Grey: all on; blue: without {off}.</div></div>'


def _name(source: int) -> str:
    return f"layer {source}" if source else "the block's input"


def _note(lesions: LesionMap, label: str) -> str:
    name = escape(label)
    return (
        f'<div class="hint">With everything on: <b>{name}</b> {share(lesions.probability)}, logit {decimal(lesions.logit)}. '
        f"A change below 0: what was switched off spoke for {name}. {_MEANS[lesions.by]}</div>"
    )


def _each(running: Generator[_S, None, _R], made: Callable[[_S], _T]) -> Generator[_T, None, _R]:
    """Yield what `made` makes of each thing that `running` yields; returns what `running` returns."""
    while True:
        try:
            told = next(running)
        except StopIteration as end:
            return end.value
        yield made(told)


def _lesions(
    subject: Subject, target: int, block: int, by: str, cells: bool, request: gr.Request
) -> Generator[str, None, LesionMap | None]:
    """Yield how far the runs are, as HTML; returns the lesions, or None if they were given up."""
    from densenet.features.lesion import lesion_map

    def work(tell: Callable[[tuple[int, int]], None]) -> LesionMap:
        def progress(done: int, total: int) -> None:
            tell((done, total))

        return lesion_map(subject.model, subject.x, target, block, cells=cells, by=by, stop=stop, progress=progress)

    try:
        with cancellable(request, EXPLAINING) as stop:
            return (yield from _each(background.stream(work), lambda told: f'<div class="hint">{told[0]} of {told[1]} runs …</div>'))
    except Cancelled:
        yield '<div class="hint">Stopped.</div>'
        return None


def _chosen_block(subject: Subject, block: int | None) -> int:
    """Return `block`, or the last, next to the answer, where the net has none of that number."""
    blocks = len(subject.model.config.block_config)
    return block if block is not None and block in range(1, blocks + 1) else blocks


def _moved(subject: Subject, asked: Asked, block: int, by: str, source: int) -> str:
    from densenet.features.lesion import lesion

    one = background.run(partial(lesion, subject.model, subject.x, block, source, by=by))
    return moved_page(one, subject.labels, asked.target, _name(source))


@explained
def show(
    settings: Settings,
    photo: Image.Image | None,
    asked: Asked | None,
    block: int | None,
    by: str,
    source: int | None,
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Yield the choices of blocks and sources, the charts, the classes before and after, and a line on what is seen, or on how it goes.

    A block or source that the asked net has not is replaced: by the last block, by the source that moves the class most.
    """
    if photo is None or asked is None:
        yield gr.skip(), gr.skip(), drawn([]), "", NOTHING
        return
    subject = subject_of(settings, photo, asked)
    chosen = _chosen_block(subject, block)
    lesions = yield from _each(_lesions(subject, asked.target, chosen, by, False, request), lambda line: (*[gr.skip()] * 4, line))
    if lesions is None:
        return
    count = len(lesions.sources)
    off = source if source is not None and source in range(count) else strongest(lesions)
    blocks = [(f"block {i}", i) for i in range(1, len(subject.model.config.block_config) + 1)]
    sources = [(f"switch off {_name(i)}", i) for i in range(count)]
    yield (
        gr.update(choices=blocks, value=chosen),
        gr.update(choices=sources, value=off),
        drawn([lesion_figure(lesions)]),
        _moved(subject, asked, chosen, by, off),
        _note(lesions, subject.labels[asked.target]),
    )


def show_block(
    settings: Settings, photo: Image.Image | None, asked: Asked | None, block: int | None, by: str, request: gr.Request
) -> Iterator[tuple[Any, ...]]:
    """Show another block, with the source that moves the class most."""
    yield from show(settings, photo, asked, block, by, None, request)


@explained
def each_reader(
    settings: Settings, photo: Image.Image | None, asked: Asked | None, block: int | None, by: str, request: gr.Request
) -> Iterator[tuple[Any, str]]:
    """Yield the charts with a heat map of each source switched off for each reader alone, and a line on what is seen, or on how it goes."""
    if photo is None or asked is None:
        yield drawn([]), NOTHING
        return
    subject = subject_of(settings, photo, asked)
    running = _lesions(subject, asked.target, _chosen_block(subject, block), by, True, request)
    lesions = yield from _each(running, lambda line: (gr.skip(), line))
    if lesions is not None:
        yield drawn([lesion_figure(lesions)]), _note(lesions, subject.labels[asked.target])


@explained
def switch_off(settings: Settings, photo: Image.Image | None, asked: Asked | None, block: int | None, by: str, source: int | None) -> str:
    """Return the most probable classes before and after one source is switched off for all that read it."""
    if photo is None or asked is None or source is None:
        return ""
    subject = subject_of(settings, photo, asked)
    return _moved(subject, asked, _chosen_block(subject, block), by, source)


def build(stage: Stage, tab: gr.Tab) -> None:
    """Lay out the view and wire it."""
    with gr.Row(elem_classes="explain-tools"):
        block = gr.Dropdown([], value=None, show_label=False, container=False, min_width=100, scale=1, elem_id="lesion-block")
        by = gr.Radio(
            list(REPLACEMENTS.items()), value="zero", show_label=False, container=False, min_width=230, scale=2, elem_classes="few"
        )
        cells = gr.Button("Each reader alone", size="sm", variant="primary", scale=0, min_width=140)
        stop = gr.Button("Stop", size="sm", scale=0, min_width=64)
    line = gr.HTML(NOTHING, elem_id="lesion-line")
    with gr.Row():
        with gr.Column(scale=8, min_width=300):
            panel = chart_panel("", charts={"lesion-chart": "What each source of a block does for the class"}, elem_id="lesion")
        with gr.Column(scale=5, min_width=210):
            source = gr.Dropdown([], value=None, show_label=False, container=False, elem_id="lesion-source")
            moved = gr.HTML("", elem_id="moved")
    asked_of = [stage.photo, stage.asked, block, by]
    outputs = [block, source, panel, moved, line]
    shown = bound(show, stage.settings)
    renewed = gr.on([tab.select, by.change], cancel_explaining, None, None, api_name="supersede_lesion", **each_time())
    renewed.then(shown, [*asked_of, source], outputs, api_name="show_lesion", **latest(EXPLAINING))
    another = block.input(cancel_explaining, None, None, api_name="supersede_block", **each_time())
    another.then(bound(show_block, stage.settings), asked_of, outputs, api_name="lesion_block", **latest(EXPLAINING))
    stage.renewed.then(while_open(shown, TITLE), [stage.view, *asked_of, source], outputs, api_name="follow_lesion", **latest(EXPLAINING))
    source.input(bound(switch_off, stage.settings), [*asked_of, source], moved, api_name="switch_off", **latest(PREDICTING))
    each = cells.click(cancel_explaining, None, None, api_name="supersede_cells", **each_time())
    each.then(bound(each_reader, stage.settings), asked_of, [panel, line], api_name="lesion_cells", **latest(EXPLAINING))
    stop.click(cancel_explaining, None, None, api_name="stop_lesion", **at_once())
