"""Trained nets as the app loads them: from its folder, from a visitor's file, and with a word on what still works without a network."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from densenet.checks import show_value
from densenet.kept import Kept
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import is_here, load, load_file
from explorer.components.formatting import memory
from explorer.settings import Settings
from explorer.work import background
from explorer.work.runs import trained

if TYPE_CHECKING:
    from densenet.model.net import DenseNet
    from densenet.record import Weights

_BROUGHT, _TRAINED = "brought-", "trained-"
MOST_BROUGHT = 64  # files of visitors that are remembered; the one not asked for longest goes

_brought: Kept[str, tuple[Path, Path | None]] = Kept(MOST_BROUGHT)  # by a name that nobody can guess: weights, card


def bring(path: Path, card: Path | None = None) -> str:
    """Read a visitor's file, in the background, and return the name that it is loaded by; ValueError says what is wrong with it."""
    background.run(partial(load_file, path, card=card))
    name = _BROUGHT + secrets.token_hex(8)
    _brought.put(name, (path, card))
    return name


def loaded(settings: Settings, name: str, progress: gr.Progress | None = None) -> DenseNet:
    """Return a net of `WEIGHTS`, or one that was brought or trained here, read or downloaded in the background.

    ValueError for one that is not here, ConnectionError with a helpful sentence where its weights cannot be had.
    """
    return background.run(_read, settings, name, progress)


def _read(settings: Settings, name: str, progress: gr.Progress | None) -> DenseNet:
    if not isinstance(name, str):
        raise ValueError(f"net must be a name, got {show_value(name)}")
    if name.startswith(_BROUGHT):
        file = _brought.get(name)
        if file is None or not file[0].is_file():
            raise ValueError("This net is no longer here: please bring its file again.")
        return load_file(file[0], card=file[1])
    if name.startswith(_TRAINED):
        run = trained(settings).get(name.removeprefix(_TRAINED))
        if run is None:
            raise ValueError("This training's net is no longer here.")
        return load_file(run)

    def shown(done: int, total: int) -> None:
        if progress is not None:
            progress(done / total if total else None, desc=f"downloading {WEIGHTS[name].label}: {memory(done)} of {memory(total)}")

    try:
        return load(name, weights_dir=settings.weights_dir, offline=settings.offline, progress=shown)
    except ConnectionError as error:
        raise ConnectionError(f"{error} The embedded net works without a network.") from None


def record_of(model: DenseNet) -> Weights:
    """Return the record that every net of this module carries."""
    assert model.weights is not None
    return model.weights


def choices(settings: Settings) -> list[tuple[str, str]]:
    """Return the nets of the trainings here, and those that come with the app, each with what has to happen before it can answer."""
    return [(f"{run} · trained here", _TRAINED + run) for run in trained(settings)] + [
        (record.label if record.url is None else f"{record.label} · {'ready' if is_here(name, settings.weights_dir) else 'download'}", name)
        for name, record in WEIGHTS.items()
    ]
