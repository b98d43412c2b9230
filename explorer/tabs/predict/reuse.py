"""Reuse: which earlier features each layer of a dense block reads, by its weights; the paper's figure 5 (arXiv 1608.06993) of any net."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet.checks import checked_flag
from densenet.weights.known import DEFAULT
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.charts import Figure, layout_of
from explorer.components.colours import AMOUNTS, plotly_scale
from explorer.components.messages import explained
from explorer.components.theme import FONT_PX
from explorer.settings import Settings
from explorer.tabs.predict.stage import Stage
from explorer.tabs.predict.ticks import reader_labels, source_labels, ticks
from explorer.work import background
from explorer.work.handlers import bound, while_open
from explorer.work.nets import loaded, record_of
from explorer.work.queues import PREDICTING, latest
from explorer.work.subject import Asked

if TYPE_CHECKING:
    from densenet.features.reuse import BlockReuse

TITLE = "Reuse"
WITHOUT_PHOTO = DEFAULT  # the weights say it all: the embedded net's are there before anything is asked
ALL_BLOCKS = 0
HEIGHT_PX = 272
FORMULAS_UP_TO = 5000  # cells; beyond it pointing at one tells its share only, or the page would have megabytes to read
_TYPICAL_WIDTH_PX = 560  # of the cells, at 1280 x 720
_ABOVE_PX, _BELOW_PX = 24, 44
_GAP = 0.075  # between blocks, as a share of the width: room for row labels
_LABEL_WIDTH_PX, _LABEL_HEIGHT_PX = 26, 18
_SHOWN_DIGITS = 4


def _cells(block: BlockReuse, formulas: bool, gap_px: int) -> dict[str, Any]:
    """One block as a trace: columns from 0, the block's input, rows from 1, the first dense layer."""
    shares = [[None if v is None else round(v, _SHOWN_DIGITS) for v in row] for row in block.normalised]
    hover: dict[str, Any] = {
        "hovertemplate": f"block {block.block}, row %{{y}}, column %{{x}}: %{{z:.2f}} of its row's largest<extra></extra>"
    }
    if formulas:
        texts = [
            ["" if v is None else _wrapped(block.formula(reader, source)) for source, v in enumerate(row)]
            for reader, row in enumerate(block.matrix, start=1)
        ]
        hover = {"hovertext": texts, "hoverinfo": "text"}
    gap = {"xgap": gap_px, "ygap": gap_px}
    return {"type": "heatmap", "z": shares, "y0": 1, "coloraxis": "coloraxis", "hoverongaps": False, **gap, **hover}


def _wrapped(formula: str) -> str:
    """Break a formula into lines that fit beside the pointer."""
    return formula.replace(" over channels ", "<br>over channels ").replace(", made by ", "<br>made by ").replace("; ", "<br>")


def reuse_figure(blocks: tuple[BlockReuse, ...]) -> Figure:
    """Draw `blocks` side by side, every cell as large as every other: rows read, columns are read."""
    columns, rows = sum(len(b.sources) for b in blocks), max(len(b.readers) for b in blocks)
    column = (1 - _GAP * (len(blocks) - 1)) / columns  # as a share of the width
    room_px = HEIGHT_PX - _ABOVE_PX - _BELOW_PX
    layout = layout_of(HEIGHT_PX, 1, "", "", "")
    layout |= {"margin": {"l": 62, "r": 76, "t": _ABOVE_PX, "b": _BELOW_PX}, "hovermode": "closest"}
    layout |= {"uirevision": "-".join(f"{b.block}.{len(b.sources)}" for b in blocks)}
    bar = {
        "thickness": 12,
        "tickvals": [0, 0.5, 1],
        "tickfont": {"size": FONT_PX},
        "title": {"text": "share", "side": "right", "font": {"size": FONT_PX}},
    }
    layout["coloraxis"] = {"colorscale": plotly_scale(AMOUNTS), "cmin": 0, "cmax": 1, "colorbar": bar}
    x_axis, y_axis = layout.pop("xaxis"), layout.pop("yaxis")
    del y_axis["rangemode"]
    data, words, left = [], [], 0.0
    gap_px = 1 if column * _TYPICAL_WIDTH_PX > 10 else 0
    formulas = sum(len(b.sources) * (len(b.sources) + 1) // 2 for b in blocks) <= FORMULAS_UP_TO
    for i, block in enumerate(blocks, start=1):
        n, suffix = len(block.sources), "" if i == 1 else str(i)
        right, height = min(1.0, left + n * column), len(block.readers) / rows
        across = ticks(source_labels(n), _LABEL_WIDTH_PX / (column * _TYPICAL_WIDTH_PX))
        down = ticks(reader_labels(n), _LABEL_HEIGHT_PX * rows / room_px)
        data.append({**_cells(block, formulas, gap_px), "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        bounds: dict[str, Any] = {"domain": [left, right], "anchor": f"y{suffix}", "range": [-0.5, n - 0.5], "ticks": "", "tickangle": 0}
        layout[f"xaxis{suffix}"] = {**x_axis, **bounds, "tickvals": across[0], "ticktext": across[1]}
        bounds = {"domain": [1 - height, 1], "anchor": f"x{suffix}", "range": [n + 0.5, 0.5], "showgrid": False, "ticks": ""}
        layout[f"yaxis{suffix}"] = {
            **y_axis,
            **bounds,
            "tickvals": [place + 1 for place in down[0]],
            "ticktext": down[1],
        }
        name = f"block {block.block}" if n * column * _TYPICAL_WIDTH_PX > 52 else str(block.block)
        words.append({"text": name, "x": (left + right) / 2, "y": 1, "xanchor": "center", "yanchor": "bottom"})
        left = right + _GAP
    read = "what is read: the block's input, then the features of each layer"
    words.append({"text": read, "x": 0.5, "y": 0, "yshift": -_BELOW_PX, "xanchor": "center", "yanchor": "bottom"})
    words.append({"text": "who reads", "textangle": -90, "x": 0, "xshift": -52, "y": 0.5, "xanchor": "center", "yanchor": "middle"})
    common = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": FONT_PX}}
    layout["annotations"] = [{**common, **word} for word in words]
    return {"data": data, "layout": layout}


def _line(net: str, blocks: tuple[BlockReuse, ...]) -> str:
    """What the paper found, and what is so here."""
    from densenet.features.reuse import input_read, late_over_early

    says = f"<b>{escape(net)}</b>: mean |weight|, 1 is its row's largest. "
    if read := input_read(blocks):
        says += "Paper: a transition's output (column in, from block 2 on) is read least; "
        says += f"here in {read.least} of {read.rows} rows, mean {read.share:.2f}, others {read.others:.2f}. "
    if (times := late_over_early(blocks)) is not None:
        says += f"Paper: the classifier (last row) leans on late features; here its later half weighs {times:.1f} × the earlier."
    return f'<div class="hint">{says}</div>'


@explained
def show(settings: Settings, asked: Asked | None, block: int, weighted: bool) -> tuple[Any, str]:
    """Return the choice of blocks and the panel's value, for the net that is asked, or for the embedded one."""
    from densenet.features.reuse import reuse

    checked_flag("weighted", weighted)
    model = loaded(settings, asked.net if asked else WITHOUT_PHOTO)
    blocks = background.run(reuse, model, weighted)
    names = [("all blocks", ALL_BLOCKS), *((f"block {b.block}", b.block) for b in blocks)]
    chosen = block if block in range(len(blocks) + 1) else ALL_BLOCKS
    shown = blocks if chosen == ALL_BLOCKS else (blocks[chosen - 1],)
    return gr.update(choices=names, value=chosen), drawn([reuse_figure(shown)], _line(record_of(model).label, blocks))


def build(stage: Stage, tab: gr.Tab) -> None:
    """Lay out the view and wire it."""
    with gr.Row(elem_classes="explain-tools"):
        block = gr.Dropdown(
            [("all blocks", ALL_BLOCKS)], value=ALL_BLOCKS, show_label=False, container=False, min_width=140, scale=1, elem_id="reuse-block"
        )
        weighted = gr.Checkbox(
            False, label="times |γ|, the scale of the norm before", container=False, min_width=300, scale=2, elem_classes="few"
        )
    panel = chart_panel("", charts={"reuse-chart": "Which earlier features each layer reads, by its weights"}, elem_id="reuse")
    shown, sources = bound(show, stage.settings), [stage.asked, block, weighted]
    outputs = [block, panel]
    gr.on([tab.select, block.input, weighted.change], shown, sources, outputs, api_name="show_reuse", **latest(PREDICTING))
    stage.asked.change(while_open(shown, TITLE), [stage.view, *sources], outputs, api_name="follow_reuse", **latest(PREDICTING))
