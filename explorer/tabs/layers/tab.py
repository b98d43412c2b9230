"""Layers tab: every operation of the net, one by one."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from explorer.components.formatting import exact
from explorer.components.messages import explained
from explorer.components.scripts import function_of
from explorer.page.shared import Shared
from explorer.tabs.layers.tables import HEADERS, layer_rows, layers_csv, torchinfo_summary
from explorer.work import background
from explorer.work.handlers import while_open
from explorer.work.queues import at_once

TITLE = "Layers"
_NUMERIC_FROM = 8  # the columns of parameters and MACs are written in groups of three digits

_SAVE = function_of(Path(__file__).with_name("save.js"), "text")


def show(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
    """Return the table's value."""
    rows = layer_rows(config, workload.image_size)
    shown = [[*row[:_NUMERIC_FROM], *(exact(value) if isinstance(value, int) else "" for value in row[_NUMERIC_FROM:])] for row in rows]
    return {"headers": HEADERS, "data": shown}


@explained
def as_csv(config: DenseNetConfig, workload: Workload) -> str:
    """Return the table as CSV, for the browser to save."""
    return layers_csv(config, workload.image_size)


@explained
def summary(config: DenseNetConfig, workload: Workload) -> str:
    """Return torchinfo's text as HTML."""
    return f'<pre class="summary">{escape(background.run(torchinfo_summary, config, workload.image_size, workload.batch_size))}</pre>'


def build(page: Shared, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    with gr.Row(elem_classes="actions"):
        gr.HTML('<div class="hint">One row per operation, concatenations too. MACs: multiply-accumulates of one image.</div>')
        save = gr.Button("Download CSV", size="sm", scale=0, min_width=140)
        ask = gr.Button("torchinfo's summary", size="sm", scale=0, min_width=180)
    text = gr.HTML("", elem_id="torchinfo")
    table = gr.Dataframe(
        headers=HEADERS,
        interactive=False,
        show_search="filter",
        max_height=460,
        column_widths=["296px", "110px", "50px", "50px", "58px", "56px", "56px", "62px", "102px", "108px"],
        elem_id="layers-table",
        show_label=False,
    )
    csv_text = gr.Textbox(visible=False)
    sources = [page.config, page.workload]
    tab.select(show, sources, table, api_name="show_layers", **at_once())
    save.click(as_csv, sources, csv_text, queue=False, api_name="layers_csv", api_visibility="private").then(
        None, csv_text, None, js=_SAVE, api_visibility="private"
    )
    ask.click(summary, sources, text, api_name="torchinfo_summary", api_visibility="private")
    page.rest(
        while_open(show, TITLE),
        [page.active, *sources],
        table,
        trigger_mode="always_last",
        api_name="follow_layers",
        **at_once(),
    )
