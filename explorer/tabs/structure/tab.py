"""Structure tab: who reads whom inside a block, and the whole net as a diagram to scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from explorer.components.scripts import function_of, script_of
from explorer.page.shared import Shared
from explorer.tabs.structure import connections
from explorer.tabs.structure.diagram import METRICS, diagram
from explorer.work.handlers import while_open
from explorer.work.queues import at_once

TITLE = "Structure"
CONNECTIONS, DIAGRAM = ("Connections", "Diagram")
_SAVE = function_of(Path(__file__).with_name("save.js"), "")

_HINT = "Height: pixels, width: channels. Click a block to unfold it, a layer for its card."

Unfolded = tuple[int, ...]


def show(view: str, unfolded: Unfolded, metric: str, config: DenseNetConfig, workload: Workload) -> tuple[Any, Any]:
    """Return the values of both views; that of the one which is not open stays."""
    if view == CONNECTIONS:
        return connections.connections(config, workload.image_size), gr.skip()
    return gr.skip(), diagram(config, workload.image_size, unfolded, metric)


def diagram_of(unfolded: Unfolded, metric: str, config: DenseNetConfig, workload: Workload) -> str:
    """Return the diagram alone."""
    return diagram(config, workload.image_size, unfolded, metric)


def open_view(event: gr.SelectData, *shown: Any) -> tuple[Any, ...]:
    """Return the view that was opened, and the values of both."""
    view = str(event.value)
    return (view, *show(view, *shown))


def fold(unfolded: Unfolded, metric: str, config: DenseNetConfig, workload: Workload, event: gr.EventData) -> tuple[Unfolded, str]:
    """Unfold the block that was pressed, or fold it again; returns the unfolded blocks and the diagram."""
    block = getattr(event, "block", None)
    if isinstance(block, int) and 1 <= block <= len(config.block_config):
        unfolded = tuple(sorted({*unfolded} ^ {block}))
    return unfolded, diagram(config, workload.image_size, unfolded, metric)


def build(page: Shared, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    view, unfolded = gr.State(CONNECTIONS), gr.State(())
    with gr.Tabs(elem_id="structure-views") as views:
        with gr.Tab(CONNECTIONS, id=CONNECTIONS):
            joined = connections.build()
        with gr.Tab(DIAGRAM, id=DIAGRAM):
            with gr.Row(elem_classes="actions"):
                metric = gr.Radio(list(METRICS), value="Block", label="Colour", show_label=False, container=False, elem_id="diagram-colour")
                gr.HTML(f'<div class="hint">{_HINT}</div>')
                keep = gr.Button("Save SVG", size="sm", scale=0, min_width=110)
            drawing = gr.HTML("", js_on_load=script_of(Path(__file__).with_name("diagram.js")), elem_id="diagram")
    net = [page.config, page.workload]
    sources, outputs = [unfolded, metric, *net], [joined, drawing]
    latest_only: dict[str, Any] = at_once() | {"trigger_mode": "always_last"}
    tab.select(show, [view, *sources], outputs, api_name="show_structure", **at_once())
    views.select(open_view, sources, [view, *outputs], api_name="open_structure", **at_once())
    metric.input(diagram_of, sources, drawing, api_name="colour_diagram", **latest_only)
    drawing.fold(fold, sources, [unfolded, drawing], api_name="fold", **at_once())
    page.rest(while_open(show, TITLE), [page.active, view, *sources], outputs, api_name="follow_structure", **latest_only)
    keep.click(None, None, None, js=_SAVE, api_visibility="private")
