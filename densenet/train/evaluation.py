"""How good a net is on pictures that it was not trained on: accuracy, confusion matrix, worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from densenet.model.familiarity import answers_and_features
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.train.augment import normalise
from densenet.train.data import ImageSet

_MOST_IN_BATCH, _MOST_PIXELS = 250, 1_600_000  # pictures, and their pixels together: larger batches are slower on a CPU
_MISTAKES = 24


@dataclass(frozen=True)
class Mistake:
    """A picture that the net took for another class, and how sure it was (softmax, 0 to 1)."""

    name: str  # of its file
    index: int  # in the set
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """`confusion[i][j]`: pictures of class i taken for class j. `mistakes`: those that the net was surest of, the surest first."""

    loss: float
    accuracy: float  # 0 to 1
    top5_accuracy: float | None  # 0 to 1; None: with five classes or fewer every answer is among the first five
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]


def answers_of(model: DenseNet, data: ImageSet, preprocessing: Preprocessing) -> tuple[Tensor, Tensor]:
    """Return N x classes logits, and the features of `densenet.model.familiarity` beside them, on the CPU, in eval mode and float32.

    The pictures are scaled by `preprocessing`, which is that of the training. The model's mode is left as it was.
    """
    device, training = next(model.parameters()).device, model.training
    model.eval()
    try:
        with torch.inference_mode():
            logits, features = [], []
            height, width = data.images.shape[-2:]
            for part in data.images.split(max(1, min(_MOST_IN_BATCH, _MOST_PIXELS // (height * width)))):
                x = normalise(part.to(device).float().div_(255.0), preprocessing.mean, preprocessing.std)
                said, seen = answers_and_features(model, x.contiguous(memory_format=torch.channels_last))
                logits.append(said.float().cpu())
                features.append(seen.float().cpu())
            return torch.cat(logits), torch.cat(features)
    finally:
        model.train(training)


def evaluate(model: DenseNet, data: ImageSet, preprocessing: Preprocessing | None = None) -> Evaluation:
    """Evaluate `model` on all of `data`, its pictures scaled by `preprocessing` (default: the data's own; give that of the training)."""
    return evaluation_of(answers_of(model, data, preprocessing or data.preprocessing)[0], data)


def evaluation_of(logits: Tensor, data: ImageSet) -> Evaluation:
    """Return how good N x classes `logits` of all pictures of `data` are."""
    probabilities, predicted = logits.softmax(1).max(1)
    wrong = (predicted != data.labels).nonzero().flatten()
    worst = wrong[probabilities[wrong].argsort(descending=True, stable=True)][:_MISTAKES]
    classes = len(data.classes)
    confusion = torch.bincount(data.labels * classes + predicted, minlength=classes**2).view(classes, classes)
    mistakes = [Mistake(data.names[i], i, int(data.labels[i]), int(predicted[i]), float(probabilities[i])) for i in worst.tolist()]
    return Evaluation(
        loss=float(functional.cross_entropy(logits, data.labels)),
        accuracy=1.0 - len(wrong) / len(data),
        top5_accuracy=float((logits.topk(5).indices == data.labels[:, None]).any(1).double().mean()) if classes > 5 else None,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        mistakes=tuple(mistakes),
    )
