"""The place of the sliders: all of them in it, and what it is told of the tabs on which it folds."""

from __future__ import annotations

import gradio as gr

from explorer.page import sidebar
from explorer.page.page_state import preset_state


def test_the_sliders_are_in_it_and_it_knows_where_it_folds() -> None:
    words = {"Predict": "asks other nets", "Train": "trains this one"}
    with gr.Blocks() as page:
        bar = sidebar.build(preset_state("tiny"), words)
    blocks = page.blocks.values()
    (place,) = [block for block in blocks if isinstance(block, gr.Sidebar)]
    assert (place.elem_id, place.open) == ("sidebar", True)
    (about,) = [block for block in blocks if getattr(block, "elem_id", "") == "about-sliders"]
    assert isinstance(about, gr.HTML)
    assert about.props["folded"] == words

    def within(block: object) -> bool:
        return block is place or (block is not None and within(getattr(block, "parent", None)))

    assert all(within(bar[name]) for name in ("preset", "growth_rate", "block_1", "image_size", "num_classes"))
