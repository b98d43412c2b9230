"""One sitting of a training: steps, reports, pauses and checkpoints, until the budget is spent or a stop is asked for."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from densenet.running.device import autocast_to
from densenet.stopping import Cancelled, Stop
from densenet.train import checkpoint as checkpoints
from densenet.train import parallel
from densenet.train.augment import augment
from densenet.train.data import ImageSet
from densenet.train.evaluation import evaluate
from densenet.train.events import Event, append, ask, asked, log_of, wish_of
from densenet.train.recipe import Recipe
from densenet.train.state import TrainingState, generator_for
from densenet.train.watching import Watcher

_PAUSE_SECONDS = 0.2  # between two looks at whether a pause is over
_ORDER, _VIEWS = 0, 1000  # purposes of generators; the last one plus the process's rank

Report = Callable[[Event], object]


def _given_up(stop: Stop) -> bool:
    """Whether `stop` raises `Cancelled`: processes that train together have to agree on it before they end."""
    try:
        stop()
    except Cancelled:
        return True
    return False


@dataclass
class Meter:
    """Sums since the last report: loss and right answers over the pictures seen, and the seconds that they took."""

    loss: float = 0.0
    correct: float = 0.0
    seen: int = 0
    seconds: float = 0.0


class Loop:
    """A training state with the data, recipe and file that it works with; `identity` goes into each checkpoint."""

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
        self.share = min(recipe.batch_size, len(self.train)) // parallel.world_size()  # of a batch, for each process
        self.batch = self.share * parallel.world_size()
        self.steps_per_epoch = len(self.train) // self.batch
        self.steps = recipe.epochs * self.steps_per_epoch
        self.net = parallel.data_parallel(state.model, device)
        self.report = report
        self.order: Tensor | None = None
        self.last = time.perf_counter()
        self.meter = Meter()
        self.watcher = Watcher(file, self.valid, self.train.preprocessing, recipe.seed)

    @property
    def _epoch(self) -> int:
        return math.ceil(self.state.step / self.steps_per_epoch)

    def tell(self, kind: str, **values: object) -> None:
        """Report an event and write it into the log; only rank 0 does."""
        if parallel.rank():
            return
        state = self.state
        event = Event(
            kind=kind,
            step=state.step,
            steps=self.steps,
            epoch=max(1, self._epoch),
            seconds=round(state.seconds, 3),
            lr=self.state.optimizer.param_groups[0]["lr"],
            **values,  # type: ignore[arg-type]
        )
        if kind == "epoch":
            state.history.append(asdict(event))
        if self.file is not None:
            with suppress(OSError):  # a full disk: the training outlives it, and its history is in the checkpoint
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
        return batch[parallel.rank() * self.share : (parallel.rank() + 1) * self.share]

    def take_step(self) -> None:
        """Learn from one batch."""
        state, recipe, scaling = self.state, self.recipe, self.train.preprocessing
        indices = self.indices(state.step)
        generator = generator_for(recipe.seed, state.step, _VIEWS + parallel.rank())
        pictures, labels = self.train.images[indices].to(self.device), self.train.labels[indices].to(self.device)
        size_px = recipe.size_px(state.progress, pictures.shape[-1])
        x = augment(pictures, recipe, size_px, scaling.mean, scaling.std, generator)
        if recipe.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))  # dropout's draws
        state.optimizer.zero_grad(set_to_none=True)
        with autocast_to(recipe.precision, self.device):
            logits = self.net(x)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ValueError(f"lr must be lower than {recipe.lr:g}: the loss is no longer finite at step {state.step + 1}")
        state.scaler.scale(loss).backward()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if state.average is not None:
            state.average.update_parameters(state.model)
        count, right = len(labels), float((logits.detach().argmax(1) == labels).sum())
        state.step += 1
        state.loss_sum, state.correct, state.seen = state.loss_sum + value * count, state.correct + right, state.seen + count
        meter = self.meter
        meter.loss, meter.correct, meter.seen = meter.loss + value * count, meter.correct + right, meter.seen + count

    def advance(self) -> None:
        """Move the clock and the schedule on."""
        elapsed = self.tick()
        state = self.state
        self.meter.seconds += elapsed
        state.seconds += elapsed
        if self.recipe.minutes is not None:
            (state.seconds,) = parallel.all_max([state.seconds], self.device)
        state.progress = state.step / self.steps
        if self.recipe.minutes is not None:
            state.progress = min(1.0, max(state.progress, state.seconds / (60.0 * self.recipe.minutes)))
        state.scheduler.step()

    def tell_progress(self) -> None:
        """Report what happened since the last report."""
        meter, self.meter = self.meter, Meter()
        if meter.seen:
            speed = round(parallel.world_size() * meter.seen / meter.seconds, 1) if meter.seconds else None
            self.tell("progress", loss=meter.loss / meter.seen, accuracy=meter.correct / meter.seen, images_per_second=speed)

    def end_epoch(self) -> None:
        """Evaluate, keep the net if it is the best, and save."""
        state = self.state
        self.tell_progress()
        if not parallel.rank():
            seen = max(1.0, state.seen)
            valid = evaluate(state.evaluated, self.valid, self.train.preprocessing)
            state.keep_if_best(valid.accuracy, self._epoch)
            self.watcher.look(state, self._epoch)  # before the log tells of the epoch: whoever reads of that finds the look
            values = {"loss": state.loss_sum / seen, "accuracy": state.correct / seen}
            state.seconds += self.tick()
            self.tell("epoch", **values, valid_loss=valid.loss, valid_accuracy=valid.accuracy)
        state.loss_sum = state.correct = state.seen = 0.0
        state.finished = state.progress >= 1.0

    def ending(self, asked_to_end: threading.Event, stop: Stop) -> str | None:
        """Return "stopped" or "cancelled" if any process was told so, else None; wait before while a pause is asked for."""
        paused = False
        while True:
            wish = asked(self.file) if self.file is not None and not parallel.rank() else "go"
            told = (wish == "pause", asked_to_end.is_set() or wish == "stop", _given_up(stop))
            pause, *ends = parallel.all_max([float(one) for one in told], self.device)
            if any(ends) or not pause:
                break
            if not paused:
                paused = True
                self.save(must=False)
                self.tell("paused", message=f"until {wish_of(self.file)} is removed" if self.file is not None else "")
            time.sleep(_PAUSE_SECONDS)
        if paused:
            self.tick()
            if not any(ends):
                self.tell("resumed")
        return "cancelled" if ends[1] else "stopped" if ends[0] else None

    def forget_wish(self) -> None:
        """Take back what was asked for."""
        if self.file is not None and not parallel.rank():
            ask(self.file, "go")

    def run(self, asked_to_end: threading.Event, stop: Stop, report_seconds: float, save_seconds: float) -> None:
        """Take steps until the budget is spent or a stop is asked for; `Cancelled` once nobody waits for the end."""
        state = self.state
        if state.finished:
            return
        self.tell("start")
        self.tick()
        saved = time.perf_counter()
        while not state.finished:
            if end := self.ending(asked_to_end, stop):
                self.save(must=True)
                reason = "asked to stop" if end == "stopped" else "nobody waits for it any more"
                self.tell("stopped", message=f"{reason}; start again with the same checkpoint to go on")
                self.forget_wish()  # the next start must not stop at once
                if end == "cancelled":
                    raise Cancelled
                return
            state.train_mode()
            self.take_step()
            self.advance()
            # Told before it is saved: a process that is killed in between tells it again, the other way round never.
            if self.meter.seconds >= report_seconds:
                self.tell_progress()
            if state.step % self.steps_per_epoch == 0 or state.progress >= 1.0:
                self.end_epoch()
                self.save(must=state.finished)
                saved = time.perf_counter()
            elif time.perf_counter() - saved >= save_seconds:
                self.save(must=False)
                saved = time.perf_counter()
        self.tell("end")
        self.forget_wish()
