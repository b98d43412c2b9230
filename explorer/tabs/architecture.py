"""Architecture tab: how the channels grow, and where parameters and multiply-accumulates live."""

from __future__ import annotations

import gradio as gr

from densenet.costs import steps
from explorer.address import PageState
from explorer.figures import cost_figure, growth_figure
from explorer.headline import published
from explorer.panel import chart_panel, drawn

TITLE = "Architecture"


def show(state: PageState, pinned: PageState | None = None) -> str:
    """Return the line of counts and the three charts: channels, parameters, multiply-accumulates, with the outline of A."""
    stages = steps(state.config, state.workload.image_size)
    outline = steps(pinned.config, pinned.workload.image_size) if pinned else ()
    figures = [
        growth_figure(state.config, stages, outline),
        cost_figure(state.config, stages, macs=False, pinned=outline),
        cost_figure(state.config, stages, macs=True, pinned=outline),
    ]
    return drawn(figures, published(state, pinned))


def build(state: PageState) -> gr.HTML:
    """Lay out the tab; returns the component that `show` fills."""
    charts = {
        "growth-chart": "Channels after each step of the net",
        "params-chart": "Parameters of each step",
        "macs-chart": "Multiply-accumulates of each step",
    }
    return chart_panel(show(state), charts=charts, elem_id="architecture")
