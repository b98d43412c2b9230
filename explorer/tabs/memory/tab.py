"""Memory tab: what one step takes, what of it is what, where its peak is, and the measurement beside the estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.compare.tutorials import B_SHOWN_MIB, B_WORKLOAD
from densenet.stopping import Cancelled
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import duration, error, memory
from explorer.components.messages import explained
from explorer.components.templates import template_of
from explorer.page.fields import placed
from explorer.page.numbers import Numbers, numbers_beside
from explorer.page.page_state import PageState
from explorer.page.shared import Seen, Shared
from explorer.settings import Settings
from explorer.tabs.memory.charts import batch_figure, growth_of_memory_figure, parts_figure, timeline_figure
from explorer.work import background
from explorer.work.cancelling import cancel_measuring, cancellable
from explorer.work.handlers import bound, while_open
from explorer.work.known_device import known, look, measuring_seconds
from explorer.work.queues import MEASURING, at_once, one_at_a_time

if TYPE_CHECKING:
    from densenet.measure.measurement import Measurement

TITLE = "Memory"
_KEPT = 16  # measurements of one visitor
_CLOSE = 0.03  # an estimate that is further from the measurement is marked
_HTML = template_of(Path(__file__).with_suffix(".html"))
ALLOWANCE_GIB = 0.8  # a GPU's context and workspaces, which no estimate sees


@dataclass(frozen=True)
class Measured:
    """One measurement and what was measured: it belongs on the page only while the page shows the same."""

    config: DenseNetConfig
    workload: Workload
    peak_bytes: int
    step_seconds: float
    images_per_second: float
    device: str


Taken = tuple[Measured, ...]  # what a visitor has measured, the latest last


def _found(taken: Taken, config: DenseNetConfig, workload: Workload) -> Measured | None:
    return next((seen for seen in reversed(taken) if (seen.config, seen.workload) == (config, workload)), None)


def _price(state: PageState, measured: Measured, taken: Taken) -> str:
    """What checkpointing costs in time, where the step without it was measured too."""
    plain = _found(taken, state.config, replace(state.workload, checkpointing="none"))
    if state.workload.mode == "infer" or plain is None or plain is measured:
        return ""
    return f", {measured.step_seconds / plain.step_seconds:.2f} × the time without checkpointing"


def _verdict(state: PageState, estimate_bytes: int, taken: Taken, about_seconds: float | None) -> str:
    measured = _found(taken, state.config, state.workload)
    said: dict[str, object] = {
        "step": "a training step" if state.workload.mode == "train" else "inference",
        "batch": f"{state.workload.batch_size} image{'s' * (state.workload.batch_size != 1)}",
        "estimate": memory(estimate_bytes),
        "measured": measured,
        "about": duration(about_seconds) if about_seconds is not None else "",
    }
    if measured is not None:
        said |= {
            "peak": memory(measured.peak_bytes),
            "close": abs(estimate_bytes / measured.peak_bytes - 1) <= _CLOSE,
            "error": error(estimate_bytes, measured.peak_bytes),
            "step_time": duration(measured.step_seconds),
            "price": _price(state, measured, taken),
            "rate": f"{measured.images_per_second:.3g}",
        }
    return _HTML.render(said)


def show(settings: Settings, shown: Numbers, pinned: Numbers | None, allowance_gib: float | None, taken: Taken) -> str:
    """Return the verdict and the four charts of `shown`; `allowance_gib` is added to a peak before it is said to fit."""
    state = shown.state
    kinds = [_found(taken, state.config, workload) for workload in shown.kinds]
    seen = _found(taken, state.config, state.workload)
    peak = seen.peak_bytes if seen else None
    device = known(settings)
    asked_by_b = (state.config, replace(state.workload, batch_size=1, optimizer=B_WORKLOAD.optimizer)) == (PRESETS["compact"], B_WORKLOAD)
    figures = [
        parts_figure(shown, [kind.peak_bytes if kind else None for kind in kinds], pinned),
        timeline_figure(shown.estimate, peak, pinned.estimate if pinned else None),
        growth_of_memory_figure(state, pinned.state if pinned else None),
        batch_figure(
            state,
            max(0.0, allowance_gib or 0.0),
            device.total_bytes if device else None,
            peak,
            pinned.state if pinned else None,
            B_SHOWN_MIB if asked_by_b else (),
        ),
    ]
    return drawn(figures, _verdict(state, shown.estimate.peak, taken, measuring_seconds(settings, state.config, state.workload)))


def show_now(settings: Settings, taken: Taken, *seen: Any) -> str:
    """Return `show` of what the page shows now."""
    now = Seen(*seen)
    return show(settings, Numbers(now.state), numbers_beside(now.pinned) if now.pinned else None, now.allowance_gib, taken)


@explained
def measure_one_step(
    settings: Settings, config: DenseNetConfig, workload: Workload, taken: Taken, request: gr.Request
) -> Iterator[tuple[Any, str]]:
    """Yield the measurements and a line on how it goes; whoever draws them knows what the page shows by then."""
    background.import_libraries()
    from densenet.measure.measurement import measure

    background.run(look, settings)
    about = measuring_seconds(settings, config, workload) or 0.0
    yield gr.skip(), f'<div class="hint">Measuring, about {duration(about)} …</div>'
    try:
        with cancellable(request, MEASURING) as stop:
            seen: Measurement = background.run(measure, config, workload, settings.device, stop)
    except Cancelled:
        yield gr.skip(), '<div class="hint">Measurement cancelled.</div>'
        return
    except ValueError as error:
        yield gr.skip(), f'<div class="notice" role="alert">{escape(str(error))}</div>'
        return
    now = Measured(config, workload, seen.peak, seen.seconds, seen.images_per_second, seen.device)
    yield (*taken[1 - _KEPT :], now), ""


def allowance() -> gr.Number:
    """Return the component that says how much of a device is no tensor; it is shown where `build` places it."""
    return gr.Number(ALLOWANCE_GIB, label="Allowance, GiB", minimum=0, maximum=80, step=0.1, min_width=110, render=False)


def build(page: Shared, tab: gr.Tab) -> tuple[gr.HTML, gr.State]:
    """Lay out the tab and wire it; returns the charts and the measurements, with which the sliders draw them again."""
    taken = gr.State(())
    with gr.Row(elem_id="step"):
        for field in placed("step"):
            page.bar[field.name].render()
        page.allowance.render()
        start = gr.Button("Measure one step", size="sm", variant="primary", scale=0, min_width=150)
        stop = gr.Button("Cancel", size="sm", scale=0, min_width=70)
    progress = gr.HTML("", elem_id="measuring")
    charts = {
        "parts-chart": "What the peak is made of",
        "timeline-chart": "Live memory during one step",
        "copies-chart": "Concatenated copies and new features",
        "batch-chart": "Batch size against memory",
    }
    panel = chart_panel("", charts=charts, elem_id="memory")
    shown, sources = bound(show_now, page.settings), [taken, *page.seen]
    latest_only: dict[str, Any] = at_once() | {"trigger_mode": "always_last"}
    tab.select(shown, sources, panel, api_name="show_memory", **at_once())
    page.allowance.change(shown, sources, panel, api_name="allow_memory", **latest_only)
    taken.change(while_open(shown, TITLE), [page.active, *sources], panel, api_name="show_measured", **latest_only)
    start.click(
        bound(measure_one_step, page.settings),
        [page.config, page.workload, taken],
        [taken, progress],
        api_name="measure_one_step",
        **one_at_a_time(MEASURING),
    )
    stop.click(cancel_measuring, None, None, api_name="cancel_measurement", **at_once())
    return panel, taken
