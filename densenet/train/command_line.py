"""The options of `python -m densenet.train`, and the job that they make."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import TypeVar

from densenet.config import CHECKPOINTING, PRECISIONS, STEMS, DenseNetConfig
from densenet.presets import PRESETS
from densenet.train.data import MAX_BYTES
from densenet.train.job import Job, read_job
from densenet.train.recipe import CROPS, OPTIMIZERS, SCHEDULES, Recipe
from densenet.train.run import Run
from densenet.train.sources import DATASETS
from densenet.weights.known import WEIGHTS

HELP = """Train a DenseNet from the command line; the same command goes on after Ctrl-C, a crash or a reboot.

  python -m densenet.train cifar10 --data-folder DATA --growth-rate 24 --block-config 2,4,6,6 --stem cifar --epochs 30
  python -m densenet.train my_photos --size 64 --preset classroom --in-channels 3 --minutes 20
  python -m densenet.train --job RUN/job.json              (as the app starts it, and as anybody may go on with it)
  python -m densenet.train my_photos --from densenet121 --freeze blocks:1-3 --lr 0.01 --head-lr 0.1      (fine-tuning)
  torchrun --nproc-per-node 2 -m densenet.train ...        (several devices or machines; the batch is shared)

A run's folder holds checkpoint.pt, checkpoint.json (its card), checkpoint.jsonl (its log), and at the end net.pth, net.json (its card) and
result.json (confusion matrix and worst mistakes, on the test pictures where there are any). `densenet.weights.load_file` reads net.pth, and
checkpoint.pt while the training still runs.
"""
_FROM_DATA = ("num_classes",)  # fields that the pictures decide
_WORDS = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "crop": CROPS, "precision": PRECISIONS, "stem": STEMS}
_OF_NET = ("preset", *(field.name for field in fields(DenseNetConfig) if field.name not in ("drop_rate", "in_channels")))
_UNITS = {"minutes": "MINUTES"}
Value = TypeVar("Value", DenseNetConfig, Recipe)


def numbers(text: str) -> tuple[float, ...]:
    """Read 2,4,6,6 or 0.35,1.2."""
    return tuple(int(part) if part.strip().lstrip("-").isdigit() else float(part) for part in text.split(","))


def _default(field: Field[object]) -> object:
    assert field.default is not MISSING
    return field.default


def _reader_and_type(field: Field[object]) -> tuple[Callable[[str], object], str]:
    """Return how a field's text is read, and what the help calls that: N, NUMBER, N,N,... or the words that it may be."""
    default = _default(field)
    if isinstance(default, tuple):
        one = "N" if all(isinstance(number, int) for number in default) else "NUMBER"
        return numbers, f"{one},{one}" + ",..." * ("..." in str(field.type))
    if isinstance(default, str):
        return str, "|".join(_WORDS[field.name])
    if isinstance(default, int):
        return int, "N"
    return float, _UNITS.get(field.name, "NUMBER")


def add_fields(parser: argparse._ArgumentGroup, kind: type[Value]) -> None:
    """Offer each field of a dataclass as an option."""
    for field in fields(kind):
        default, flag = _default(field), "--" + field.name.replace("_", "-")
        if field.name in _FROM_DATA:
            continue
        if isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=f"default {default}")
        else:
            reader, shown = _reader_and_type(field)
            said = ",".join(f"{number:.4g}" for number in default) if isinstance(default, tuple) else default
            parser.add_argument(flag, type=reader, metavar=shown, help=f"default {said}")


def with_given(base: Value, given: Mapping[str, object]) -> Value:
    """Return `base` with those of its fields that were given on the command line."""
    return replace(base, **{field.name: given[field.name] for field in fields(base) if field.name in given})  # type: ignore[arg-type]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all options; what is not given is not in its namespace."""
    made = argparse.ArgumentParser(
        prog="python -m densenet.train",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    datasets = ", ".join(DATASETS)
    made.add_argument("data", nargs="?", metavar="DATA", help=f"a folder of classes (or with train/ and test/ in it), or one of {datasets}")
    made.add_argument("--job", type=Path, metavar="FILE", help="a job.json, in place of all other options; its folder is the run's")
    made.add_argument(
        "--from",
        dest="start_from",
        metavar="NET",
        help=f"start from trained weights, with a new head: one of {', '.join(WEIGHTS)}, or a file of any DenseNet's",
    )
    made.add_argument("--freeze", dest="frozen", metavar="PARTS", help="what is not trained: features, or blocks:1-N (default none)")
    made.add_argument("--data-folder", metavar="FOLDER", help="where the files of a dataset are, or must be put")
    made.add_argument("--download", action="store_true", help="bring a dataset's missing files into --data-folder")
    made.add_argument(
        "--size", type=int, metavar="PIXELS", help="side of the pictures for the net (default: a dataset's own, a folder's 32)"
    )
    made.add_argument("--max-gib", type=float, metavar="GIB", help=f"memory for decoded pictures (default {MAX_BYTES / 2**30:g})")
    made.add_argument(
        "--held-out", type=int, metavar="N", help="pictures kept out of training, to choose the epoch by (default: a tenth, at most 5000)"
    )
    made.add_argument("--run-dir", type=Path, metavar="FOLDER", help="the run's folder (default: runs/ and the data's name)")
    made.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    made.add_argument("--threads", type=int, metavar="N", help="of a CPU; a resumed run equals an uninterrupted one if it has as many")
    made.add_argument("--half", action="store_true", help="store the net's convolutions as float16, rounded before it is tested")
    made.add_argument("--label", metavar="TEXT", help="the net's name on its card (default: the data's)")
    made.add_argument("--describe", metavar="TEXT", help="the card's words on the data")
    made.add_argument("--licence", metavar="TEXT", help="the card's words on who may use the net (default: not stated)")
    made.add_argument("--save-seconds", type=float, metavar="SECONDS", help="between two checkpoints (default 60)")
    net = made.add_argument_group("net", "a preset and changes to it, as DenseNetConfig has them")
    net.add_argument("--preset", choices=tuple(PRESETS), metavar="NAME", help=f"one of {', '.join(PRESETS)} (default: DenseNetConfig's)")
    net.add_argument("--checkpointing", choices=CHECKPOINTING, help="what training keeps for the backward pass (default none)")
    add_fields(net, DenseNetConfig)
    add_fields(made.add_argument_group("recipe", "as Recipe has them"), Recipe)
    return made


def job_of(given: Mapping[str, object]) -> Job:
    """Return the job that options make, by their names; ValueError for a bad value."""
    preset = given.get("preset")
    base = PRESETS[str(preset)] if preset else DenseNetConfig()
    plain = {field.name: given[field.name] for field in fields(Job) if field.name in given}
    return Job(**{**plain, "config": with_given(base, given), "recipe": with_given(Recipe(), given)})  # type: ignore[arg-type]


def read_arguments(argv: Sequence[str] | None = None) -> tuple[Job, Run]:
    """Return the job of a command line and the run that it belongs to; ValueError for a bad value, SystemExit for what is no option."""
    reader = parser()
    given = vars(reader.parse_args(argv))
    if file := given.pop("job", None):
        if given:
            reader.error(f"--job takes the place of all other options, got {next(iter(given))} too")
        return read_job(file), Run(file.resolve().parent)
    if "data" not in given:
        reader.error("DATA is needed, or --job")
    folder = given.pop("run_dir", None)
    of_net = [name for name in given if name in _OF_NET]
    if "start_from" in given and of_net:
        raise ValueError(f"{of_net[0]} is that of the net which --from names, and cannot be given besides")
    job = job_of(given)
    return job, Run(folder or Path("runs") / Path(job.data).resolve().name)
