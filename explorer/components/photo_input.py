"""An image component that survives whatever is dropped on it."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import gradio as gr
from PIL import Image

from densenet.kept import Kept
from densenet.pictures.images import read_image
from explorer.components.messages import page_error

_MOST_KEPT = 4
_LARGEST_PX = 12_000_000  # no net here sees more than some 100,000 of them

_kept: Kept[tuple[str, int], Image.Image] = Kept(_MOST_KEPT)
_one_at_a_time = threading.Lock()  # several events ask for a new photo at once, and a large one takes much memory to decode


def _decoded(path: str) -> Image.Image:
    """Return the photo in a file, nobody's to change; the latest are kept, since every view of a photo asks for it.

    Larger ones than 12 megapixels are averaged down by a whole number, long before any net's own scaling.
    """
    with _one_at_a_time:
        return _kept.get_or((path, os.stat(path).st_mtime_ns), lambda: _reduced(read_image(path)))


def _reduced(image: Image.Image) -> Image.Image:
    times = math.ceil(math.sqrt(image.width * image.height / _LARGEST_PX))
    return image.reduce((min(times, image.width), min(times, image.height))) if times > 1 else image


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
            raise page_error(ValueError("Please upload the photo as a file."))
        try:
            return _decoded(payload.path)
        except Exception as error:
            raise page_error(error) from None
