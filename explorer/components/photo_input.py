"""An image component that survives whatever is dropped on it."""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict
from html import escape
from typing import Any

import gradio as gr
from PIL import Image

from densenet.pictures.images import read_image

_MOST_KEPT = 4
_LARGEST_PX = 12_000_000  # no net here sees more than some 100,000 of them

_kept: OrderedDict[tuple[str, int], Image.Image] = OrderedDict()
_one_at_a_time = threading.Lock()  # several events ask for a new photo at once, and a large one takes much memory to decode


def _decoded(path: str) -> Image.Image:
    """Return the photo in a file, nobody's to change; the latest are kept, since every view of a photo asks for it.

    Larger ones than 12 megapixels are averaged down by a whole number, long before any net's own scaling.
    """
    known = (path, os.stat(path).st_mtime_ns)
    with _one_at_a_time:
        if known not in _kept:
            image = read_image(path)
            times = math.ceil(math.sqrt(image.width * image.height / _LARGEST_PX))
            _kept[known] = image.reduce((min(times, image.width), min(times, image.height))) if times > 1 else image
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
        return _kept[known]


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
            return _decoded(payload.path)
        except (ValueError, OSError) as error:
            raise gr.Error(escape(str(error), quote=False), duration=8, print_exception=False) from None
