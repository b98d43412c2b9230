"""Ask a trained net what is in a photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image

from densenet.images import as_rgb
from densenet.model import DenseNet
from densenet.weights import Weights


@dataclass(frozen=True)
class Prediction:
    """One class of the answer; probability 0 to 1 (softmax)."""

    label: str
    index: int
    probability: float


def _record_of(model: DenseNet) -> Weights:
    if model.weights is None:
        raise ValueError(
            "the model must come from densenet.weights.load or load_file: without its record nobody knows its scaling and its classes"
        )
    return model.weights


def view_of(model: DenseNet, image: Image.Image) -> Image.Image:
    """Return the square RGB picture that `model` sees of `image`."""
    return _record_of(model).preprocessing.view(as_rgb(image))


def input_of(model: DenseNet, view: Image.Image) -> torch.Tensor:
    """Return `view`, as `view_of` gave it, as the normalised tensor 1 x C x H x W that `model` reads, on its device."""
    return _record_of(model).preprocessing.tensor(view).to(next(model.parameters()).device)


def classify(model: DenseNet, image: Image.Image, k: int = 5) -> list[Prediction]:
    """Return the `k` most probable classes of `image` (any mode and size), best first.

    `model` comes from `densenet.weights.load` or `load_file`; `k` above the number of classes gives them all. ValueError for a `k` below 1,
    and for a net that reads neither colour nor grey pictures.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k must be 1 or more, got {k!r}")
    with torch.inference_mode():
        probabilities = model(input_of(model, view_of(model, image))).softmax(1)[0]
    best = probabilities.topk(min(k, len(probabilities)))
    labels = _record_of(model).labels()
    return [Prediction(labels[i], i, p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
