"""Tutorial A's dense MLP on the Ames house prices: what it says, what we get, what others get, and what could have made its figures.

python -m tests.benchmarks.dense_mlp [--csv FILE] [--folds 5] [--seed 0]     FILE: Kaggle's train.csv; else the variable HOUSE_PRICES

All figures are means over the folds of the log-RMSE (natural logarithms). Last table: the tutorial's recipe with one mistake at a time.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from densenet.dense_mlp.cross_validation import TUTORIAL_RECIPE, Fold, MakeNet, Recipe, cross_validate, fold_data, log_rmse
from densenet.dense_mlp.mlp import SMALL, TUTORIAL, DenseMLP, count_params
from densenet.dense_mlp.table import Table, preprocessing, read_table

A_SAID = Fold(0.0417, 0.0536)
_ALPHAS = (3.0, 10.0, 30.0, 100.0)


def dense(config: object) -> MakeNet:
    """Return what makes a DenseMLP of `config` for any number of features."""
    return lambda features: DenseMLP(replace(config, in_features=features))  # type: ignore[type-var]


def _plain_params(features: int, width: int, layers: int) -> int:
    widths = (features, *[width] * layers)
    return sum(a * b + 2 * b for a, b in pairwise(widths)) + width + 1


def plain(features: int, drop_rate: float = SMALL.drop_rate) -> nn.Module:
    """Make an MLP without concatenation that is as deep as `SMALL` (linear layers) and has as many parameters, within a hundredth or so."""
    layers, target = 1 + sum(SMALL.block_config) + len(SMALL.block_config) - 1, count_params(replace(SMALL, in_features=features))
    width = min(range(8, 1024), key=lambda width: abs(_plain_params(features, width, layers) - target))
    modules: list[nn.Module] = []
    for before, after in pairwise((features, *[width] * layers)):
        modules += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(drop_rate)]
    return nn.Sequential(*modules, nn.Linear(width, 1))


def ridge(table: Table, folds: int, seed: int) -> Iterator[Fold]:
    """Yield the folds' scores of linear regression on the same numbers, its penalty chosen among the training rows."""
    for data in fold_data(table, folds, seed):
        train, valid = data.train_features.numpy(), data.valid_features.numpy()
        fitted = RidgeCV(alphas=_ALPHAS).fit(train, data.train_log)
        yield Fold(log_rmse(fitted.predict(train), data.train_log), log_rmse(fitted.predict(valid), data.valid_log))


def mean_of(folds: Iterator[Fold]) -> Fold:
    """Return the means over the folds."""
    return Fold(*(float(np.mean(values)) for values in zip(*folds, strict=True)))


def show(label: str, score: Callable[[], Fold]) -> Fold:
    """Print one line of a table and return its figures, `nan` for a training that diverged."""
    started = time.perf_counter()
    try:
        fold = score()
    except ValueError as error:
        if "diverged" not in str(error):
            raise
        fold = Fold(math.nan, math.nan)
    print(f"{label:<58}{fold.train:9.4f}{fold.valid:9.4f}{time.perf_counter() - started:8.0f}", flush=True)
    return fold


def _one_net_for_all_folds(make_net: MakeNet) -> MakeNet:
    kept: list[nn.Module] = []

    def make(features: int) -> nn.Module:
        if not kept:
            kept.append(make_net(features))
        return kept[0]

    return make


def _preprocessed_at_once(table: Table) -> Table:
    """Medians, scales and categories of all rows, validation rows included."""
    numbers = preprocessing().fit_transform(table.features)
    return table._replace(features=pd.DataFrame(numbers, columns=[f"n{i}" for i in range(numbers.shape[1])]))


def main() -> int:
    """Print both tables; return the exit code, 2 without the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, default=os.environ.get("HOUSE_PRICES"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.csv is None:
        print("The Ames house prices are not shipped: give Kaggle's train.csv by --csv or in HOUSE_PRICES.", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    table, folds, seed = read_table(arguments.csv, "SalePrice"), arguments.folds, arguments.seed
    features = next(fold_data(table, folds, seed)).train_features.shape[1]
    print(f"{len(table.target)} rows, {table.features.shape[1]} columns, {features} features in the first of {folds} folds; seed {seed}")
    ours, theirs = (count_params(replace(config, in_features=features)) for config in (SMALL, TUTORIAL))
    beside = sum(p.numel() for p in plain(features).parameters())

    def trained(make_net: MakeNet, recipe: Recipe, rows: Table = table) -> Callable[[], Fold]:
        return lambda: mean_of(cross_validate(rows, make_net, recipe, folds, seed))

    print(f"{'log-RMSE, mean of the folds':<58}{'train':>9}{'valid':>9}{'s':>8}")
    print(f"{'tutorial A says':<58}{A_SAID.train:9.4f}{A_SAID.valid:9.4f}")
    got = show(f"we get: its net ({theirs:,} parameters), its recipe", trained(dense(TUTORIAL), TUTORIAL_RECIPE))
    show(f"we get: our default ({ours:,} parameters)", trained(dense(SMALL), Recipe()))
    show("our default, one net instead of four", trained(dense(SMALL), Recipe(nets=1)))
    show(f"plain MLP ({beside:,} parameters), our recipe", trained(plain, Recipe()))
    show("the same without dropout", trained(lambda features: plain(features, 0.0), Recipe()))
    show("ridge regression", lambda: mean_of(ridge(table, folds, seed)))
    show("the training rows' mean", lambda: mean_of(_means(table, folds, seed)))

    print("\nThe tutorial's recipe, with a guess at what is behind its figures")
    for label, fold in (("logarithms to base 10", Fold(*(v / math.log(10) for v in got))), ("no root taken", Fold(*(v * v for v in got)))):
        print(f"{label:<58}{fold.train:9.4f}{fold.valid:9.4f}")
    show("plain SGD instead of Adam (nan: it diverged)", trained(dense(TUTORIAL), replace(TUTORIAL_RECIPE, optimizer="sgd")))
    at_once = _preprocessed_at_once(table)
    show("preprocessing fitted on all rows", trained(dense(TUTORIAL), TUTORIAL_RECIPE, at_once))
    show("the same, and one net trained on through all folds", trained(_one_net_for_all_folds(dense(TUTORIAL)), TUTORIAL_RECIPE, at_once))
    told = "read backwards, its figures are, as natural logarithms:"
    print(f"\n{told} base 10: {A_SAID.train * math.log(10):.4f} {A_SAID.valid * math.log(10):.4f}; ", end="")
    print(f"squares without the root: {A_SAID.train**0.5:.4f} {A_SAID.valid**0.5:.4f}")
    return 0


def _means(table: Table, folds: int, seed: int) -> Iterator[Fold]:
    for data in fold_data(table, folds, seed):
        mean = data.train_log.mean()
        yield Fold(log_rmse(np.full(1, mean), data.train_log), log_rmse(np.full(1, mean), data.valid_log))


if __name__ == "__main__":
    sys.exit(main())
