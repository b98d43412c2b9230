"""A training in a process of its own, to be killed. A fork server imports torch once; each training then starts in a moment."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
import torch._dynamo  # torch imports it in the first step of an optimizer; here the server does so once, for all

from densenet.train import Event, Recipe, fit, read_log
from tests.support.small_pictures import net, pictures

RECIPE = Recipe(epochs=4, batch_size=8, lr=0.05, ema_decay=0.9, crop="resized", cutout_px=2, brightness=0.2, label_smoothing=0.1)
STEPS = 32


def train(file: Path, seconds_a_step: float) -> None:
    """Train the small net with dropout, a checkpoint and a report after each step."""

    def report(event: Event) -> None:
        time.sleep(seconds_a_step)

    torch.set_num_threads(1)
    fit(net(), pictures(64), pictures(30, seed=1), RECIPE, file, report=report, device="cpu", report_seconds=0.0, save_seconds=0.0)


def started(file: Path, seconds_a_step: float = 0.0) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=train, args=(file, seconds_a_step))
    process.start()
    return process


def wait_for(file: Path, step: int, process: BaseProcess) -> None:
    """Wait until the log tells of `step`."""
    until = time.monotonic() + 120
    while not any(event.step >= step and event.kind == "progress" for event in read_log(file)):
        assert process.is_alive(), "it ended before"
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.005)
