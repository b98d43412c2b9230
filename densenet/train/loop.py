"""Train a net on pictures in memory, so that nothing is lost whenever the process ends, and anybody can watch."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from densenet.device import choose_device
from densenet.model import DenseNet
from densenet.train import checkpoint as checkpoints
from densenet.train import parallel
from densenet.train.augment import augmented
from densenet.train.data import ImageSet
from densenet.train.evaluate import Evaluation, evaluate
from densenet.train.events import Event, append, ask, asked, forget_after, log_of
from densenet.train.lock import locked
from densenet.train.recipe import Recipe
from densenet.train.state import TrainingState, described, generator_for

_PAUSE_SECONDS = 0.2  # between two looks at whether a pause is over
_ORDER, _DROPOUT, _VIEWS = 0, 1, 1000  # purposes of generators; the last one plus the process's rank

Report = Callable[[Event], object]


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
    if recipe.batch_size % parallel.processes():
        raise ValueError(f"batch_size must be a multiple of the {parallel.processes()} processes, got {recipe.batch_size}")
    share = min(recipe.batch_size, len(train)) // parallel.processes()
    if share < 2:
        raise ValueError(f"batch_size must give each process at least 2 pictures, since BatchNorm needs more than one, got {share}")
    if recipe.cutout_px >= size_px:
        raise ValueError(f"cutout_px must be below the pictures' {size_px}, got {recipe.cutout_px}")


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


class _Loop:
    """One sitting of a training."""

    def __init__(
        self,
        state: TrainingState,
        data: tuple[ImageSet, ImageSet],
        recipe: Recipe,
        file: Path | None,
        identity: dict[str, object],
        report: Report,
        device: torch.device,
    ) -> None:
        self.state, self.recipe, self.file, self.identity, self.device = state, recipe, file, identity, device
        self.train, self.valid = data
        self.batch = min(recipe.batch_size, len(self.train))  # of all processes
        self.steps_per_epoch = len(self.train) // self.batch
        self.steps = recipe.epochs * self.steps_per_epoch
        self.net = parallel.shared(state.model, device)
        self.report = report
        self.order: Tensor | None = None
        self.last = time.perf_counter()
        self.meter = [0.0, 0.0, 0.0, 0.0]  # since the last report: loss, right ones, pictures, seconds

    def tell(self, kind: str, **values: object) -> None:
        """Report an event and write it into the log; only rank 0 does."""
        if parallel.rank():
            return
        state = self.state
        event = Event(
            kind=kind,
            step=state.step,
            steps=self.steps,
            epoch=max(1, math.ceil(state.step / self.steps_per_epoch)),
            seconds=round(state.seconds, 3),
            lr=self.state.optimizer.param_groups[0]["lr"],
            **values,  # type: ignore[arg-type]
        )
        if kind == "epoch":
            state.history.append(asdict(event))
        if self.file is not None:
            append(log_of(self.file), event)
        self.report(event)

    def tick(self) -> float:
        """Return the seconds since the last tick."""
        now = time.perf_counter()
        elapsed, self.last = now - self.last, now
        return elapsed

    def save(self, *, must: bool) -> None:
        """Write a checkpoint; if it fails and it need not be, say so and go on: the one before is still there."""
        if self.file is None or parallel.rank():
            return
        try:
            checkpoints.save(self.file, {**self.identity, **self.state.as_dict()})
        except OSError as error:
            if must:
                raise
            self.tell("problem", message=f"The checkpoint was not written: {error}")

    def indices(self, step: int) -> Tensor:
        """Return which pictures this process learns from in `step`; the last ones of an epoch that fill no batch are left out."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self.order is None or place == 0:
            self.order = torch.randperm(len(self.train), generator=generator_for(self.recipe.seed, epoch, _ORDER))
        batch = self.order[place * self.batch : (place + 1) * self.batch]
        share = self.batch // parallel.processes()
        return batch[parallel.rank() * share : (parallel.rank() + 1) * share]

    def take_step(self) -> None:
        """Learn from one batch."""
        state, recipe, scaling = self.state, self.recipe, self.train.preprocessing
        indices = self.indices(state.step)
        generator = generator_for(recipe.seed, state.step, _VIEWS + parallel.rank())
        pictures, labels = self.train.images[indices].to(self.device), self.train.labels[indices].to(self.device)
        x = augmented(pictures, recipe, pictures.shape[-1], scaling.mean, scaling.std, generator)
        if recipe.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))  # dropout's draws
        state.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = self.net(x)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ValueError(f"lr must be lower than {recipe.lr:g}: the loss is no longer finite at step {state.step + 1}")
        loss.backward()
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        count, right = len(labels), float((logits.detach().argmax(1) == labels).sum())
        state.step += 1
        state.loss_sum, state.correct, state.seen = state.loss_sum + value * count, state.correct + right, state.seen + count
        for i, amount in enumerate((value * count, right, count)):
            self.meter[i] += amount

    def advance(self, stop: bool) -> bool:
        """Move the clock and the schedule on; return whether the training shall stop, as all processes agree."""
        elapsed = self.tick()
        state = self.state
        self.meter[3] += elapsed
        stopping, state.seconds = parallel.largest([float(stop), state.seconds + elapsed], self.device)
        state.progress = state.step / self.steps
        if self.recipe.minutes is not None:
            state.progress = min(1.0, max(state.progress, state.seconds / (60.0 * self.recipe.minutes)))
        state.scheduler.step()
        return bool(stopping)

    def tell_progress(self) -> None:
        """Report what happened since the last report."""
        loss, right, seen, seconds = self.meter
        if seen:
            together = parallel.processes()
            speed = round(together * seen / seconds, 1) if seconds else None
            self.tell("progress", loss=loss / seen, accuracy=right / seen, images_per_second=speed)
        self.meter = [0.0, 0.0, 0.0, 0.0]

    def end_epoch(self) -> None:
        """Evaluate, keep the net if it is the best, and save."""
        state = self.state
        self.tell_progress()
        if not parallel.rank():
            seen = max(1.0, state.seen)
            valid = evaluate(state.evaluated, self.valid, self.train.preprocessing)
            state.keep_if_best(valid.accuracy, math.ceil(state.step / self.steps_per_epoch))
            values = {"loss": state.loss_sum / seen, "accuracy": state.correct / seen}
            state.seconds += self.tick()
            self.tell("epoch", **values, valid_loss=valid.loss, valid_accuracy=valid.accuracy)
        state.loss_sum = state.correct = state.seen = 0.0
        state.finished = state.progress >= 1.0

    def pause(self, stop: threading.Event) -> bool:
        """Wait while a pause is asked for; return whether a stop was asked for."""
        paused = False
        while True:
            wish = asked(self.file) if self.file is not None and not parallel.rank() else "go"
            wants = parallel.largest([float(wish == "pause"), float(stop.is_set() or wish == "stop")], self.device)
            if wants[1] or not wants[0]:
                break
            if not paused:
                paused = True
                self.save(must=False)
                self.tell("paused")
            time.sleep(_PAUSE_SECONDS)
        if paused:
            self.tick()
            if not wants[1]:
                self.tell("resumed")
        return bool(wants[1])

    def run(self, stop: threading.Event, report_seconds: float, save_seconds: float) -> None:
        """Take steps until the budget is spent or a stop is asked for."""
        state = self.state
        self.tell("start")
        self.tick()
        saved = time.perf_counter()
        while not state.finished:
            stopping = self.pause(stop)
            if stopping:
                self.save(must=True)
                self.tell("stopped", message="asked to stop; start again with the same checkpoint to go on")
                if self.file is not None and not parallel.rank():
                    ask(self.file, "go")  # the next start shall not stop at once
                return
            state.model.train()
            self.take_step()
            self.advance(False)
            if state.step % self.steps_per_epoch == 0 or state.progress >= 1.0:
                self.end_epoch()
                self.save(must=state.finished)
                saved = time.perf_counter()
            elif time.perf_counter() - saved >= save_seconds:
                self.save(must=False)
                saved = time.perf_counter()
            if self.meter[3] >= report_seconds:
                self.tell_progress()
        self.tell("end")


def _restored(state: TrainingState, file: Path, identity: dict[str, object]) -> None:
    """Go on from `file`; ValueError if it is of another net, recipe or data."""
    saved = checkpoints.load(file)
    for part, ours in identity.items():
        theirs = saved.get(part)
        if theirs == ours:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            field = next(key for key in [*ours, *theirs] if ours.get(key) != theirs.get(key))
            raise ValueError(f"{field} must be {theirs.get(field)!r}, as in the checkpoint {file}, got {ours.get(field)!r}")
        raise ValueError(f"{part} must be that of the checkpoint {file}, got other pictures, classes or sizes")
    state.restore(saved)


def fit(
    model: DenseNet,
    train: ImageSet,
    valid: ImageSet,
    recipe: Recipe,
    checkpoint: str | PathLike[str] | None = None,
    *,
    report: Report = lambda event: None,
    device: torch.device | str = "auto",
    report_seconds: float = 1.0,
    save_seconds: float = 60.0,
) -> Result:
    """Train `model` by `recipe` on `train` and choose its best epoch on `valid`; go on from `checkpoint` if that file is there.

    The checkpoint is written whole or not at all, after each epoch and every `save_seconds`; killed at any moment and started again, the
    training ends where an uninterrupted one ends, bit for bit, on the same machine with the same number of threads (a budget in `minutes`
    aside, which counts time). Ctrl-C, SIGTERM (in the main thread) and `events.ask` write a checkpoint and end it. Beside the checkpoint lies
    a log of all events, which `report` is told too, about every `report_seconds` (units: seconds).

    Started by torchrun within `parallel.together`, the processes share each batch. Gradients are averaged; BatchNorm's statistics stay each
    process's own, and rank 0's are evaluated and saved. Only rank 0 reports.

    ValueError: net, data and recipe that do not go together, a checkpoint of another training or in use, no room for checkpoints, a loss that
    is no longer finite. OSError: the disk filled up, and the last checkpoint could not be written; the one before is still there.
    """
    _check(model, train, valid, recipe)
    target = device if isinstance(device, torch.device) else choose_device(device)
    model.to(target, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)  # type: ignore[call-overload]
    state = TrainingState(model, recipe)
    file = None if checkpoint is None else Path(checkpoint)
    identity = described(model, recipe, train.fingerprint())
    with locked(file if not parallel.rank() else None, state.needed_bytes()), _signals() as stop, torch.random.fork_rng():
        if file is not None and file.exists():
            _restored(state, file, identity)
        if file is not None and not parallel.rank():
            forget_after(log_of(file), state.step)
        if not state.finished:
            parallel.given_by_first(list(model.state_dict().values()))
            loop = _Loop(state, (train, valid), recipe, file, identity, report, target)
            loop.run(stop, report_seconds, save_seconds)
    if state.best is not None:
        model.load_state_dict(state.best)
    parallel.given_by_first(list(model.state_dict().values()))
    return Result(
        model=model.eval(),
        finished=state.finished,
        steps=state.step,
        epoch=state.best_epoch,
        seconds=state.seconds,
        valid=evaluate(model, valid, train.preprocessing),
        history=tuple(Event(**event) for event in cast(list[dict], state.history)),
    )
