"""Architecture tab: how the channels grow, and where parameters and multiply-accumulates live."""

from __future__ import annotations

from html import escape

import gradio as gr

from densenet.presets import PRESET_LABELS, preset_of
from densenet.published import PUBLISHED
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import exact
from explorer.page.numbers import Numbers
from explorer.page.page_state import label_of
from explorer.tabs.architecture.charts import cost_figure, growth_figure

TITLE = "Architecture"


def show(shown: Numbers, pinned: Numbers | None = None) -> str:
    """Return the line of counts and the three charts: channels, parameters, multiply-accumulates, with the outline of A."""
    config, outline = shown.state.config, pinned.steps if pinned else ()
    figures = [
        growth_figure(config, shown.steps, outline),
        cost_figure(config, shown.steps, macs=False, pinned=outline),
        cost_figure(config, shown.steps, macs=True, pinned=outline),
    ]
    return drawn(figures, published(shown, pinned))


def build(shown: Numbers) -> gr.HTML:
    """Lay out the tab; returns the component that `show` fills."""
    charts = {
        "growth-chart": "Channels after each step of the net",
        "params-chart": "Parameters of each step",
        "macs-chart": "Multiply-accumulates of each step",
    }
    return chart_panel(show(shown), charts=charts, elem_id="architecture")


def published(shown: Numbers, pinned: Numbers | None = None) -> str:
    """Return the line that holds our exact counts beside the published ones, and says what the outlines are, as HTML."""
    sums, name = shown.totals, preset_of(shown.state.config)
    parts = [f"<b>{exact(sums.params)}</b> parameters", f"<b>{exact(sums.macs)}</b> MACs (FLOPs: twice that)"]
    if pinned:
        parts.append(f'<span class="outline">dotted: A, {escape(label_of(pinned.state))}</span>')
    figures = PUBLISHED.get(name or "")
    if figures is None:
        label = PRESET_LABELS[name] if name else "This net"
        return f'<div class="published">{" · ".join(parts)} · {escape(label)}: no published counts</div>'
    found = []
    if figures.params is not None:
        unit = figures.params_unit
        text = exact(figures.params) if unit == 1 else f"{figures.params / 1e6:.1f} M"
        found.append(_checked(text, figures.agrees_on_params(sums.params)))
    if figures.gmacs is not None and shown.state.workload.image_size == 224:
        found.append(_checked(f"{figures.gmacs:.3f} GMACs", figures.agrees_on_macs(sums.macs)))
    if figures.top1_accuracy is not None:
        found.append(f"top-1 {figures.top1_accuracy:.1f} %")
    if figures.cifar10_error is not None:
        found.append(f"CIFAR-10+ error {figures.cifar10_error:.2f} %")
    parts.append(f"{figures.source}: {', '.join(found)}")
    return f'<div class="published">{" · ".join(parts)}</div>'


def _checked(text: str, agrees: bool) -> str:
    return f'<span class="{"agrees" if agrees else "differs"}">{"✓" if agrees else "✗"} {text}</span>'
