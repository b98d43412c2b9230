"""All that changes while a net is trained, as one value that a checkpoint holds and that goes on as if it had never stopped.

Randomness needs no state of its own: order, augmentation and dropout are drawn anew from the seed and the number of the epoch or step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from densenet.model.freezing import hold
from densenet.model.net import DenseNet
from densenet.train.data import ImageSet
from densenet.train.recipe import Recipe, rate_factor

_MIX = 1_000_003  # a prime: draws of (seed, number) pairs do not meet in practice


def generator_for(seed: int, number: int, purpose: int) -> torch.Generator:
    """Return a generator for one step or epoch; `purpose` keeps order and augmentation apart, and processes from each other."""
    return torch.Generator().manual_seed(((seed * _MIX + number) * _MIX + purpose) % 2**63)


def _average(decay: float, average: list[Tensor], current: list[Tensor], count: Tensor) -> None:
    """Take an exponential moving average, with a shorter memory at the start, so that the random first weights fade."""
    steps = int(count)
    get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(average, current, count)


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float, lr: float) -> list[dict[str, object]]:
    """Put norms and biases, whose tensors have one dimension, into a group without weight decay."""
    trained = [p for p in parameters if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay, "lr": lr},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0, "lr": lr},
    ]


def _optimizer(model: DenseNet, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.head_lr is None:
        groups = _groups(model.parameters(), recipe.weight_decay, recipe.lr)
    else:
        groups = _groups(model.features.parameters(), recipe.weight_decay, recipe.lr)
        groups = [group for group in groups if group["params"]] + _groups(
            model.classifier.parameters(), recipe.weight_decay, recipe.head_lr
        )
    if recipe.optimizer == "adam":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)


class TrainingState:
    """A model with its optimizer, schedule, moving average, place in the training, and the best weights so far."""

    def __init__(self, model: DenseNet, recipe: Recipe, frozen: str = "none") -> None:
        self.model = model
        self.frozen = frozen
        self.scaler = torch.amp.GradScaler(next(model.parameters()).device.type, enabled=recipe.precision == "float16")
        self.progress = 0.0  # of the budget, 0 to 1
        self.optimizer = _optimizer(model, recipe)
        self.scheduler = LambdaLR(self.optimizer, lambda _: rate_factor(recipe, self.progress))
        self.average: AveragedModel | None = None
        if recipe.ema_decay:
            self.average = AveragedModel(model, multi_avg_fn=partial(_average, recipe.ema_decay), use_buffers=True)
        self.step = 0
        self.seconds = 0.0
        self.finished = False
        self.loss_sum = self.correct = self.seen = 0.0  # of the epoch so far
        self.best: dict[str, Tensor] | None = None
        self.best_accuracy = -1.0
        self.best_epoch = 0
        self.history: list[dict[str, object]] = []  # the "epoch" events, as plain values

    def train_mode(self) -> None:
        """Put the model into train mode, but for what is frozen."""
        self.model.train()
        hold(self.model, self.frozen)

    @property
    def evaluated(self) -> DenseNet:
        """The net that is evaluated and kept: the moving average where there is one."""
        return self.model if self.average is None else cast(DenseNet, self.average.module)

    def keep_if_best(self, accuracy: float, epoch: int) -> None:
        """Keep a copy of the evaluated net if it is at least as good as any before."""
        if accuracy >= self.best_accuracy:
            self.best_accuracy, self.best_epoch = accuracy, epoch
            self.best = {key: value.detach().cpu().clone() for key, value in self.evaluated.state_dict().items()}

    def as_dict(self) -> dict[str, object]:
        """Return everything, as tensors and plain values."""
        return {
            "step": self.step,
            "progress": self.progress,
            "seconds": self.seconds,
            "finished": self.finished,
            "sums": [self.loss_sum, self.correct, self.seen],
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best": self.best,
            "best_accuracy": self.best_accuracy,
            "best_epoch": self.best_epoch,
            "history": self.history,
        }

    def restore(self, values: dict[str, object]) -> None:
        """Take over what `as_dict` gave."""
        self.model.load_state_dict(cast(dict[str, Tensor], values["model"]))
        if self.average is not None:
            self.average.load_state_dict(cast(dict[str, Tensor], values["average"]))
        self.optimizer.load_state_dict(cast(dict, values["optimizer"]))
        self.scheduler.load_state_dict(cast(dict, values["scheduler"]))
        self.scaler.load_state_dict(cast(dict, values.get("scaler", {})))
        self.loss_sum, self.correct, self.seen = cast(list[float], values["sums"])
        for name in ("step", "progress", "seconds", "finished", "best", "best_accuracy", "best_epoch", "history"):
            setattr(self, name, values[name])

    def needed_bytes(self) -> int:
        """Return about how large a checkpoint becomes: model, average, best, and the optimizer's one or two tensors a parameter."""
        copies = 3 + (2 if isinstance(self.optimizer, torch.optim.AdamW) else 1)
        return copies * sum(t.numel() * t.element_size() for t in self.model.state_dict().values())


def identity_of(model: DenseNet, recipe: Recipe, train: ImageSet, frozen: str = "none") -> dict[str, object]:
    """Return what a checkpoint must agree with before it is gone on with: net, recipe, scaling and pictures."""
    scaling = train.preprocessing
    return {
        "config": asdict(model.config),
        "recipe": recipe.as_dict(),
        "scaling": {"mean": list(scaling.mean), "std": list(scaling.std)},
        "data": train.fingerprint(),
        "frozen": {"frozen": frozen},
    }
