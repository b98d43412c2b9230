"""Pin the net of the sliders as A: its outline stays in every chart, and every number is set beside its."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.page.page_state import PageState

_PIN, _UNPIN = "Pin as A", "Unpin A"


def button(pinned: PageState | None) -> Any:
    """Return the button as it is labelled for what is pinned."""
    return gr.update(value=_UNPIN if pinned else _PIN, variant="primary" if pinned else "secondary")


def build() -> tuple[gr.State, gr.Button]:
    """Lay out the button; the state holds the pinned net."""
    pinned = gr.State(None)
    return pinned, gr.Button(_PIN, size="sm", scale=0, min_width=96, elem_id="pin")
