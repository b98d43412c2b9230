"""What a training tells while it runs, and what it can be told: lines of a log, and a small file, both beside the checkpoint."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar

from densenet.checks import checked_choice
from densenet.files import remove_partials, write_whole

KINDS = ("start", "progress", "epoch", "paused", "resumed", "problem", "stopped", "end")
WISHES = ("go", "pause", "stop")
_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One report. Loss and accuracies (0 to 1) are of the training batches since the last report, or of the epoch so far for "epoch"."""

    kind: str
    step: int  # steps taken
    steps: int  # in all, if the budget is spent in epochs
    epoch: int  # epochs begun, from 1
    seconds: float  # of training, over all its sittings, pauses not counted
    lr: float
    loss: float | None = None
    accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    images_per_second: float | None = None
    message: str = ""  # of "problem", "paused" and "stopped"


def log_of(checkpoint: str | os.PathLike[str]) -> Path:
    """Return the log beside `checkpoint`: JSON lines, one an event."""
    return Path(checkpoint).with_suffix(".jsonl")


def looks_of(checkpoint: str | os.PathLike[str]) -> Path:
    """Return the file beside `checkpoint` that holds a look into the net for each epoch (`densenet.train.watching`): JSON lines."""
    return Path(checkpoint).with_suffix(".looks.jsonl")


def wish_of(checkpoint: str | os.PathLike[str]) -> Path:
    """Return the file beside `checkpoint` that holds what is asked of its training."""
    return Path(checkpoint).with_suffix(".ask")


def append(log: Path, event: Event) -> None:
    """Add one line to `log`; None fields are left out."""
    append_line(log, {key: value for key, value in asdict(event).items() if value is not None and value != ""})


def append_line(file: Path, values: dict[str, object]) -> None:
    """Add one line of JSON to a file of lines that tell of a step each."""
    with open(file, "a", encoding="utf-8") as lines:
        lines.write(json.dumps(values) + "\n")


def read_log(checkpoint: str | os.PathLike[str]) -> list[Event]:
    """Return the events of a training, oldest first, also while it runs and after a crash; none if there is no log."""
    log = log_of(checkpoint)
    return list(_parsed(log.read_bytes())) if log.is_file() else []


class Follower(Generic[_Read]):
    """A file of lines, read on from where it was left the last time; any thread may ask. `parse` takes whole lines."""

    def __init__(self, file: Path, parse: Callable[[bytes], Iterable[_Read]]) -> None:
        self._path, self._parse = file, parse
        self._reading = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._file: tuple[int, int] | None = None
        self._offset = 0
        self._all: tuple[_Read, ...] = ()

    def all(self) -> tuple[_Read, ...]:
        """Return what all lines say so far, oldest first; the same tuple while nothing is added. A line counts once it is whole."""
        with self._reading:
            try:
                with open(self._path, "rb") as file:
                    found = os.fstat(file.fileno())
                    if (found.st_dev, found.st_ino) != self._file or found.st_size < self._offset:  # written anew by `forget_after`
                        self._forget()
                        self._file = found.st_dev, found.st_ino
                    if found.st_size > self._offset:
                        file.seek(self._offset)
                        whole, newline, _ = file.read().rpartition(b"\n")
                        self._offset += len(whole) + len(newline)
                        self._all += tuple(self._parse(whole))
            except FileNotFoundError:
                self._forget()
            return self._all


class LogFollower(Follower[Event]):
    """A training's log, read on from where it was left the last time."""

    def __init__(self, checkpoint: str | os.PathLike[str]) -> None:
        super().__init__(log_of(checkpoint), lambda lines: _parsed(lines))


def _parsed(lines: bytes) -> Iterator[Event]:
    for line in lines.decode(errors="replace").splitlines():
        try:
            yield Event(**json.loads(line))
        except (ValueError, TypeError):  # the last line of a process that was killed, or another's
            continue


def _step_of(line: bytes) -> float:
    """Return the step that a line tells of; endless for one that is torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf


def forget_after(log: Path, step: int) -> None:
    """Drop the lines of steps after `step`, which will be taken again; whoever reads meanwhile sees the old log or the new one.

    Only the training that holds the checkpoint may call it.
    """
    remove_partials(log)
    if not log.is_file():
        return
    lines = log.read_bytes()
    kept = b"".join(line + b"\n" for line in lines.splitlines() if _step_of(line) <= step)
    if kept != lines:
        write_whole(log, lambda file: file.write(kept))


def ask(checkpoint: str | os.PathLike[str], wish: str) -> None:
    """Ask the training that writes `checkpoint`, in whatever process, to "pause", to "go" on, or to write a checkpoint and "stop".

    A pause holds until it is taken back, also over a restart; a stop until it is obeyed.
    """
    file = wish_of(checkpoint)
    if checked_choice("wish", wish, WISHES) == "go":
        file.unlink(missing_ok=True)
        return
    write_whole(file, lambda partial: partial.write(wish.encode()))


def asked(checkpoint: str | os.PathLike[str]) -> str:
    """Return what was last asked of a training: one of `WISHES`."""
    try:
        wish = wish_of(checkpoint).read_text(encoding="utf-8").strip()
    except OSError:
        return "go"
    return wish if wish in WISHES else "go"
