"""Train nets on a table by cross-validation, scored by log-RMSE: the root of the mean squared difference of logarithms.

Nothing leaks from a fold's validation rows: preprocessing, scale of the target and nets are made anew in each fold, of its training rows.
A net learns the standardised natural logarithm of the target with squared error. What makes the nets is a function from the number
of features to a module of one output, so that any net can take the place of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import KFold
from torch import Tensor, nn

from densenet.checks import checked_choice, checked_integer, checked_number
from densenet.dense_mlp.table import Table, preprocessing

OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("one_cycle", "constant")
EPOCHS_RANGE = (1, 10_000)
BATCH_SIZE_RANGE = (2, 65_536)  # BatchNorm has no statistics of one row
NETS_RANGE = (1, 64)
FOLDS_RANGE = (2, 1000)
SEED_RANGE = (0, 2**31 - 1)

MakeNet = Callable[[int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a fold's nets are trained: hashable, validated; ValueError with the field, the value and the range."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 5e-3  # the highest, under "one_cycle"
    weight_decay: float = 1.0  # decoupled for adamw: times the learning rate, each step
    optimizer: str = "adamw"
    schedule: str = "one_cycle"
    nets: int = 4  # from different seeds; the mean of their outputs is the prediction

    def __post_init__(self) -> None:
        object.__setattr__(self, "learning_rate", checked_number("learning_rate", self.learning_rate, 0, 100, above=True))
        object.__setattr__(self, "weight_decay", checked_number("weight_decay", self.weight_decay, 0, 100))
        object.__setattr__(self, "epochs", checked_integer("epochs", self.epochs, EPOCHS_RANGE))
        object.__setattr__(self, "batch_size", checked_integer("batch_size", self.batch_size, BATCH_SIZE_RANGE))
        object.__setattr__(self, "nets", checked_integer("nets", self.nets, NETS_RANGE))
        checked_choice("optimizer", self.optimizer, OPTIMIZERS)
        checked_choice("schedule", self.schedule, SCHEDULES)


# Tutorial A: 10 epochs, learning rate 0.05, batch 64. It names no optimizer, decay or target: assumed are Adam, none, and the logarithm
TUTORIAL_RECIPE = Recipe(epochs=10, batch_size=64, learning_rate=0.05, weight_decay=0.0, optimizer="adam", schedule="constant", nets=1)


class Fold(NamedTuple):
    """One fold's log-RMSE, natural logarithms, over its training and its validation rows."""

    train: float
    valid: float


class FoldData(NamedTuple):
    """One fold, preprocessed: N x F features in float32, and the natural logarithm of the target, N."""

    train_features: Tensor
    train_log: np.ndarray
    valid_features: Tensor
    valid_log: np.ndarray


def fold_data(table: Table, folds: int, seed: int = 0) -> Iterator[FoldData]:
    """Yield each of `folds` folds of shuffled rows; ValueError if there are fewer than two rows for each fold."""
    folds = checked_integer("folds", folds, FOLDS_RANGE)
    seed = checked_integer("seed", seed, SEED_RANGE)
    rows = len(table.target)
    if rows < 4:
        raise ValueError(f"the table must have at least 4 rows, got {rows}")
    if rows < 2 * folds:
        raise ValueError(f"folds must be 2 to {rows // 2} for a table of {rows} rows, got {folds}")
    logs = np.log(table.target)
    for train, valid in KFold(folds, shuffle=True, random_state=seed).split(table.features):
        numbers = preprocessing()
        train_features = numbers.fit_transform(table.features.iloc[train])
        valid_features = numbers.transform(table.features.iloc[valid])
        yield FoldData(
            torch.as_tensor(train_features, dtype=torch.float32),
            logs[train],
            torch.as_tensor(valid_features, dtype=torch.float32),
            logs[valid],
        )


def log_rmse(predicted_log: np.ndarray, true_log: np.ndarray) -> float:
    """Root of the mean squared difference of natural logarithms."""
    return float(np.sqrt(np.mean((predicted_log - true_log) ** 2)))


def _optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, weight_decay=decay)
    make = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return make(net.parameters(), lr=rate, weight_decay=decay, fused=True)  # for nets this small the step is a quarter of the time


def train_net(net: nn.Module, x: Tensor, y: Tensor, recipe: Recipe, generator: torch.Generator) -> nn.Module:
    """Train `net` on features `x`, N x F, to give `y`, N; return it in eval mode.

    A last batch of fewer rows than the others is left out of its epoch (the rows are shuffled anew in the next), unless it is the only one.
    """
    optimizer = _optimizer(net, recipe)
    size = min(recipe.batch_size, len(x))
    steps = len(x) // size
    scheduler = None
    if recipe.schedule == "one_cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs)
    net.train()
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(x), generator=generator)[: steps * size].split(size):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(x[rows]).squeeze(1), y[rows]).backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
    return net.eval()


def _fold_score(data: FoldData, make_net: MakeNet, recipe: Recipe, seed: int) -> Fold:
    mean, scale = float(data.train_log.mean()), float(data.train_log.std()) or 1.0
    y = torch.as_tensor((data.train_log - mean) / scale, dtype=torch.float32)
    train, valid = torch.zeros(len(data.train_features)), torch.zeros(len(data.valid_features))
    for number in range(recipe.nets):
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
            torch.manual_seed(seed + number)
            net = make_net(data.train_features.shape[1])
            train_net(net, data.train_features, y, recipe, torch.Generator().manual_seed(seed + number))
        with torch.inference_mode():
            train += net(data.train_features).squeeze(1) / recipe.nets
            valid += net(data.valid_features).squeeze(1) / recipe.nets
    fold = Fold(
        log_rmse(train.double().numpy() * scale + mean, data.train_log), log_rmse(valid.double().numpy() * scale + mean, data.valid_log)
    )
    if not np.isfinite(fold).all():
        raise ValueError(f"learning_rate must be lower for this table, with {recipe.learning_rate:g} the training diverged")
    return fold


def cross_validate(table: Table, make_net: MakeNet, recipe: Recipe, folds: int = 5, seed: int = 0) -> Iterator[Fold]:
    """Yield each fold's score as soon as it is there; the same arguments give the same numbers. ValueError as of `fold_data`."""
    for data in fold_data(table, folds, seed):
        yield _fold_score(data, make_net, recipe, seed)
