"""Architecture tab: how the channels grow, and where parameters and multiply-accumulates live."""

from __future__ import annotations

from typing import Any

import gradio as gr

from densenet.costs import steps
from explorer.address import PageState
from explorer.figures import GROWTH_HEIGHT_PX, SMALL_HEIGHT_PX, Figure, cost_figure, growth_figure
from explorer.headline import published
from explorer.panel import plotly_panel

TITLE = "Architecture"


def show(state: PageState) -> tuple[str, Figure, Figure, Figure]:
    """Return the line of counts and the three charts: channels, parameters, multiply-accumulates."""
    stages = steps(state.config, state.workload.image_size)
    return (
        published(state),
        growth_figure(state.config, stages),
        cost_figure(state.config, stages, macs=False),
        cost_figure(state.config, stages, macs=True),
    )


def build(state: PageState) -> list[Any]:
    """Lay out the tab; returns the components that `show` fills."""
    counts, growth, params, macs = show(state)
    line = gr.HTML(counts, elem_id="published")
    growth_panel = plotly_panel(growth, height_px=GROWTH_HEIGHT_PX, elem_id="growth-chart", label="Channels after each step of the net")
    with gr.Row(elem_classes="small-charts"):
        with gr.Column(min_width=380):
            params_panel = plotly_panel(params, height_px=SMALL_HEIGHT_PX, elem_id="params-chart", label="Parameters of each step")
        with gr.Column(min_width=380):
            macs_panel = plotly_panel(macs, height_px=SMALL_HEIGHT_PX, elem_id="macs-chart", label="Multiply-accumulates of each step")
    return [line, growth_panel, params_panel, macs_panel]
