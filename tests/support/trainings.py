"""Trainings as the app sees them: pictures to learn from, runs that are over, and processes that are ended with their test."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image

from densenet import PRESETS
from densenet.train import Event
from densenet.train.events import append, append_line
from densenet.train.job import Job, write_job
from densenet.train.run import Run
from densenet.train.watching import Answer, Filters, Look, PartLook, Picture, Watched
from explorer.settings import Settings
from explorer.work import looks, runs, standby
from tests.support.patience import LOW_PRIORITY_PATIENCE_SECONDS, wait_until

TINY = PRESETS["tiny"]
START = ("", "none")  # random weights, of which all are trained
RECIPE = (3, None, "auto", 8, "sgd", 0.05, "shift", 0.0, False)  # as the page's components have it
ENDLESS = (100_000, *RECIPE[1:])


def write_pictures(folder: Path, count: int = 30) -> Path:
    """Write two classes that a tiny net can tell apart."""
    rng = np.random.default_rng(0)
    for name, base in (("dark", 40), ("light", 200)):
        place = folder / name
        place.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(base - 30, base + 30, (16, 16, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return folder


def events(count: int) -> list[Event]:
    """What a training says, an epoch in each ten reports."""
    made = []
    for step in range(1, count + 1):
        made.append(Event(kind="progress", step=step, steps=count, epoch=1, seconds=step, lr=0.1, loss=1 / step, accuracy=0.5))
        if step % 10 == 0:
            made.append(Event(kind="epoch", step=step, steps=count, epoch=1, seconds=step, lr=0.1, valid_loss=0.5, valid_accuracy=0.75))
    return made


def look(epoch: int, answers: Sequence[Answer]) -> Look:
    """A look into a net of two blocks, whose numbers tell the epoch."""
    names = ("stem", "block 1", "transition 1", "block 2", "head")
    part = {"zeros": 0.5, "gradient": 1e-3 / epoch, "weight": 0.1}
    parts = [PartLook(name=name, activation=float(epoch + i), **part) for i, name in enumerate(names)]
    parts[0] = replace(parts[0], zeros=None, gradient=None)
    values = base64.b64encode(bytes([128, 255, 1, 128] * 2)).decode()
    filters = Filters(shape=(2, 1, 2), largest=0.25 * epoch, values=values)
    return Look(step=10 * epoch, epoch=epoch, parts=tuple(parts), filters=filters, answers=tuple(answers))


RIGHT = Answer(label=0, probability=0.9, of_truth=0.9)
WRONG = Answer(label=1, probability=0.7, of_truth=0.2)


def watched_run(settings: Settings, answers: Sequence[Sequence[Answer]], name: str = "photos-20260101-000000") -> Run:
    """A run that is over, with a look for each of `answers`, of two pictures of the class "<a>" beside "b"."""
    run = finished_run(settings, name)
    pictures = tuple(Picture(name=f"{i}.png", label=0, shown="data:image/png;base64,AAAA") for i in range(2))
    append_line(run.looks, asdict(Watched(step=0, classes=("<a>", "b"), pictures=pictures)))
    for epoch, of_epoch in enumerate(answers, start=1):
        append_line(run.looks, asdict(look(epoch, of_epoch)))
    return run


def finished_run(settings: Settings, name: str = "photos-20260101-000000") -> Run:
    """A run that is over, with a net of nonsense."""
    run = Run(settings.runs_dir / name)
    run.folder.mkdir(parents=True)
    write_job(run.job, Job(data="photos"))
    for event in events(20):
        append(run.log, event)
    run.net.write_bytes(b"net")
    mistake = {"name": "a.png", "index": 0, "label": 0, "predicted": 1, "probability": 0.9, "picture": "data:image/png;base64,AAAA"}
    result = {"on": "test", "classes": ["a", "b"], "confusion": [[3, 1], [0, 4]], "accuracy": 0.875, "mistakes": [mistake]}
    run.result.write_text(json.dumps(result))
    return run


@contextmanager
def started_trainings() -> Iterator[None]:
    """End what a test has started, by its process."""
    try:
        yield
    finally:
        for child in runs._children.values():
            if child.poll() is None:
                child.kill()
            child.wait()
        standby.dismiss()
        runs._children.clear()
        runs._followers.clear()
        looks._followers.clear()


def state_of(settings: Settings) -> str:
    """The state of the latest training."""
    seen = runs.status(settings)
    assert seen is not None
    return seen.state


def said(settings: Settings) -> str:
    """All that the latest training's process printed."""
    run = runs.latest(settings)
    return "" if run is None or not run.output.is_file() else run.output.read_text(errors="replace")


def wait_for_state(settings: Settings, *states: str) -> None:
    """Wait until the latest training is in one of `states`; a process at low priority may need long."""

    def reached() -> bool:
        assert state_of(settings) in states or state_of(settings) not in ("failed", "finished"), said(settings)
        return state_of(settings) in states

    wait_until(reached, f"the training {' or '.join(states)}", LOW_PRIORITY_PATIENCE_SECONDS)
