"""Compare tab: the net beside the one pinned as A, beside ResNets and itself without concatenation, and in the literature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from densenet.compare.peers import PEERS
from densenet.config import MODES
from densenet.stopping import Cancelled
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import duration
from explorer.components.messages import explained
from explorer.page.page_state import PageState
from explorer.page.shared import Seen, Shared
from explorer.settings import Settings
from explorer.tabs.compare.charts import accuracy_figure, stages_figure
from explorer.tabs.compare.tables import OURS, Key, ablation_table, difference_table, key, peers_table, tutorial_a, tutorials_table
from explorer.work import background
from explorer.work.cancelling import cancel_measuring, cancellable
from explorer.work.handlers import bound, while_open
from explorer.work.known_device import look
from explorer.work.queues import MEASURING, at_once, one_at_a_time

TITLE = "Compare"
VIEWS = ("A and B", "Other nets", "B and C", "Accuracy", "Tutorials")
_MEASURED_VIEWS = ("Other nets", "Tutorials")
_KEPT = 64  # measurements of one visitor
_GIB = 2**30
_HINTS = {
    "A and B": "A is the net you pinned, or else the preset; B is the net of the sliders.",
    "Other nets": "The net of the sliders beside itself without concatenation, and beside ResNets.",
    "B and C": "The paper's four variants of this net: plain, with bottleneck (B), with compression (C), with both.",
    "Accuracy": "ImageNet top-1 of torchvision's nets (one crop of 224); 264 from the paper. Your net has none before it is trained.",
    "Tutorials": "What the two tutorials behind this explorer say, and what is counted and measured here.",
}

Measurements = dict[Key, int | str]


def show(view: str, state: PageState, pinned: PageState | None, allowance_gib: float | None, measured: Measurements) -> str:
    """Return a view's tables and charts."""
    a = pinned or state.reference
    note, figures = f'<div class="hint">{_HINTS[view]}</div>', []
    if view == "A and B":
        note += difference_table(a, state)
        figures = [stages_figure(a, state, macs=False), stages_figure(a, state, macs=True)]
    elif view == "Other nets":
        note += peers_table(state, pinned, measured)
    elif view == "B and C":
        note += ablation_table(state)
    elif view == "Accuracy":
        figures = [accuracy_figure(state, pinned, macs=False), accuracy_figure(state, pinned, macs=True)]
    else:
        note += tutorials_table(_GIB * max(0.0, allowance_gib or 0.0), measured)
    return drawn(figures, note)


@explained
def show_now(measured: Measurements, view: str, *seen: Any) -> str:
    """Return `show` of what the page shows now."""
    now = Seen(*seen)
    return show(view, now.state, now.pinned, now.allowance_gib, measured)


def choose_view(measured: Measurements, view: str, *seen: Any) -> tuple[Any, Any, str]:
    """Return the buttons' visibility and the view that was chosen."""
    visible = gr.update(visible=view in _MEASURED_VIEWS)
    return visible, visible, show_now(measured, view, *seen)


def _wanted(view: str, state: PageState, pinned: PageState | None) -> list[tuple[str, PageState, str]]:
    """What a view's button measures."""
    if view == "Tutorials":
        return [(name, tutorial_a(), "train") for name in (OURS, "resnet18")]
    nets = [(OURS, state)] + ([(OURS, pinned)] if pinned else []) + [(name, state) for name in PEERS]
    return [(name, net, mode) for name, net in nets for mode in MODES]


def _expected(name: str, net: PageState, mode: str, device_type: str) -> float:
    from densenet.measure.forecast import expected_peer_seconds, expected_seconds
    from densenet.measure.measurement import STEPS_TAKEN

    _, config, workload = key(name, net, mode)
    step = expected_seconds(config, workload, device_type) if name == OURS else expected_peer_seconds(name, config, workload, device_type)
    return STEPS_TAKEN * step


@explained
def measure_all(request: gr.Request, settings: Settings, measured: Measurements, view: str, *seen: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the measurements with each of them as soon as it is taken, and a line on how it goes; the page draws them."""
    background.import_libraries()
    from densenet.measure.measurement import measure, measure_peer

    asked = Seen(*seen)
    device = background.run(look, settings)
    waiting = [what for what in _wanted(view, asked.state, asked.pinned) if key(*what) not in measured]
    taken = dict(list(measured.items())[-_KEPT:])
    with cancellable(request, MEASURING) as stop:
        for i, what in enumerate(waiting):
            name, subject, step = key(*what)
            left = sum(_expected(*other, device.type) for other in waiting[i:])
            label = PEERS.get(name, "DenseNet")
            words = "training" if step.mode == "train" else "inference"
            yield (
                gr.skip(),
                f'<div class="hint">Measuring {label}, {words}; {i + 1} of {len(waiting)}, about {duration(left)} left …</div>',
            )
            try:
                if name == OURS:
                    result = background.run(measure, subject, step, settings.device, stop)
                else:
                    result = background.run(measure_peer, name, subject, step, settings.device, stop)
                taken[key(*what)] = result.peak
            except Cancelled:
                yield gr.skip(), '<div class="hint">Measurement cancelled; what was measured stays.</div>'
                return
            except ValueError as error:
                taken[key(*what)] = str(error)
            yield dict(taken), gr.skip()
    yield gr.skip(), ""


def build(page: Shared, tab: gr.Tab) -> gr.HTML:
    """Lay out the tab and wire it; returns the view."""
    measured = gr.State({})
    with gr.Row(elem_id="views"):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], show_label=False, container=False, elem_id="view")
        start = gr.Button("Measure memory", size="sm", variant="primary", scale=0, min_width=150, visible=False)
        stop = gr.Button("Cancel", size="sm", scale=0, min_width=70, visible=False)
    progress = gr.HTML("", elem_id="comparing")
    charts = {"compared-left": "Parameters compared", "compared-right": "Multiply-accumulates compared"}
    panel = chart_panel("", charts=charts, elem_id="compare")
    sources = [measured, view, *page.seen]
    follow = while_open(show_now, TITLE)
    latest_only: dict[str, Any] = at_once() | {"trigger_mode": "always_last"}
    tab.select(show_now, sources, panel, api_name="show_comparison", **at_once())
    view.change(choose_view, sources, [start, stop, panel], api_name="choose_comparison", **at_once())
    page.rest(follow, [page.active, *sources], panel, api_name="follow_comparison", **latest_only)
    measured.change(follow, [page.active, *sources], panel, api_name="show_compared", **latest_only)
    start.click(
        bound(measure_all, page.settings),
        sources,
        [measured, progress],
        api_name="measure_comparison",
        **one_at_a_time(MEASURING),
    )
    stop.click(cancel_measuring, None, None, api_name="cancel_comparison", **at_once())
    return panel
