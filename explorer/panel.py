"""A Plotly chart that stays in place: its div persists, so that zoom, scroll and legend survive every update."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

PLOTLY_JS = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
PLOTLY_HEAD = f'<script src="gradio_api/file={PLOTLY_JS.as_posix()}"></script>'

# Text and grid take their colours from the page's, so that the chart follows the dark mode; one drawing per frame, none while hidden.
_DRAW = """
const chart = element.querySelector('.chart');
let frame = 0;
const draw = () => {
  frame = 0;
  if (!props.value || !chart.clientWidth || !window.Plotly) { return; }
  const figure = structuredClone(props.value);
  const style = getComputedStyle(document.body);
  const text = style.getPropertyValue('--body-text-color').trim();
  const grid = style.getPropertyValue('--border-color-primary').trim();
  const ground = style.getPropertyValue('--block-background-fill').trim();
  const font = getComputedStyle(element).fontFamily;
  const layout = figure.layout;
  layout.width = chart.clientWidth;
  layout.font = {...layout.font, color: text, family: font};
  layout.paper_bgcolor = layout.plot_bgcolor = 'rgba(0,0,0,0)';
  layout.hoverlabel = {align: 'left', bgcolor: ground, bordercolor: grid, font: {color: text, size: 15, family: font}};
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) { Object.assign(layout[name], {gridcolor: grid, zerolinecolor: grid, linecolor: grid}); }
  }
  Plotly.react(chart, figure.data, layout, {displayModeBar: false, responsive: false, doubleClick: 'reset'});
};
const schedule = () => { frame = frame || requestAnimationFrame(draw); };
watch('value', schedule);
new ResizeObserver(schedule).observe(chart);
new MutationObserver(schedule).observe(document.body, {attributes: true, attributeFilter: ['class']});
schedule();
"""


def plotly_panel(value: dict[str, Any], *, height_px: int, elem_id: str, label: str) -> gr.HTML:
    """Return a component that draws the figure in its value, a plain dict without a template, as wide as its place."""
    return gr.HTML(
        value,
        html_template=f'<div class="chart" role="img" aria-label="{label}" style="height:{height_px}px;width:100%"></div>',
        js_on_load=_DRAW,
        head=PLOTLY_HEAD,
        elem_id=elem_id,
        min_height=height_px,
    )
