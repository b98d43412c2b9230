"""Ask a trained net what is in a photo."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image

from densenet.checks import checked_number, show_value
from densenet.model.familiarity import answers_and_features, novelty_of
from densenet.model.net import DenseNet
from densenet.model.outputs import Points, activation_of, points_of, shares, shares_of, trained
from densenet.pictures.rgb import as_rgb
from densenet.record import TEMPERATURE_RANGE, Weights
from densenet.running.affordable import check_affordable

_SURE = 0.5
_PIXELS_PER_SECOND = 2e7  # of resizing, on one core


@dataclass(frozen=True)
class Prediction:
    """One class of the answer; probability 0 to 1, or the number itself where the net answers with numbers."""

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


def check_photo(model: DenseNet, width: int, height: int) -> None:
    """Raise ValueError where an image of `width` x `height` pixels, or the pass that follows, is more than the net's device can afford.

    What a net sees of an image is as large as its record says, and a record may be a stranger's.
    """
    preprocessing, device = _record_of(model).preprocessing, next(model.parameters()).device
    check_affordable(
        model.config,
        preprocessing.crop_px,
        device,
        besides_bytes=preprocessing.bytes_needed(width, height),
        besides_seconds=preprocessing.pixels_made(width, height) / _PIXELS_PER_SECOND,
    )


class Seen(NamedTuple):
    """What a net makes of a photo: the logits of all classes, in float32 on the CPU, and how foreign the photo is to it.

    `novelty` is how far the photo's features are from those of the training pictures, and how little they speak to any class
    (`densenet.model.familiarity`), as a multiple of what 95 % of held-out pictures stay below; None for a net of which nobody knows it.
    """

    logits: torch.Tensor
    novelty: float | None

    @property
    def foreign(self) -> bool:
        """Whether the photo is farther from the training pictures than 95 % of pictures like them."""
        return self.novelty is not None and self.novelty > 1


def seen_by(model: DenseNet, x: torch.Tensor) -> Seen:
    """Return what `model` makes of the photo `x`, 1 x C x H x W, as `input_of` gave it."""
    with torch.inference_mode():
        logits, features = answers_and_features(model, x)
        return Seen(logits[0].float().cpu(), novelty_of(model, logits, features))


def logits_of(model: DenseNet, image: Image.Image) -> torch.Tensor:
    """Return the logits of all classes for `image` (any mode and size), in float32 on the CPU."""
    return seen_by(model, input_of(model, view_of(model, image))).logits


def seconds_of(model: DenseNet, x: torch.Tensor) -> float:
    """Return how long one pass of the photo `x` takes, after the first pass of its shape, which is slower than those that follow."""
    started = time.perf_counter()
    seen_by(model, x)
    return time.perf_counter() - started


@dataclass(frozen=True)
class Confidence:
    """How sure a net is: probability of its best class, and entropy as a share of the most there can be; both 0 to 1.

    Of classes that exclude each other the entropy is that of all; of labels that do not, the mean of each label's own.
    """

    top1: float
    entropy: float
    exclusive: bool = True

    @property
    def unsure(self) -> bool:
        """Whether the net is not sure: less than half on one class of which one must be right, or much entropy."""
        return (self.exclusive and self.top1 < _SURE) or self.entropy > _SURE


def confidence(logits: torch.Tensor, activation: str = "softmax", points: Points = ()) -> Confidence | None:
    """Return how sure a net with these logits is, at temperature 1, or None for one that answers with numbers.

    Labels that were never trained (`points`) do not count. A net may be sure and wrong of what none of its classes names.
    """
    if activation == "none":
        return None
    probabilities = shares(logits.double(), activation, points=points)[trained(logits, points)]
    if not len(probabilities):
        return None
    if activation == "sigmoid":
        own = torch.special.entr(probabilities) + torch.special.entr(1 - probabilities)
        return Confidence(probabilities.max().item(), own.mean().item() / math.log(2), exclusive=False)
    entropy = torch.special.entr(probabilities).sum().item() / math.log(len(logits)) if len(logits) > 1 else 0.0
    return Confidence(probabilities.max().item(), entropy)


def classify(model: DenseNet, image: Image.Image, k: int = 5, temperature: float = 1.0) -> list[Prediction]:
    """Return the `k` most probable classes of `image` (any mode and size), best first, at a temperature (`densenet.model.outputs.shares`).

    `model` comes from `densenet.weights.load` or `load_file`; `k` above the number of classes gives them all. A
    net with one output says how probable its class is and how probable it is not. ValueError for a `k` below 1,
    a temperature outside 0.05 to 20, and for a net that reads neither colour nor grey pictures.
    """
    _check_asked(k, temperature)
    return best_of(model, logits_of(model, image), k, temperature)


def _check_asked(k: int, temperature: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k must be 1 or more, got {show_value(k)}")
    checked_number("temperature", temperature, *TEMPERATURE_RANGE)


def best_of(model: DenseNet, logits: torch.Tensor, k: int = 5, temperature: float = 1.0) -> list[Prediction]:
    """Return what `classify` does, from the `logits` of all classes that `model` gave before."""
    _check_asked(k, temperature)
    labels = _record_of(model).labels()
    said = shares_of(model, logits, temperature)
    ranked = said.masked_fill(~trained(logits, points_of(model)), -math.inf)  # what was never trained comes last
    best = ranked.topk(min(k, len(said))).indices
    found = [Prediction(labels[i], i, p) for p, i in zip(said[best].tolist(), best.tolist(), strict=True)]
    if len(labels) == 1 and activation_of(model) == "sigmoid":
        found.append(Prediction(f"not {labels[0]}", 0, 1 - found[0].probability))
        found.sort(key=lambda prediction: -prediction.probability)
    return found[:k]
