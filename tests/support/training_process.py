"""A training in a process of its own, to be killed. A fork server imports torch once; each training then starts in a moment."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
import torch._dynamo  # torch imports it in the first step of an optimizer; here the server does so once, for all

from densenet.train import Event, Recipe, fit, read_log
from tests.support.patience import wait_until
from tests.support.small_pictures import net, pictures

RECIPE = Recipe(epochs=4, batch_size=8, lr=0.05, ema_decay=0.9, crop="resized", cutout_px=2, brightness=0.2, label_smoothing=0.1)
STEPS = 32


def _released(file: Path) -> Path:
    return file.with_suffix(".released")


def train(file: Path, hold_at: int | None) -> None:
    """Train the small net with dropout, a checkpoint and a report after each step; wait after `hold_at` steps until it is released."""

    def report(event: Event) -> None:
        while event.kind == "progress" and event.step == hold_at and not _released(file).exists():
            time.sleep(0.005)

    torch.set_num_threads(1)
    fit(net(), pictures(64), pictures(30, seed=1), RECIPE, file, report=report, device="cpu", report_seconds=0.0, save_seconds=0.0)


def started(file: Path, hold_at: int | None = None) -> BaseProcess:
    """Start `train` in a process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=train, args=(file, hold_at))
    process.start()
    return process


def release(file: Path) -> None:
    """Let a training that waits go on."""
    _released(file).touch()


def wait_for(file: Path, step: int, process: BaseProcess) -> None:
    """Wait until the log tells of `step`."""

    def told() -> bool:
        if any(event.step >= step and event.kind == "progress" for event in read_log(file)):
            return True
        assert process.is_alive(), "it ended before"
        return False

    wait_until(told, f"step {step}")
