"""Who reads whom inside a dense block, for the page to draw: the sources of each concatenation and its readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from densenet import DenseNetConfig
from densenet.arithmetic.costs import block_spans, steps
from densenet.features.wiring import BlockWiring, wiring
from explorer.components.scripts import script_of
from explorer.components.theme import block_colour

# The lines of densenet/model/net.py that make a block dense, and what would make it residual.
CODE = (
    "features = [x]",
    "for layer in self.children():",
    "    features.append(layer(torch.cat(features, 1)))",
    "return torch.cat(features, 1)",
)
_TEMPLATE = """<div class="join-tools"><span class="join-blocks" role="group" aria-label="Block"></span>
<button type="button" class="join-play">▶ Play</button>
<label>layers <input class="join-layers" type="range" min="0" step="1"></label><b class="join-count"></b></div>
<div class="join-pictures"><div class="join-arcs"></div><div class="join-matrix"></div></div>
<div class="join-foot"><div class="join-stacks"></div><pre class="join-code"></pre></div>"""


def _block(found: BlockWiring, blocks: int, first: int) -> dict[str, Any]:
    start, added = found.sources[0].stop, found.sources[-1].stop - found.sources[-1].start
    return {
        "block": found.block,
        "colour": block_colour(found.block, blocks),
        "first": first,
        "start": start,
        "added": added,
        "reads": [reader.channels for reader in found.readers],
        "behind": found.readers[-1].name.replace("transition", "transition "),
        "connections": found.connections,
    }


def connections(config: DenseNetConfig, image_size: int) -> str:
    """Return the component's value, a text: each block with the channels that its readers read, one after the other."""
    spans = block_spans(steps(config, image_size))
    shown = [_block(found, len(spans), span[0]) for found, span in zip(wiring(config), spans, strict=True)]
    return json.dumps({"blocks": shown, "code": CODE})


def build() -> gr.HTML:
    """Lay out the view; all of it is drawn in the page."""
    return gr.HTML("", html_template=_TEMPLATE, js_on_load=script_of(Path(__file__).with_suffix(".js")), elem_id="connections")
