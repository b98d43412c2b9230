"""Trained nets as the app loads them: from its folder, and with a word on what still works where they cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.settings import Settings

if TYPE_CHECKING:
    from densenet.model import DenseNet


def loaded(settings: Settings, name: str) -> DenseNet:
    """Return a net of `densenet.weights.WEIGHTS`; ConnectionError with a helpful sentence where its weights cannot be had."""
    from densenet.weights import load

    try:
        return load(name, weights_dir=settings.weights_dir, offline=settings.offline)
    except ConnectionError as error:
        raise ConnectionError(f"{error} The embedded net works without a network.") from None
