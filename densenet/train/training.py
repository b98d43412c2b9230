"""Train a net on pictures in memory, so that nothing is lost whenever the process ends, and anybody can watch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import torch

from densenet.model.freezing import freeze
from densenet.model.net import DenseNet
from densenet.running.building import explain_memory_errors
from densenet.running.device import choose_device, device_memory
from densenet.stopping import Stop, go_on
from densenet.train import checkpoint as checkpoints
from densenet.train import parallel
from densenet.train.checkpoint import locked
from densenet.train.data import ImageSet
from densenet.train.evaluation import Evaluation, evaluate
from densenet.train.events import Event, forget_after, log_of, looks_of
from densenet.train.loop import Loop, Report
from densenet.train.recipe import Recipe
from densenet.train.state import TrainingState, identity_of


@dataclass(frozen=True)
class Result:
    """What became of a training. `model` holds the best weights so far, in eval mode; accuracies (0 to 1) are on the held-out pictures."""

    model: DenseNet
    finished: bool  # False: it was asked to stop, and goes on when it is started again with the same checkpoint
    steps: int
    epoch: int  # after which `model` was chosen; 0: none has ended yet
    seconds: float
    valid: Evaluation
    history: tuple[Event, ...]  # one "epoch" event each


def _check(model: DenseNet, train: ImageSet, valid: ImageSet, recipe: Recipe) -> None:
    """Raise ValueError for a net, data and a recipe that do not go together."""
    config, size_px = model.config, train.images.shape[-1]
    config.check_image_size(size_px)
    if train.images.shape[1] != config.in_channels:
        raise ValueError(f"in_channels must be {train.images.shape[1]}, as the pictures have, got {config.in_channels}")
    if len(train.classes) != config.num_classes:
        raise ValueError(f"num_classes must be {len(train.classes)}, as the pictures have, got {config.num_classes}")
    if valid.classes != train.classes or valid.images.shape[1:] != train.images.shape[1:]:
        raise ValueError("valid must have the classes, channels and size of train")
    if len(train) < 2 or len(valid) < 1:
        raise ValueError(f"train needs 2 pictures and valid 1, got {len(train)} and {len(valid)}")
    if recipe.batch_size % parallel.world_size():
        raise ValueError(f"batch_size must be a multiple of the {parallel.world_size()} processes, got {recipe.batch_size}")
    share = min(recipe.batch_size, len(train)) // parallel.world_size()
    if share < 2:
        raise ValueError(f"batch_size must give each process at least 2 pictures, since BatchNorm needs more than one, got {share}")
    if recipe.early_px > size_px:
        raise ValueError(f"early_px must be at most the pictures' {size_px}, got {recipe.early_px}")
    if recipe.early_px:
        config.check_image_size(recipe.early_px)
    if recipe.cutout_px >= (recipe.early_px or size_px):
        raise ValueError(f"cutout_px must be below the pictures' {recipe.early_px or size_px}, got {recipe.cutout_px}")


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into a request to stop; in a thread that is not the main one Python lets nobody do so."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _own_draws(device: torch.device) -> AbstractContextManager[object]:
    """Give torch's global generator back as it was: the training seeds it at each step."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


_DEFAULTS: dict[str, dict[str, object]] = {"recipe": Recipe().as_dict(), "frozen": {"frozen": "none"}}


def _read(file: Path | None, identity: dict[str, object]) -> dict[str, object] | None:
    """Return the checkpoint to go on from, if there is one; ValueError if it is of another net, recipe or data."""
    if file is None or not file.exists():
        return None
    saved = checkpoints.load(file)
    for part, ours in identity.items():
        theirs = saved.get(part)
        if part in _DEFAULTS and isinstance(theirs, dict | None):  # older checkpoints lack what came later
            theirs = {**_DEFAULTS[part], **(theirs or {})}
        if theirs == ours:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            field = next(key for key in [*ours, *theirs] if ours.get(key) != theirs.get(key))
            raise ValueError(f"{field} must be {theirs.get(field)!r}, as in the checkpoint {file}, got {ours.get(field)!r}")
        raise ValueError(f"{part} must be that of the checkpoint {file}, got other pictures, classes or sizes")
    return saved


def fit(
    model: DenseNet,
    train: ImageSet,
    valid: ImageSet,
    recipe: Recipe,
    checkpoint: str | PathLike[str] | None = None,
    *,
    report: Report = lambda event: None,
    stop: Stop = go_on,
    device: torch.device | str = "auto",
    report_seconds: float = 1.0,
    save_seconds: float = 60.0,
    frozen: str = "none",
) -> Result:
    """Train `model` by `recipe` on `train` and choose its best epoch on `valid`; go on from `checkpoint` if that file is there.

    What `frozen` names ("features", "blocks:1-N") stays as it is, its norms with the statistics that they came with.

    The checkpoint is written whole or not at all, after each epoch and every `save_seconds`. Killed at any moment and started again, the
    training ends where an uninterrupted one ends, bit for bit, on the same machine with the same number of threads (not with a budget in
    `minutes`, which counts time). Ctrl-C, SIGTERM (in the main thread) and `events.ask` write a checkpoint and end it. `stop` is called
    before each step; where it raises `Cancelled`, a checkpoint is written first. Beside the checkpoint lies a log of all events, which
    `report` is told too, about every `report_seconds`.

    Started by torchrun within `parallel.process_group`, the processes share each batch and average their gradients. BatchNorm's
    statistics stay each process's own; rank 0's are evaluated and saved. Only rank 0 reports, of its own share.

    ValueError: net, data and recipe that do not go together, a checkpoint of another training or in use, no room for checkpoints, a device
    out of memory, a loss that is no longer finite. OSError: the last checkpoint could not be written; the one before is still there.
    """
    _check(model, train, valid, recipe)
    target = device if isinstance(device, torch.device) else choose_device(device)
    model.to(target, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)  # type: ignore[call-overload]
    freeze(model, frozen)
    state = TrainingState(model, recipe, frozen)
    file = None if checkpoint is None else Path(checkpoint)
    identity = identity_of(model, recipe, train, frozen)
    with locked(file if not parallel.rank() else None, state.needed_bytes()), _signals() as asked_to_end, _own_draws(target):
        saved = parallel.broadcast(None if parallel.rank() else _read(file, identity))
        if saved is not None:
            state.restore(saved)
        if file is not None and not parallel.rank():
            forget_after(log_of(file), state.step)
            forget_after(looks_of(file), state.step if saved is not None else -1)  # its first line is of step 0
        loop = Loop(state, (train, valid), recipe, file, identity, report, target)
        with explain_memory_errors("Not trained", f"training on batches of {loop.share} pictures", device_memory(target)):
            loop.run(asked_to_end, stop, report_seconds, save_seconds)
    best = parallel.broadcast(state.best)
    if best is not None:
        model.load_state_dict(best)
    return Result(
        model=model.eval(),
        finished=state.finished,
        steps=state.step,
        epoch=state.best_epoch,
        seconds=state.seconds,
        valid=evaluate(model, valid, train.preprocessing),
        history=tuple(Event(**event) for event in cast(list[dict], state.history)),
    )
