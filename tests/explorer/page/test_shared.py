"""What a handler is given is what the page shows."""

from __future__ import annotations

import gradio as gr

from explorer.page import controls
from explorer.page.page_state import preset_state
from explorer.page.shared import Seen, Shared
from explorer.settings import Settings
from tests.explorer.page.test_fields import ALL_DIFFERENT


def test_the_components_stand_in_the_order_of_the_values() -> None:
    with gr.Blocks():
        pinned = preset_state("tiny")
        states = (gr.State(ALL_DIFFERENT.config), gr.State(ALL_DIFFERENT.workload), gr.State(pinned))
        bar = controls.build(ALL_DIFFERENT)
        page = Shared(Settings(), bar, *states, gr.Number(0.5), gr.State("Memory"), None)
    assert [type(component) for component in page.seen] == [gr.Dropdown, gr.State, gr.State, gr.State, gr.Number]
    seen = Seen(*(component.value for component in page.seen))
    assert seen == Seen("tiny", ALL_DIFFERENT.config, ALL_DIFFERENT.workload, pinned, 0.5)
    assert seen.state == ALL_DIFFERENT
    assert seen.showing(pinned) == Seen("tiny", pinned.config, pinned.workload, pinned, 0.5)
