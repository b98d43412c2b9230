"""Compare tab: the net beside the one pinned as A, beside ResNets and itself without concatenation, and in the literature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from densenet.compare.peers import PEERS
from densenet.config import MODES
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import duration
from explorer.components.messages import explained
from explorer.page.page_state import DEFAULT_PRESET, PageState
from explorer.settings import Settings
from explorer.tabs.compare.charts import accuracy_figure, stages_figure
from explorer.tabs.compare.tables import OURS, Key, ablation_table, difference_table, key, peers_table, tutorial_a, tutorials_table
from explorer.work import background
from explorer.work.cancelling import cancel_measuring, cancellable
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
def show_now(
    view: str,
    preset: str,
    config: DenseNetConfig,
    workload: Workload,
    pinned: PageState | None,
    allowance_gib: float | None,
    measured: Measurements,
) -> str:
    """Return `show` of the page's own states."""
    return show(view, PageState(preset or DEFAULT_PRESET, config, workload), pinned, allowance_gib, measured)


def show_if_open(active: str, *states: Any) -> Any:
    """Draw the view again only while somebody looks at it."""
    return show_now(*states) if active == TITLE else gr.skip()


def choose_view(*states: Any) -> tuple[Any, Any, str]:
    """Return the buttons' visibility and the view that was chosen."""
    seen = gr.update(visible=states[0] in _MEASURED_VIEWS)
    return seen, seen, show_now(*states)


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
def measure_all(
    settings: Settings,
    view: str,
    preset: str,
    config: DenseNetConfig,
    workload: Workload,
    pinned: PageState | None,
    measured: Measurements,
    request: gr.Request,
) -> Iterator[tuple[Any, Any]]:
    """Yield the measurements with each of them as soon as it is taken, and a line on how it goes; the page draws them."""
    from densenet.measure.measurement import measure, measure_peer
    from densenet.stopping import Cancelled

    state = PageState(preset, config, workload)
    device = background.run(look, settings)
    waiting = [what for what in _wanted(view, state, pinned) if key(*what) not in measured]
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
                    seen = background.run(measure, subject, step, settings.device, stop)
                else:
                    seen = background.run(measure_peer, name, subject, step, settings.device, stop)
                taken[key(*what)] = seen.peak
            except Cancelled:
                yield gr.skip(), '<div class="hint">Measurement cancelled; what was measured stays.</div>'
                return
            except ValueError as error:
                taken[key(*what)] = str(error)
            yield dict(taken), gr.skip()
    yield gr.skip(), ""


def build(
    moment: Any,
    preset: gr.Dropdown,
    config: gr.State,
    workload: gr.State,
    pinned: gr.State,
    allowance: gr.Number,
    settings: gr.State,
    active: gr.State,
    tab: gr.Tab,
) -> gr.HTML:
    """Lay out the tab and wire it; `moment` is the event after which an open view is drawn again. Returns the view."""
    measured = gr.State({})
    with gr.Row(elem_id="views"):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], show_label=False, container=False, elem_id="view")
        start = gr.Button("Measure memory", size="sm", variant="primary", scale=0, min_width=150, visible=False)
        stop = gr.Button("Cancel", size="sm", scale=0, min_width=70, visible=False)
    progress = gr.HTML("", elem_id="comparing")
    charts = {"compared-left": "Parameters compared", "compared-right": "Multiply-accumulates compared"}
    panel = chart_panel("", charts=charts, elem_id="compare")
    states = [view, preset, config, workload, pinned, allowance, measured]
    quick = at_once()
    tab.select(show_now, states, panel, api_name="show_comparison", **quick)
    view.change(choose_view, states, [start, stop, panel], api_name="choose_comparison", **quick)
    moment(show_if_open, [active, *states], panel, trigger_mode="always_last", api_name="follow_comparison", **quick)
    measured.change(show_if_open, [active, *states], panel, trigger_mode="always_last", api_name="show_compared", **quick)
    start.click(
        measure_all,
        [settings, view, preset, config, workload, pinned, measured],
        [measured, progress],
        api_name="measure_comparison",
        **one_at_a_time(MEASURING),
    )
    stop.click(cancel_measuring, None, None, api_name="cancel_comparison", **quick)
    return panel
