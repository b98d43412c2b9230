"""An image component that survives whatever is dropped on it."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
from PIL import Image

from densenet.images import read_image


class PhotoInput(gr.Image):
    """gr.Image that hands over 8-bit RGB, upright, or answers with a sentence: gr.Image alone clips, blackens or fails silently.

    It takes gr.Image's arguments as they are; what `type` and `image_mode` say is not used.
    """

    is_template = True

    def preprocess(self, payload: Any) -> Image.Image | None:
        """Decode the file that the page uploaded."""
        if payload is None:
            return None
        if not payload.path:
            raise gr.Error("Please upload the photo as a file.", print_exception=False)
        try:
            return read_image(payload.path)
        except (ValueError, OSError) as error:
            raise gr.Error(escape(str(error), quote=False), duration=8, print_exception=False) from None
