"""Memory tab: what one step takes, what of it is what, where its peak is, and the measurement beside the estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory
from densenet.compare.tutorials import B_SHOWN_MIB, B_WORKLOAD
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import duration, error, memory
from explorer.components.messages import explained
from explorer.page.controls import Controls
from explorer.page.fields import placed
from explorer.page.page_state import DEFAULT_PRESET, PageState
from explorer.settings import Settings
from explorer.tabs.memory.charts import batch_figure, growth_of_memory_figure, parts_figure, timeline_figure, workloads_of_kinds
from explorer.work import background
from explorer.work.cancelling import cancel_measuring, cancellable
from explorer.work.known_device import known, look, measuring_seconds
from explorer.work.queues import MEASURING, at_once, one_at_a_time

if TYPE_CHECKING:
    from densenet.measure.measurement import Measurement

TITLE = "Memory"
_KEPT = 16  # measurements of one visitor
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
    words = "a training step" if state.workload.mode == "train" else "inference"
    batch = f"{state.workload.batch_size} image{'s' * (state.workload.batch_size != 1)}"
    line = f"Peak of {words}, {batch}: <b>{memory(estimate_bytes)}</b> estimated"
    measured = _found(taken, state.config, state.workload)
    if measured is None:
        about = f"; measuring takes about {duration(about_seconds)}" if about_seconds is not None else ""
        return f'<div class="published">{line}, not measured yet{about}.</div>'
    close = abs(estimate_bytes / measured.peak_bytes - 1) <= 0.03
    return (
        f'<div class="published" title="{escape(measured.device)}">{line}, <b>{memory(measured.peak_bytes)}</b> measured: '
        f'<span class="{"agrees" if close else "differs"}">error {error(estimate_bytes, measured.peak_bytes)}</span> · '
        f"{duration(measured.step_seconds)} a step{_price(state, measured, taken)}, {measured.images_per_second:.3g} images/s</div>"
    )


def show(settings: Settings, state: PageState, pinned: PageState | None, allowance_gib: float | None, taken: Taken) -> str:
    """Return the verdict and the four charts of `state`; `allowance_gib` is added to a peak before it is said to fit."""
    kinds = [_found(taken, state.config, workload) for workload in workloads_of_kinds(state.workload)]
    seen = _found(taken, state.config, state.workload)
    peak = seen.peak_bytes if seen else None
    estimate = estimate_memory(state.config, state.workload)
    device = known(settings)
    asked_by_b = (state.config, replace(state.workload, batch_size=1, optimizer=B_WORKLOAD.optimizer)) == (PRESETS["compact"], B_WORKLOAD)
    figures = [
        parts_figure(state, [kind.peak_bytes if kind else None for kind in kinds], pinned),
        timeline_figure(estimate, peak, estimate_memory(pinned.config, pinned.workload) if pinned else None),
        growth_of_memory_figure(state, pinned),
        batch_figure(
            state,
            max(0.0, allowance_gib or 0.0),
            device.total_bytes if device else None,
            peak,
            pinned,
            B_SHOWN_MIB if asked_by_b else (),
        ),
    ]
    return drawn(figures, _verdict(state, estimate.peak, taken, measuring_seconds(settings, state.config, state.workload)))


def show_now(
    settings: Settings,
    config: DenseNetConfig,
    workload: Workload,
    pinned: PageState | None,
    allowance_gib: float | None,
    taken: Taken,
) -> str:
    """Return `show` of the page's own states."""
    return show(settings, PageState(DEFAULT_PRESET, config, workload), pinned, allowance_gib, taken)


def show_if_open(active: str, *states: Any) -> Any:
    """Draw the charts again only while somebody looks at them."""
    return show_now(*states) if active == TITLE else gr.skip()


@explained
def measure_one_step(
    settings: Settings, config: DenseNetConfig, workload: Workload, taken: Taken, request: gr.Request
) -> Iterator[tuple[Any, str]]:
    """Yield the measurements and a line on how it goes; whoever draws them knows what the page shows by then."""
    from densenet.measure.measurement import measure
    from densenet.stopping import Cancelled

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


def build(
    bar: Controls, config: gr.State, workload: gr.State, pinned: gr.State, settings: gr.State, active: gr.State, tab: gr.Tab
) -> tuple[gr.HTML, gr.Number, gr.State]:
    """Lay out the tab and wire it; returns the charts, the allowance and the measurements, with which the sliders draw them again."""
    taken = gr.State(())
    with gr.Row(elem_id="step"):
        for field in placed("step"):
            bar[field.name].render()
        allowance = gr.Number(ALLOWANCE_GIB, label="Allowance, GiB", minimum=0, maximum=80, step=0.1, min_width=110)
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
    quick = at_once()
    sources = [settings, config, workload, pinned, allowance, taken]
    tab.select(show_now, sources, panel, api_name="show_memory", **quick)
    allowance.change(show_now, sources, panel, api_name="allow_memory", trigger_mode="always_last", **quick)
    taken.change(show_if_open, [active, *sources], panel, api_name="show_measured", trigger_mode="always_last", **quick)
    start.click(
        measure_one_step,
        [settings, config, workload, taken],
        [taken, progress],
        api_name="measure_one_step",
        **one_at_a_time(MEASURING),
    )
    stop.click(cancel_measuring, None, None, api_name="cancel_measurement", **quick)
    return panel, allowance, taken
