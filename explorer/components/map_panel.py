"""Attribution maps on the page: drawn over exactly what the net saw, signed, with their scale, their values, and files to keep."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.components.overlays import data_uri, scale_of
from explorer.components.scripts import script_of

_ON_LOAD = script_of(Path(__file__).with_suffix(".js"))
_TEMPLATE = """<div class="map-head"></div>
<div class="map-tools" hidden>
<label>opacity <input class="opacity" type="range" min="0" max="1" step="0.02" value="1"></label>
<label>photo / map <input class="uncover" type="range" min="0" max="1" step="0.01" value="1"></label>
<label><input class="shared" type="checkbox"> one scale</label><span class="hint scale-says"></span></div>
<div class="maps"></div><div class="map-status hint"></div>"""


@dataclass(frozen=True)
class MapOnPage:
    """One map and its words; `values` None: it is still computed. `bad` marks a note that warns."""

    title: str
    says: str
    file: str = "map"  # the stem of what is saved
    values: NDArray[np.floating] | None = None  # H x W
    note: str = ""
    bad: bool = False
    unit: str = ""
    hint: str = ""  # shown when the words are pointed at
    method: str = ""  # that the page can judge; empty: there is nothing to judge
    smooth: bool = False  # drawn without steps between its pixels: it was interpolated in any case

    def as_dict(self) -> dict[str, Any]:
        """Return it for the page."""
        words = {
            "title": self.title,
            "says": self.says,
            "note": self.note,
            "bad": self.bad,
            "file": self.file,
            "unit": self.unit,
            "hint": self.hint,
            "method": self.method,
            "smooth": self.smooth,
        }
        if self.values is None:
            return words
        height, width = self.values.shape
        packed = base64.b64encode(np.ascontiguousarray(self.values, dtype="<f4").tobytes()).decode("ascii")
        return {**words, "values": packed, "height": height, "width": width, "scale": scale_of(self.values)}


def map_panel(elem_id: str) -> gr.HTML:
    """Return the component; its event `judge` (event data: `method`) asks whether a map can be trusted."""
    return gr.HTML("", html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id=elem_id)


def panel_value(view: Image.Image, maps: Sequence[MapOnPage], *, head: str, key: str, status: str = "", shared: bool = False) -> str:
    """Return the component's value, a text (see `explorer.components.chart_panel.drawn`).

    `head` is HTML; values that belong to one `key` keep what the visitor has set; `shared` is the scale to begin with.
    """
    shown = [item.as_dict() for item in maps]
    return json.dumps({"view": data_uri(view), "maps": shown, "head": head, "key": key, "status": status, "shared": shared})
