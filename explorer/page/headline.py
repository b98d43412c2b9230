"""The row of numbers that stays in sight: what the net costs, each beside its preset."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from html import escape
from pathlib import Path

import gradio as gr

from densenet import totals
from densenet.arithmetic.memory import peaks
from densenet.config import MODES
from densenet.presets import PRESET_LABELS
from explorer.components.formatting import difference, exact, memory, short, side, signed
from explorer.page.page_state import PageState

_ON_LOAD = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_TEMPLATE = '<div class="tiles"></div>'


@lru_cache(maxsize=len(PRESET_LABELS))  # a slider that moves asks for its preset's again and again
def _peaks(state: PageState) -> tuple[int, int]:
    """Bytes at the peak of inference and of a training step."""
    infer, train = (peaks(state.config, replace(state.workload, mode=mode), [state.workload.batch_size])[0] for mode in MODES)
    return infer, train


def _tile(other: str, label: str, value: str, change: str, title: str) -> str:
    note = f"as {other}" if change == "=" else f"{change} vs {other.removeprefix('the ')}"
    quiet = " quiet" if change == "=" else ""
    return (
        f'<div class="tile" title="{escape(title)}"><div class="tile-label">{label}</div>'
        f'<div class="tile-value">{value}</div><div class="tile-change{quiet}">{note}</div></div>'
    )


def headline(state: PageState, pinned: PageState | None = None) -> str:
    """Return the tiles as HTML, each number beside that of the net pinned as A, or else of the preset."""
    start = pinned or state.reference
    ours = totals(state.config, state.workload.image_size)
    theirs = totals(start.config, start.workload.image_size)
    infer, train = _peaks(state)
    start_infer, start_train = _peaks(start)
    images = f"{state.workload.batch_size} image{'s' * (state.workload.batch_size != 1)} of {side(state.workload.image_size)}"
    rule = f"Peak of one step, {state.workload.precision}, {images}: live tensors; the device's context and workspaces are not in it."
    training = f"{rule} Optimizer: {state.workload.optimizer}; checkpointing: {state.workload.checkpointing}."
    tile = partial(_tile, "A" if pinned else "the preset")
    tiles = (
        tile("Parameters", short(ours.params), difference(ours.params, theirs.params), f"{exact(ours.params)} trainable values"),
        tile(
            "MACs per image",
            short(ours.macs),
            difference(ours.macs, theirs.macs),
            f"{exact(ours.macs)} multiply-accumulates of convolutions and classifier; FLOPs are twice that",
        ),
        tile("Depth", str(ours.depth), signed(ours.depth - theirs.depth), "Convolutions and the classifier, one after the other"),
        tile("Features out", exact(ours.features_out), signed(ours.features_out - theirs.features_out), "Channels the classifier sees"),
        tile("Inference memory", memory(infer), difference(infer, start_infer), rule),
        tile("Training memory", memory(train), difference(train, start_train), training),
    )
    return "".join(tiles)


def build(value: dict[str, str]) -> gr.HTML:
    """Lay out the tiles; `value` holds them, the address's query and the open tab. Its event `rest` says that the sliders have come to
    rest.
    """
    return gr.HTML(value, html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id="headline")
