"""An image component that survives whatever is dropped on it."""

from __future__ import annotations

import io
import os
import threading
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image

from densenet.kept import Kept
from densenet.pictures.images import read_image
from explorer.components.messages import page_error

_MOST_KEPT = 4
_SHOWN_BY_BROWSERS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP"})
_LOSSLESS_PX = 4_000_000  # of more a PNG takes seconds

_kept: Kept[tuple[str, int], Image.Image] = Kept(_MOST_KEPT)
_one_at_a_time = threading.Lock()  # several events ask for a new photo at once, and a large one takes much memory to decode


def _decoded(path: str) -> Image.Image:
    """Return the photo in a file, nobody's to change; the latest are kept, since every view of a photo asks for it."""
    with _one_at_a_time:
        return _kept.get_or((path, os.stat(path).st_mtime_ns), lambda: read_image(path))


def for_browsers(photo: Image.Image | None) -> Any:
    """Return a photo that no browser can show, so that it becomes one that each can; nothing new for any other."""
    return gr.skip() if photo is None or photo.info.get("format") in _SHOWN_BY_BROWSERS else photo


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

    def postprocess(self, value: Any) -> Any:
        """Let the page show a photo as a PNG, or a JPEG of the best quality where that would be too large."""
        if not isinstance(value, Image.Image):
            return super().postprocess(value)
        content, kind = io.BytesIO(), "png" if value.width * value.height <= _LOSSLESS_PX else "jpeg"
        value.save(content, kind, **({"quality": 95, "subsampling": 0} if kind == "jpeg" else {}))
        return super().postprocess(save_bytes_to_cache(content.getvalue(), f"photo.{kind}", self.GRADIO_CACHE))
