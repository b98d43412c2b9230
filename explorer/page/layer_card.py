"""The card of one step of the net: what it reads, what reads it, and the arithmetic of each of its operations."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from densenet import DenseNetConfig, Layer, Workload
from densenet.arithmetic.costs import Step, block_spans, steps
from densenet.arithmetic.receptive import ReceptiveField, receptive_fields
from explorer.components.formatting import exact, side
from explorer.components.scripts import script_of
from explorer.components.templates import template_of
from explorer.page.formulas import channels_formula, cost_formulas

_HTML = template_of(Path(__file__).with_suffix(".html"))
_COLUMNS = ("operation", "kernel", "from", "to", "bytes out", "sees")


def _named(found: tuple[Step, ...]) -> str:
    """Name steps that follow each other: `the stem, layers 1 to 4 of block 1`."""
    dense = [step.layer for step in found if step.kind == "dense"]
    words = [step.label for step in found if step.kind != "dense"]
    if dense:
        of = next(step.block for step in found if step.kind == "dense")
        layers = f"layer {dense[0]}" if len(dense) == 1 else f"layers {dense[0]} to {dense[-1]}"
        words.insert(1 if found[0].kind != "dense" else 0, f"{layers} of block {of}")
    return ", ".join(words)


def _reads(of: tuple[Step, ...], at: int) -> str:
    """What step `at` reads, with its channels, in words."""
    for first, last in block_spans(of):
        if first <= at <= last + 1:
            joined = ", concatenated" if at > first else ""  # the first layer has one source
            return f"Reads {_named(of[first - 1 : at])}: {of[at].received} channels{joined}."
    return f"Reads the image: {of[at].received} channel{'s' * (of[at].received != 1)}."


def _readers(of: tuple[Step, ...], at: int) -> str:
    """Who reads what step `at` puts out, in words."""
    for first, last in block_spans(of):
        if first - 1 <= at <= last:
            return f"Read by {_named(of[at + 1 : last + 2])}."
    return "Its outputs are the net's."


def _cells(row: Layer, field: ReceptiveField) -> list[str]:
    kernel = f"{row.kernel} × {row.kernel}" + (f", stride {row.stride}" if row.stride > 1 else "") if row.kernel else ""
    shape = [f"{channels} × {size}²" for channels, size in ((row.in_channels, row.in_size), (row.out_channels, row.out_size))]
    return [row.path.rpartition(".")[2], kernel, *shape, exact(row.output_bytes), side(field.size)]


def card(config: DenseNetConfig, image_size: int, at: int) -> str:
    """Return the card of step `at` of the net, 0 for the stem, as HTML; empty where the net has no such step."""
    of = steps(config, image_size)
    if not 0 <= at < len(of):
        return ""
    step, fields = of[at], receptive_fields(config, image_size)
    field = fields[step.rows[-1].path]
    covered = " (more than the whole image)" if field.size > image_size else ""
    apart = f"; the squares of neighbours lie {field.jump} px apart" if step.rows[-1].out_size > 1 else ""
    return _HTML.render(
        step=step,
        first=at == 0,
        last=at == len(of) - 1,
        channels=channels_formula(step, config),
        reads=_reads(of, at),
        readers=_readers(of, at),
        columns=_COLUMNS,
        rows=[_cells(row, fields[row.path]) for row in step.rows],
        params=exact(step.params),
        param_lines=cost_formulas(step, macs=False),
        macs=exact(step.macs),
        mac_lines=cost_formulas(step, macs=True),
        field=f"Each of its outputs depends on {side(field.size)} pixels of the image{covered}{apart}.",
    )


def _index_of(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def keep(config: DenseNetConfig, workload: Workload, event: gr.EventData) -> tuple[int | None, str]:
    """Return the step that a click has kept, and its card; None lets it go."""
    at = _index_of(getattr(event, "step", None))
    return at, follow(at, config, workload)


def follow(at: int | None, config: DenseNetConfig, workload: Workload) -> str:
    """Return the card of the step that is kept, of the net as it is now."""
    return "" if at is None else card(config, workload.image_size, at)


def build() -> tuple[gr.State, gr.HTML]:
    """Lay out the card's place; its event is `keep` (event data: `step`), the state holds the step that is kept."""
    return gr.State(None), gr.HTML("", js_on_load=script_of(Path(__file__).with_suffix(".js")), elem_id="layer-card")
