"""Trained nets as the app loads them: from its folder, and with a word on what still works where they cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from explorer.formatting import memory
from explorer.settings import Settings

if TYPE_CHECKING:
    from densenet.model import DenseNet


def loaded(settings: Settings, name: str, progress: gr.Progress | None = None) -> DenseNet:
    """Return a net of `densenet.weights.WEIGHTS`; ConnectionError with a helpful sentence where its weights cannot be had."""
    from densenet.weights import WEIGHTS, load

    def shown(done: int, total: int) -> None:
        if progress is not None:
            progress(done / total if total else None, desc=f"downloading {WEIGHTS[name].label}: {memory(done)} of {memory(total)}")

    try:
        return load(name, weights_dir=settings.weights_dir, offline=settings.offline, progress=shown)
    except ConnectionError as error:
        raise ConnectionError(f"{error} The embedded net works without a network.") from None
