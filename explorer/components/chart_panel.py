"""Plotly charts that stay in place: their divs persist, so that zoom, scroll and legend survive every update.

Several charts that change together are one component: Gradio's own work for each output costs as much as drawing a chart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import gradio as gr

from explorer.components.charts import Figure
from explorer.components.scripts import script_of

PLOTLY_JS = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
_PLOTLY_URL = f"gradio_api/file={PLOTLY_JS.as_posix()}"
PLOTLY_HEAD = f'<script src="{_PLOTLY_URL}"></script>'
PLOTLY_PRELOAD = f'<link rel="preload" as="script" href="{_PLOTLY_URL}">'  # fetched beside Gradio's own files, not after them

_ON_LOAD = script_of(Path(__file__).with_suffix(".js"))


def drawn(figures: list[Figure], note: str = "", spans: Sequence[tuple[int, int]] = ()) -> str:
    """Return a panel's value: `figures`, plain dicts without a template, under `note`, as HTML.

    `spans`: first and last step of each dense block, for figures with a layout `by_steps`, whose x are the steps of the net.

    It is a text: of anything else Gradio's page makes a deep tree of observers, which takes longer than to draw it.
    """
    return json.dumps({"note": note, "figures": figures, "spans": spans}, separators=(",", ":"), allow_nan=False)


def chart_panel(value: str, *, charts: dict[str, str], elem_id: str) -> gr.HTML:
    """Return a component that draws what `drawn` has made of figures; of an empty text, nothing.

    `charts` maps each figure's element id to its description for screen readers; chart_panel.css gives each its place,
    the figure its height.
    """
    boxes = "".join(
        f'<div class="chart-box {name}"><div class="chart" id="{name}" role="img" aria-label="{label}"></div></div>'
        for name, label in charts.items()
    )
    template = f'<div class="note"></div><div class="charts">{boxes}</div>'
    return gr.HTML(value, html_template=template, js_on_load=_ON_LOAD, head=PLOTLY_HEAD, elem_id=elem_id)
