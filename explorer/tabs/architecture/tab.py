"""Architecture tab: how the channels grow, and where parameters and multiply-accumulates live."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gradio as gr

from densenet.arithmetic.costs import block_spans
from densenet.presets import PRESET_LABELS, preset_of
from densenet.published import PUBLISHED
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import exact
from explorer.components.templates import template_of
from explorer.page.numbers import Numbers
from explorer.page.page_state import label_of
from explorer.tabs.architecture.charts import cost_figure, growth_figure

TITLE = "Architecture"
_HTML = template_of(Path(__file__).with_suffix(".html"))


def show(shown: Numbers, pinned: Numbers | None = None) -> str:
    """Return the line of counts and the three charts: channels, parameters, multiply-accumulates, with the outline of A."""
    config, outline = shown.state.config, pinned.steps if pinned else ()
    figures = [
        growth_figure(config, shown.steps, outline),
        cost_figure(config, shown.steps, macs=False, pinned=outline),
        cost_figure(config, shown.steps, macs=True, pinned=outline),
    ]
    return drawn(figures, published(shown, pinned), block_spans(shown.steps))


def build(shown: Numbers) -> gr.HTML:
    """Lay out the tab; returns the component that `show` fills."""
    charts = {
        "growth-chart": "Channels after each step of the net",
        "params-chart": "Parameters of each step",
        "macs-chart": "Multiply-accumulates of each step",
    }
    return chart_panel(show(shown), charts=charts, elem_id="architecture")


class _Found(NamedTuple):
    """One published figure, and whether our own count is the same; None where nothing is counted."""

    text: str
    agrees: bool | None = None


def _published_of(shown: Numbers, name: str | None) -> tuple[str, list[_Found]]:
    """Who published something of this net, and what."""
    figures = PUBLISHED.get(name or "")
    if figures is None:
        return PRESET_LABELS[name] if name else "This net", []
    found = []
    if figures.params is not None:
        text = exact(figures.params) if figures.params_unit == 1 else f"{figures.params / 1e6:.1f} M"
        found.append(_Found(text, figures.agrees_on_params(shown.totals.params)))
    if figures.gmacs is not None and shown.state.workload.image_size == 224:
        found.append(_Found(f"{figures.gmacs:.3f} GMACs", figures.agrees_on_macs(shown.totals.macs)))
    if figures.top1_accuracy is not None:
        found.append(_Found(f"top-1 {figures.top1_accuracy:.1f} %"))
    if figures.cifar10_error is not None:
        found.append(_Found(f"CIFAR-10+ error {figures.cifar10_error:.2f} %"))
    return figures.source, found


def published(shown: Numbers, pinned: Numbers | None = None) -> str:
    """Return the line that holds our exact counts beside the published ones, and says what the outlines are, as HTML."""
    source, figures = _published_of(shown, preset_of(shown.state.config))
    return _HTML.render(
        params=exact(shown.totals.params),
        macs=exact(shown.totals.macs),
        pinned=label_of(pinned.state) if pinned else "",
        source=source,
        figures=figures,
    )
