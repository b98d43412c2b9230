"""The place of the sliders: beside the tabs, or a sheet at the foot of a narrow window; folded on tabs that do not show what they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gradio as gr

from explorer.page import controls
from explorer.page.controls import Controls
from explorer.page.page_state import PageState

_WIDTH_PX = 290
_ON_LOAD = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_TEMPLATE = '<div class="hint"></div>'


def build(state: PageState, folded: Mapping[str, str]) -> Controls:
    """Lay out the sliders of `state`; `folded` says what they have to do with each tab on which the page folds them away, by its title."""
    with gr.Sidebar(width=_WIDTH_PX, elem_id="sidebar"):
        gr.HTML("", html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id="about-sliders", folded=dict(folded))
        return controls.build(state)
