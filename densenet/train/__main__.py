"""Train a DenseNet from the command line, or the job that the app has written: `densenet.train.command_line` says how."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import torch

from densenet.checks import checked_integer
from densenet.model.freezing import frozen_parts
from densenet.model.net import DenseNet
from densenet.running.device import choose_device
from densenet.train import parallel
from densenet.train.card import write_checkpoint_card
from densenet.train.command_line import read_arguments
from densenet.train.data import ImageSet, hold_out
from densenet.train.evaluation import Evaluation
from densenet.train.events import Event
from densenet.train.finishing import write_results
from densenet.train.job import Job
from densenet.train.run import Run
from densenet.train.sources import load_split
from densenet.train.starting import loaded_start, scaled_as, started_config, started_net
from densenet.train.training import fit

_SPLIT_SEED = 0
_MOST_HELD_OUT = 5000


def _say(*words: object) -> None:
    """Print for people, once however many processes there are."""
    if not parallel.rank():
        print(*words, flush=True)


def _line(event: Event) -> str:
    """Return an event as a line for people."""
    parts = [f"{event.kind:<9} step {event.step}/{event.steps}, epoch {event.epoch}, {event.seconds:.0f} s"]
    parts += [f"loss {event.loss:.4f}"] if event.loss is not None else []
    parts += [f"accuracy {event.accuracy:.4f}"] if event.accuracy is not None else []
    parts += [f"held out {event.valid_accuracy:.4f}"] if event.valid_accuracy is not None else []
    parts += [f"lr {event.lr:.5f}"]
    parts += [f"{event.images_per_second:.0f} images/s"] if event.images_per_second is not None else []
    return ", ".join(parts + ([event.message] if event.message else []))


def _table(found: Evaluation, classes: tuple[str, ...]) -> str:
    """Return accuracy, confusion matrix (a row a class, a column each class that it was taken for) and the five worst mistakes."""
    width = max(len(str(max(max(row) for row in found.confusion))), 3) + 1
    rows = [f"{name:>16.16}" + "".join(f"{count:>{width}}" for count in row) for name, row in zip(classes, found.confusion, strict=True)]
    wrong = [f"  {m.name}: {classes[m.label]}, taken for {classes[m.predicted]} ({m.probability:.0%})" for m in found.mistakes[:5]]
    return "\n".join([f"accuracy {found.accuracy:.4f}", *rows, *(["surest mistakes:", *wrong] if wrong else [])])


def _split(job: Job) -> tuple[ImageSet, ImageSet, ImageSet | None]:
    """Return the pictures to learn from, those held out, and those of the test; say which files were skipped."""
    max_bytes = int(job.max_gib * 2**30)
    data, test = load_split(job.data, job.size, folder=job.data_folder, download=job.download, max_bytes=max_bytes)
    for sentence in data.skipped + (test.skipped if test else ()):
        _say("skipped", sentence)
    usual = max(1, min(_MOST_HELD_OUT, len(data) // 10))
    count = usual if job.held_out is None else checked_integer("held_out", job.held_out, (1, len(data) - 1))
    return *hold_out(data, count, _SPLIT_SEED), test


def _train(job: Job, run: Run, device: torch.device) -> None:
    source = loaded_start(job.start_from) if job.start_from else None
    if source is not None and source.weights is not None and job.size is None:
        job = replace(job, size=source.weights.preprocessing.crop_px)
    train, valid, test = _split(job)
    config = job.net(train.images.shape[1], len(train.classes))
    torch.manual_seed(job.recipe.seed)
    if source is None:
        model = DenseNet(config, job.checkpointing)
    else:
        train, valid = scaled_as(source, train), scaled_as(source, valid)
        config = started_config(source.config, channels=config.in_channels, classes=config.num_classes, drop_rate=config.drop_rate)
        model, words = started_net(source, config, train.classes, job.checkpointing)
        _say(f"starts from {job.start_from}: {words}")
    _say(f"{len(train)} training pictures, {len(valid)} held out, {len(test) if test else 'no'} for the test")
    _say(f"{len(train.classes)} classes, {train.images.shape[-1]} pixels a side")
    frozen = sum(p.numel() for part in frozen_parts(model, job.frozen) for p in part.parameters())
    of_them = f" ({frozen:,} frozen)" if frozen else ""
    _say(f"{sum(p.numel() for p in model.parameters()):,} parameters{of_them}, on {device}; log in {run.log}")

    def report(event: Event) -> None:
        _say(_line(event))
        if event.kind == "start":  # the checkpoint, if there was one, is this training's, and no other process writes it
            write_checkpoint_card(run.checkpoint, model, label=job.name, classes=train.classes, preprocessing=train.preprocessing)

    result = fit(
        model, train, valid, job.recipe, run.checkpoint, report=report, device=device, save_seconds=job.save_seconds, frozen=job.frozen
    )
    if result.finished and not parallel.rank():
        _say(_table(write_results(result, run, job, (train, valid, test)), train.classes))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0 also after a stop that was asked for, 2: bad input, 1: a full disk."""
    try:
        job, run = read_arguments(argv)
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        with parallel.process_group(choose_device(job.device)) as device:
            _train(job, run, device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the training began; later it is a request to stop
        return 130
    except OSError as error:
        print(f"The training ended early: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
