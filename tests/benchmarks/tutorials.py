r"""Every net and figure of the two tutorials: what they say, and what we get.

python -m tests.benchmarks.tutorials [--cifar DIR] [--fashion RUN ...] [--csv FILE]

CIFAR-10 (DIR, as torchvision or as folders; else the variable CIFAR10_JPEG) is for tutorial B's four epochs, Kaggle's house prices (FILE;
else HOUSE_PRICES) for A's tables; the rows of what is not there say so. A RUN is the folder of a finished training on Fashion-MNIST, as
these leave it: the first fits two cores, the second is A's own, for a GPU or a night.

  python -m densenet.train fashion_mnist --preset classroom --size 48 --epochs 24 --batch-size 128 --lr 0.1 --label-smoothing 0.1 \
    --ema-decay 0.999 --shift-px 2 --cutout-px 10 --early-px 32 --early-share 0.4 --precision bfloat16 --run-dir runs/classroom
  python -m densenet.train fashion_mnist --preset densenet121_grey --size 96 --epochs 10 --batch-size 64 --optimizer adam --lr 0.001 \
    --momentum 0.9 --weight-decay 0 --schedule constant --crop none --no-flip --run-dir runs/tutorial_a
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torchinfo

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory, totals
from densenet.arithmetic.plan import plan
from densenet.compare.tutorials import A_SHOWN_MIB, A_WORKLOAD, B_SAID_LOSSES, B_SHOWN_MIB, batch_sizes_of_b, claims, classes_guessed_among
from densenet.dense_mlp.cross_validation import TUTORIAL_RECIPE, cross_validate
from densenet.dense_mlp.cross_validation import Recipe as TableRecipe
from densenet.dense_mlp.mlp import SMALL, TUTORIAL
from densenet.dense_mlp.table import read_table
from densenet.measure.measurement import measure, measure_peer
from densenet.model.net import DenseNet
from densenet.presets import preset_of
from densenet.train import ImageSet, Recipe, fit, hold_out, read_log
from densenet.train.sources import load_split
from tests.benchmarks.dense_mlp import A_SAID, dense

_B_RECIPE = Recipe(epochs=4, batch_size=64, lr=1e-4, momentum=0.9, weight_decay=0.0, schedule="constant", crop="none", flip=False)
_ALLOWANCE_BYTES = 0.8 * 2**30  # of a card, for what are no tensors, as the Memory tab has it
_SUMMARY_BATCH = 256


class Row(NamedTuple):
    """One figure: the tutorial and what the figure is of, what the tutorial says, what we get, and what is behind a difference."""

    what: str
    says: str
    we_get: str
    note: str = ""


def nets() -> Iterator[Row]:
    """Parameters of all nets."""
    for name in ("densenet121_grey", "densenet169_grey", "densenet201_grey"):
        yield Row(f"A: {name}, parameters", "not given", f"{totals(PRESETS[name], 96).params:,}", "one channel, ten classes")
    config = PRESETS["classroom"]
    biases = sum(row.out_channels for row in plan(config, 96) if row.op == "conv")
    params = totals(config, 96).params
    yield Row(
        "A: classroom net, parameters", "758,226", f"{params + biases:,}", f"with biases in its convolutions; {params:,} without, as ours"
    )
    for claim in claims():
        yield Row(f"A: {claim.sentence}", "yes", "yes" if claim.holds else "no", claim.counted)
    yield Row("B: compact, parameters", "not given", f"{totals(PRESETS['compact'], 32).params:,}", "three channels, ten classes")


def memory() -> Iterator[Row]:
    """A's comparison with ResNet-18, and B's two batches."""
    for name, shown in A_SHOWN_MIB.items():
        config = PRESETS["classroom"]
        peak = (measure(config, A_WORKLOAD, "cpu") if name == "classroom" else measure_peer(name, config, A_WORKLOAD, "cpu")).peak
        note = f"tensors of a step of {A_WORKLOAD.batch_size}, measured; a card's display adds context, workspaces and cache"
        yield Row(f"A: memory to train {name} at 96, MiB", str(shown), f"{peak / 2**20:.0f}", note)
    for shown in B_SHOWN_MIB:
        kinds = {kind: batch_sizes_of_b(shown, _ALLOWANCE_BYTES, kind) for kind in ("none", "layer")}
        note = f"the batch that is shown so at 224, 0.8 GiB being no tensors; with layers checkpointed {kinds['layer']}"
        yield Row(f"B: batch that takes {shown} MiB", "not given", str(kinds["none"]), note)


def summary() -> Iterator[Row]:
    """A's call of torchinfo.summary for 256 x 3 x 224 x 224, as printed and as it must have been meant."""
    size = (_SUMMARY_BATCH, 3, 224, 224)
    with torch.device("meta"):
        printed, meant = DenseNet(PRESETS["densenet169_grey"]), DenseNet(replace(PRESETS["densenet169_grey"], in_channels=3))
    try:
        torchinfo.summary(printed, size, device="meta", verbose=0)
        got, ended = "a table", ""
    except RuntimeError as error:
        got, ended = "an error", f"{type(error.__cause__ or error).__name__}: {str(error.__cause__ or error).splitlines()[0][:90]}"
    yield Row("A: torchinfo.summary of a one-channel 169 fed three channels", "a table", got, ended)
    started = time.perf_counter()
    theirs = torchinfo.summary(meant, size, device="meta", verbose=0)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    ours = totals(meant.config, 224)
    estimate = estimate_memory(meant.config, Workload(batch_size=_SUMMARY_BATCH))
    elapsed_ms = 1e3 * (time.perf_counter() - started)
    assert ours.params == theirs.total_params
    yield Row("the same with three channels, parameters", "", f"{ours.params:,}", f"torchinfo: {theirs.total_params:,}, {seconds:.2f} s")
    said = (theirs.total_input + theirs.total_output_bytes + theirs.total_param_bytes) / 2**30
    note = f"torchinfo says {said:.1f} GiB; ours in {elapsed_ms:.1f} ms and without allocating anything"
    yield Row("its peak for inference, GiB", "", f"{estimate.peak / 2**30:.2f}", note)


def fashion(runs: list[Path]) -> Iterator[Row]:
    """The figures of finished trainings on Fashion-MNIST."""
    if not runs:
        yield Row("A: Fashion-MNIST, test accuracy", "0.931", "not run", "give --fashion RUN")
    for run in runs:
        epochs = [event for event in read_log(run / "checkpoint.pt") if event.kind == "epoch"]
        card = json.loads((run / "net.json").read_text(encoding="utf-8"))
        config = card["config"]
        net = preset_of(DenseNetConfig(**config)) or run.name
        size, last = card["preprocessing"]["crop_px"], epochs[-1]
        about = f"{net} at {size}, {len(epochs)} epochs, {last.seconds / 60:.0f} min"
        smoothed = card["recipe"]["label_smoothing"]
        yield Row("A: Fashion-MNIST, loss after the last epoch", "0.119", f"{last.loss:.3f}", f"labels smoothed by {smoothed:g}; {about}")
        yield Row("A: the same, train accuracy", "0.956", f"{last.accuracy:.3f}", "on augmented pictures" if card["recipe"]["flip"] else "")
        yield Row("A: the same, test accuracy", "0.931", f"{card['accuracy']['top1']:.4f}", card["accuracy"]["on"])


def losses(cifar: Path | None, pictures: int) -> Iterator[Row]:
    """B's four epochs with its settings."""
    what = f"B: losses over four epochs of SGD {_B_RECIPE.lr:g}, momentum {_B_RECIPE.momentum:g}"
    said = f"{B_SAID_LOSSES[0]} to {B_SAID_LOSSES[1]}"
    if cifar is None:
        yield Row(what, said, "not run", "give --cifar DIR")
    else:
        data, _ = load_split("cifar10", folder=str(cifar))
        rest, part = hold_out(data, pictures, 0)
        found = _losses(part, hold_out(rest, 500, 0)[1])
        yield Row(what, said, f"{found[0]:.3f} to {found[-1]:.3f}", f"CIFAR-10, {pictures:,} pictures, the preset compact")
    guess = f"ln 10 = {math.log(10):.3f}, ln 40 = {math.log(40):.3f}"
    classes = classes_guessed_among(B_SAID_LOSSES[0])
    wrong = f"{B_SAID_LOSSES[0]} is a guess among {classes:.0f} classes: some 40, or not one of its ten was right"
    yield Row("B: what a net that guesses loses", said, guess, wrong)


def _losses(train: ImageSet, valid: ImageSet) -> list[float]:
    torch.manual_seed(0)
    model = DenseNet(PRESETS["compact"])
    return [event.loss for event in fit(model, train, valid, _B_RECIPE).history if event.loss is not None]


def tables(csv: Path | None) -> Iterator[Row]:
    """A's dense MLP; more in tests.benchmarks.dense_mlp."""
    what, said = "A: house prices, log-RMSE of five folds, train / valid", f"{A_SAID.train} / {A_SAID.valid}"
    base_10 = f"were its figures in base 10, they would be {A_SAID.train * math.log(10):.4f} / {A_SAID.valid * math.log(10):.4f}"
    if csv is None:
        yield Row(what, said, "not run", "give --csv FILE")
        return
    table = read_table(csv, "SalePrice")
    for label, config, recipe in (("its net and recipe", TUTORIAL, TUTORIAL_RECIPE), ("our default", SMALL, TableRecipe())):
        folds = list(cross_validate(table, dense(config), recipe))
        train, valid = (statistics.mean(getattr(fold, part) for fold in folds) for part in ("train", "valid"))
        yield Row(what, said, f"{train:.4f} / {valid:.4f}", f"{label}; {base_10}")


def main() -> None:
    """Print the table, a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, default=os.environ.get("CIFAR10_JPEG"))
    parser.add_argument("--pictures", type=int, default=10_000, help="of CIFAR-10, for tutorial B's epochs (default 10000)")
    parser.add_argument("--fashion", type=Path, nargs="*", default=[], metavar="RUN")
    parser.add_argument("--csv", type=Path, default=os.environ.get("HOUSE_PRICES"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| what | tutorial says | we get | note |")
    print("|---|---|---|---|")
    for rows in (
        nets(),
        summary(),
        memory(),
        fashion(arguments.fashion),
        losses(arguments.cifar, arguments.pictures),
        tables(arguments.csv),
    ):
        for row in rows:
            print(f"| {row.what} | {row.says} | {row.we_get} | {row.note} |", flush=True)


if __name__ == "__main__":
    main()
