"""Train a DenseNet from the command line; the same command goes on after Ctrl-C, a crash or a reboot.

  python -m densenet.train cifar10 --data-folder DATA --growth-rate 24 --block-config 2,4,6,6 --stem cifar --epochs 30
  python -m densenet.train my_photos --size 64 --preset classroom --in-channels 3 --minutes 20
  torchrun --nproc-per-node 2 -m densenet.train ...        (several devices or machines; the batch is shared)

A run's folder holds checkpoint.pt, checkpoint.json (its card), checkpoint.jsonl (its log), and at the end net.pth, net.json (its card) and
result.json (confusion matrix and worst mistakes, on the test pictures where there are any). `densenet.weights.load_file` reads net.pth, and
checkpoint.pt while the training still runs.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import MISSING, Field, asdict, fields, replace
from pathlib import Path
from typing import TypeVar

import torch

from densenet.config import CHECKPOINTING, DenseNetConfig
from densenet.files import write_whole
from densenet.model.net import DenseNet
from densenet.presets import PRESETS
from densenet.running.device import choose_device
from densenet.train import parallel
from densenet.train.card import claim, write_checkpoint_card, write_net
from densenet.train.data import MAX_BYTES, ImageSet, hold_out
from densenet.train.evaluation import Evaluation, evaluate
from densenet.train.events import Event, log_of
from densenet.train.recipe import Recipe
from densenet.train.sources import DATASETS, load_split
from densenet.train.training import Result, fit
from densenet.weights.net_files import halved

_SPLIT_SEED = 0
_FROM_DATA = ("num_classes",)  # fields that the pictures decide
Value = TypeVar("Value", DenseNetConfig, Recipe)


def _numbers(text: str) -> tuple[float, ...]:
    """Read 2,4,6,6 or 0.35,1.2."""
    return tuple(int(part) if part.strip().lstrip("-").isdigit() else float(part) for part in text.split(","))


def _default(field: Field[object]) -> object:
    assert field.default is not MISSING
    return field.default


def add_fields(parser: argparse._ArgumentGroup, kind: type[Value]) -> None:
    """Offer each field of a dataclass as an option that is None where it is not given."""
    for field in fields(kind):
        default, flag = _default(field), "--" + field.name.replace("_", "-")
        if field.name in _FROM_DATA:
            continue
        if isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=f"default {default}")
        else:
            reader = _numbers if isinstance(default, tuple) else float if default is None else type(default)
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            parser.add_argument(flag, type=reader, default=None, metavar=type(default).__name__.upper(), help=f"default {shown}")


def with_given(base: Value, arguments: argparse.Namespace) -> Value:
    """Return `base` with the fields that were given on the command line."""
    given = {field.name: getattr(arguments, field.name, None) for field in fields(base)}
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def parser() -> argparse.ArgumentParser:
    """Return the parser of all options."""
    made = argparse.ArgumentParser(
        prog="python -m densenet.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("data", help=f"a folder of classes (or with train/ and test/ in it), or one of {', '.join(DATASETS)}")
    made.add_argument("--data-folder", help="where the files of a dataset are, or shall be")
    made.add_argument("--download", action="store_true", help="bring a dataset's missing files into --data-folder")
    made.add_argument("--size", type=int, help="side in pixels of the pictures for the net (default: a dataset's own, a folder's 32)")
    made.add_argument("--max-gib", type=float, default=MAX_BYTES / 2**30, help="memory for decoded pictures (default 4)")
    made.add_argument("--held-out", type=int, help="pictures kept out of training, to choose the epoch by (a tenth, at most 5000)")
    made.add_argument("--run-dir", dest="run", type=Path, help="the run's folder (default: runs/ and the data's name)")
    made.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    made.add_argument("--threads", type=int, help="of a CPU; a resumed run equals an uninterrupted one if it has as many")
    made.add_argument("--half", action="store_true", help="store the net's convolutions as float16, rounded before it is tested")
    made.add_argument("--label", default="", help="the net's name on its card (default: the data's)")
    made.add_argument("--describe", default="", help="the card's words on the data")
    made.add_argument("--licence", default="not stated", help="the card's words on who may use the net")
    made.add_argument("--save-seconds", type=float, default=60.0, help="between two checkpoints (default 60)")
    net = made.add_argument_group("net", "a preset and changes to it, as DenseNetConfig has them")
    net.add_argument("--preset", choices=tuple(PRESETS), help="where the net's fields start from (default: DenseNetConfig's)")
    net.add_argument("--checkpointing", choices=CHECKPOINTING, default="none", help="what training keeps for the backward pass")
    add_fields(net, DenseNetConfig)
    add_fields(made.add_argument_group("recipe", "as Recipe has them"), Recipe)
    return made


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


def _label(arguments: argparse.Namespace) -> str:
    return arguments.label or Path(arguments.data).resolve().name


def picture(image: torch.Tensor) -> str:
    """Return a uint8 picture, C x H x W, as a PNG that a page can show."""
    from torchvision.io import encode_png

    return "data:image/png;base64," + base64.b64encode(encode_png(image).numpy().tobytes()).decode("ascii")


def _finish(result: Result, run: Path, arguments: argparse.Namespace, data: tuple[ImageSet, ImageSet, ImageSet | None]) -> Evaluation:
    """Test the net once, write it with its card and its result, and return the evaluation that people shall read."""
    train, valid, test = data
    model = halved(result.model) if arguments.half else result.model
    held_out = evaluate(model, valid, train.preprocessing)
    tested = held_out if test is None else evaluate(model, test, train.preprocessing)
    if test is None:
        accuracy = claim(held_out, f"the {len(valid):,} held-out pictures, by which the epoch was chosen")
    else:
        accuracy = {**claim(tested, f"the {len(test):,} test pictures"), f"held_out_{len(valid)}": round(held_out.accuracy, 6)}
    write_net(
        model,
        run / "net.pth",
        label=_label(arguments),
        classes=train.classes,
        preprocessing=train.preprocessing,
        recipe=with_given(Recipe(), arguments),
        accuracy=accuracy,
        data=f"{arguments.describe or Path(arguments.data).name}, {len(train)} training pictures, {len(valid)} held out of train",
        licence=arguments.licence,
        half=arguments.half,
    )
    on = valid if test is None else test
    shown = {"on": "held_out" if test is None else "test", "classes": train.classes, **asdict(tested)}
    for mistake, entry in zip(tested.mistakes, shown["mistakes"], strict=True):
        entry["picture"] = picture(on.images[mistake.index])
    write_whole(run / "result.json", lambda file: file.write(json.dumps(shown).encode()))
    return tested


def _train(arguments: argparse.Namespace, device: torch.device) -> None:
    recipe = with_given(Recipe(), arguments)
    run = arguments.run or Path("runs") / Path(arguments.data).resolve().name
    file = run / "checkpoint.pt"
    max_bytes = int(arguments.max_gib * 2**30)
    data, test = load_split(arguments.data, arguments.size, folder=arguments.data_folder, download=arguments.download, max_bytes=max_bytes)
    for sentence in data.skipped + (test.skipped if test else ()):
        _say("skipped", sentence)
    train, valid = hold_out(data, arguments.held_out or max(1, min(5000, len(data) // 10)), _SPLIT_SEED)
    base = PRESETS[arguments.preset] if arguments.preset else DenseNetConfig()
    base = replace(base, num_classes=len(train.classes), in_channels=train.images.shape[1])
    config = with_given(base, arguments)
    torch.manual_seed(recipe.seed)
    model = DenseNet(config, arguments.checkpointing)
    _say(f"{len(train)} training pictures, {len(valid)} held out, {len(test) if test else 'no'} for the test")
    _say(f"{len(train.classes)} classes, {train.images.shape[-1]} pixels a side")
    _say(f"{sum(p.numel() for p in model.parameters()):,} parameters, on {device}; log in {log_of(file)}")

    def told(event: Event) -> None:
        _say(_line(event))
        if event.kind == "start":  # the checkpoint, if there was one, is this training's, and no other process writes it
            write_checkpoint_card(file, model, label=_label(arguments), classes=train.classes, preprocessing=train.preprocessing)

    result = fit(
        model,
        train,
        valid,
        recipe,
        file,
        report=told,
        device=device,
        save_seconds=arguments.save_seconds,
    )
    if result.finished and not parallel.rank():
        _say(_table(_finish(result, run, arguments, (train, valid, test)), train.classes))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0 also after a stop that was asked for, 2: bad input, 1: a full disk."""
    arguments = parser().parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        with parallel.together(choose_device(arguments.device)) as device:
            _train(arguments, device)
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
