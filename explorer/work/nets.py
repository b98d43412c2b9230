"""Trained nets as the app loads them: from its folder, from a visitor's file, and with a word on what still works without a network."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
_STARTS = ".starts"  # in the folder of trainings
MOST_BROUGHT = 64  # files of visitors that are remembered; the one not asked for longest goes


class Brought(NamedTuple):
    """A visitor's file, its card, and what the visitor says of the net, which counts more than the card."""

    weights: Path
    card: Path | None
    said: tuple[tuple[str, object], ...] = ()

    def load(self) -> DenseNet:
        """Read it, or take it from those that were read before."""
        return load_file(self.weights, card=self.card, said=dict(self.said))


_brought: Kept[str, Brought] = Kept(MOST_BROUGHT)  # by a name that nobody can guess


def _remembered(net: Brought) -> str:
    background.run(net.load)
    name = _BROUGHT + secrets.token_hex(8)
    _brought.put(name, net)
    return name


def bring(path: Path, card: Path | None = None) -> str:
    """Read a visitor's file, in the background, and return the name that it is loaded by; ValueError says what is wrong with it."""
    return _remembered(Brought(path, card))


def is_brought(name: str) -> bool:
    """Whether a visitor brought the net of this name."""
    return name.startswith(_BROUGHT)


def _brought_as(name: str) -> Brought:
    brought = _brought.get(name) if isinstance(name, str) and is_brought(name) else None
    if brought is None:
        raise ValueError(f"net must be one that was brought and is still here, got {show_value(name)}")
    return brought


def told(name: str, said: Mapping[str, object]) -> str:
    """Return the name of the same net of which its visitor says these fields of a card.

    ValueError for a net that nobody brought, or that is no longer here, and for fields that do not fit it.
    """
    brought = _brought_as(name)
    return _remembered(brought._replace(said=tuple({**dict(brought.said), **said}.items())))


def with_other_meaning(name: str) -> str:
    """Return the name of the same net whose classes exclude each other where those of `name` are independent, and the other way round.

    Errors are those of `told`.
    """
    brought = _brought_as(name)
    activation = {"softmax": "sigmoid", "sigmoid": "softmax"}.get(record_of(background.run(brought.load)).activation)
    if activation is None:
        raise ValueError("This net answers with numbers, as its card says.")
    return told(name, {"activation": activation})


def loaded(settings: Settings, name: str, progress: gr.Progress | None = None) -> DenseNet:
    """Return a net of `WEIGHTS`, or one that was brought or trained here, read or downloaded in the background.

    ValueError for one that is not here, ConnectionError with a helpful sentence where its weights cannot be had.
    """
    return background.run(_read, settings, name, progress)


def _read(settings: Settings, name: str, progress: gr.Progress | None) -> DenseNet:
    if not isinstance(name, str):
        raise ValueError(f"net must be a name, got {show_value(name)}")
    if is_brought(name):
        file = _brought.get(name)
        if file is None or not file.weights.is_file():
            raise ValueError("This net is no longer here: please bring its file again.")
        return file.load()
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


def _to_start_from(settings: Settings, name: str) -> DenseNet:
    if not isinstance(name, str):
        raise ValueError(f"net must be a name, got {show_value(name)}")
    if is_brought(name) or name.startswith(_TRAINED) or name in WEIGHTS:
        return loaded(settings, name)
    if not os.path.isfile(name):
        raise ValueError(f"There is no net and no file {show_value(name)} on this machine.")
    return load_file(name)


def record_to_start_from(settings: Settings, name: str) -> Weights:
    """Return what is known of a net that a training may start from: one that `loaded` knows, without a download, or a file on this machine.

    Errors are those of `loaded`; ValueError also for a name that is neither.
    """
    known = WEIGHTS.get(name) if isinstance(name, str) else None
    return known or record_of(_to_start_from(settings, name))


def kept_to_start_from(settings: Settings, name: str) -> Path:
    """Return a file of such a net beside the trainings, whose card says all that is known of it: one that goes on needs it again."""
    from densenet.weights.composing import card_of
    from densenet.weights.net_files import save_net

    model = _to_start_from(settings, name)
    record = record_of(model)
    card = card_of(record)
    content = hashlib.sha256(json.dumps([record.sha256, card]).encode()).hexdigest()
    path = settings.runs_dir / _STARTS / f"{record.name}-{content[:16]}.safetensors"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_net(model, path, card)
    return path


def record_of(model: DenseNet) -> Weights:
    """Return the record that every net of this module carries."""
    assert model.weights is not None
    return model.weights


def last_trained(settings: Settings) -> str:
    """Return the name of the net that was trained last; ValueError where none was."""
    name = next(iter(trained(settings)), None)
    if name is None:
        raise ValueError("There is no trained net yet.")
    return _TRAINED + name


def choices(settings: Settings) -> list[tuple[str, str]]:
    """Return the nets of the trainings here, and those that come with the app, each with what has to happen before it can answer."""
    return [(f"{run} · trained here", _TRAINED + run) for run in trained(settings)] + [
        (record.label if record.url is None else f"{record.label} · {'ready' if is_here(name, settings.weights_dir) else 'download'}", name)
        for name, record in WEIGHTS.items()
    ]
