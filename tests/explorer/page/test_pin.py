"""The button says what it will do."""

from __future__ import annotations

import gradio as gr

from explorer.page import pin
from explorer.page.page_state import preset_state


def test_the_button_pins_and_lets_go() -> None:
    assert (pin.button(None)["value"], pin.button(None)["variant"]) == ("Pin as A", "secondary")
    assert (pin.button(preset_state("tiny"))["value"], pin.button(preset_state("tiny"))["variant"]) == ("Unpin A", "primary")
    with gr.Blocks():
        pinned, button = pin.build()
    assert (pinned.value, button.value) == (None, pin.button(None)["value"])
