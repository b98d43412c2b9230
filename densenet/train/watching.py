"""What happens inside a net while it learns: at the end of each epoch one look, in a file of lines beside the log.

The same few held-out pictures are shown to the net that is evaluated, the average of the weights where there is one: what each part puts
out, how much of it its ReLUs leave at zero, and what the net answers. Gradients and weights are those of the net that learns, the
gradients those of the epoch's last step. A look draws no random number and leaves modes, statistics and gradients as they are.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor, nn

from densenet.config import STEM_OF
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.train.data import ImageSet
from densenet.train.evaluation import answers_of
from densenet.train.events import append_line, looks_of

if TYPE_CHECKING:
    from densenet.train.state import TrainingState

PICTURES = 8
MOST_FILTERS = 96
_SHOWN_PX = 96  # larger pictures are shown smaller
_HEAD = "head"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A held-out picture that the net is shown at each look."""

    name: str  # of its file
    label: int
    shown: str  # a PNG as a data URI


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The first line of the file: what stays the same."""

    step: int
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class PartLook:
    """One part of the net: the stem, a dense block, a transition, or the head, which puts out the logits. RMS: root of the mean square."""

    name: str
    activation: float | None  # RMS of its output; None where that is not finite
    zeros: float | None  # share of what its ReLUs put out that is 0, from 0 to 1; None without a ReLU
    gradient: float | None  # RMS over the weights of convolutions and the classifier; None for what is frozen, or not finite
    weight: float | None  # RMS of the same weights; None where that is not finite


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The first convolution's filters, at most `MOST_FILTERS`: 128 is a weight of 0, 255 and 1 the largest magnitude."""

    shape: tuple[int, int, int]  # filters, channels (3 or 1: of any other number their mean), pixels a side
    largest: float  # magnitude
    values: str  # a byte a weight, base64

    def bytes(self) -> bytes:
        """Return the weights, filter by filter, channel by channel, row by row."""
        return base64.b64decode(self.values)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the net says of one picture; probabilities from 0 to 1."""

    label: int  # the class that it takes the picture for
    probability: float  # of that class
    of_truth: float  # of the true class


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen at the end of an epoch."""

    step: int
    epoch: int
    parts: tuple[PartLook, ...]  # in the order of the net
    filters: Filters
    answers: tuple[Answer, ...]  # in the order of `Watched.pictures`


def shown_picture(image: Tensor, most_px: int | None = None) -> str:
    """Return a uint8 picture, 1 or 3 x H x W, as a PNG that a page can show, at most `most_px` a side."""
    values, file = image.permute(1, 2, 0).numpy(), io.BytesIO()
    picture = Image.fromarray(values if values.shape[2] == 3 else values[:, :, 0])
    if most_px is not None:
        picture.thumbnail((most_px, most_px))
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def chosen(labels: Tensor, seed: int, count: int = PICTURES) -> list[int]:
    """Return the indices of at most `count` pictures drawn by `seed`, of as many classes as there are, ordered by class."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    of_class: dict[int, list[int]] = {}
    for index in order:
        of_class.setdefault(int(labels[index]), []).append(index)
    turns = ((turn, index) for indices in of_class.values() for turn, index in enumerate(indices))
    taken = [index for _, index in sorted(turns, key=lambda one: one[0])[:count]]  # each class once before any twice
    return sorted(taken, key=lambda index: int(labels[index]))


def part_of(path: str) -> str:
    """Return the part of the net that a module belongs to."""
    name = path.removeprefix("features.").partition(".")[0]
    for kind, words in (("denseblock", "block "), ("transition", "transition ")):
        if name.startswith(kind):
            return words + name.removeprefix(kind)
    return _HEAD if name in ("norm5", "relu5", "pool5", "flatten", "classifier") else "stem"


def _outputs(model: DenseNet) -> dict[str, nn.Module]:
    """Return the module of each part whose output is the part's."""
    last = STEM_OF[model.config.stem].last
    parts = {
        part_of(name): module for name, module in model.features.named_children() if name == last or name.startswith(("dense", "tran"))
    }
    return {**parts, _HEAD: model.classifier}


def _rms(tensors: Iterable[Tensor]) -> float | None:
    """Return the root of the mean square of all values, to five digits; None for none, or if it is not finite."""
    squares, count = 0.0, 0
    for tensor in tensors:
        squares += float(tensor.detach().double().square().sum())
        count += tensor.numel()
    value = math.sqrt(squares / count) if count else math.nan
    return float(f"{value:.5g}") if math.isfinite(value) else None


@contextmanager
def _watched(model: DenseNet) -> Iterator[tuple[dict[str, float | None], dict[str, list[int]]]]:
    """Give what passes through `model` meanwhile: the RMS of each part's output, and of its ReLUs' how many values are 0, of how many."""
    outputs: dict[str, float | None] = {}
    zeros: dict[str, list[int]] = {}

    def note(part: str, _module: nn.Module, _args: object, out: Tensor) -> None:
        outputs[part] = _rms([out])

    def count(part: str, _module: nn.Module, _args: object, out: Tensor) -> None:
        before = zeros.get(part, [0, 0])
        zeros[part] = [before[0] + int((out == 0).sum()), before[1] + out.numel()]

    hooks = [module.register_forward_hook(partial(note, part)) for part, module in _outputs(model).items()]
    relus = [(part_of(path), module) for path, module in model.named_modules() if isinstance(module, nn.ReLU)]
    hooks += [module.register_forward_hook(partial(count, part)) for part, module in relus]
    try:
        yield outputs, zeros
    finally:
        for hook in hooks:
            hook.remove()


def _filters(weight: Tensor) -> Filters:
    """Return filters x channels x side x side as bytes."""
    weight = weight.detach()[:MOST_FILTERS].float().cpu()
    if weight.shape[1] not in (1, 3):
        weight = weight.mean(1, keepdim=True)
    largest = float(weight.abs().max())
    values = (128 + 127 * weight / (largest or 1.0)).round().to(torch.uint8).contiguous().numpy().tobytes()
    return Filters(shape=(*weight.shape[:2], weight.shape[3]), largest=largest, values=base64.b64encode(values).decode("ascii"))


def _answers(logits: Tensor, labels: Tensor) -> tuple[Answer, ...]:
    probabilities = logits.softmax(1)
    sure, predicted = probabilities.max(1)
    truths = probabilities.gather(1, labels[:, None])[:, 0]
    rows = zip(predicted.tolist(), sure.tolist(), truths.tolist(), strict=True)
    return tuple(Answer(label=label, probability=round(p, 4), of_truth=round(truth, 4)) for label, p, truth in rows)


def look_into(learning: DenseNet, evaluated: DenseNet, data: ImageSet, scaling: Preprocessing, *, step: int, epoch: int) -> Look:
    """Show `evaluated` the pictures of `data`, and read weights and gradients of `learning`, which has just taken `step`."""
    with _watched(evaluated) as (outputs, zeros):
        logits, _ = answers_of(evaluated, data, scaling)
    weights: dict[str, list[nn.Parameter]] = {part: [] for part in outputs}
    for path, parameter in learning.named_parameters():
        if parameter.ndim > 1:  # those of norms are scales, around 1
            weights[part_of(path)].append(parameter)
    parts = []
    for part, activation in outputs.items():
        empty, of = zeros.get(part, (0, 0))
        gradient = _rms(p.grad for p in weights[part] if p.grad is not None)
        share = round(empty / of, 5) if of else None
        parts.append(PartLook(name=part, activation=activation, zeros=share, gradient=gradient, weight=_rms(weights[part])))
    first = next(module for module in evaluated.modules() if isinstance(module, nn.Conv2d))
    return Look(step=step, epoch=epoch, parts=tuple(parts), filters=_filters(first.weight), answers=_answers(logits, data.labels))


class Watcher:
    """Looks at a training's net and writes down what it sees beside `checkpoint`; None: nothing is looked at."""

    def __init__(self, checkpoint: Path | None, valid: ImageSet, scaling: Preprocessing, seed: int) -> None:
        self.file, self.scaling = None if checkpoint is None else looks_of(checkpoint), scaling
        self.data = valid.subset(torch.tensor(chosen(valid.labels, seed)))

    def look(self, state: TrainingState, epoch: int) -> None:
        """Look at the net at the end of an epoch; a full disk costs the look, not the training."""
        if self.file is None:
            return
        seen = look_into(state.model, state.evaluated, self.data, self.scaling, step=state.step, epoch=epoch)
        with suppress(OSError):
            if not self.file.exists() or not self.file.stat().st_size:
                append_line(self.file, asdict(self._watched()))
            append_line(self.file, asdict(seen))

    def _watched(self) -> Watched:
        rows = zip(self.data.images, self.data.labels.tolist(), self.data.names, strict=True)
        pictures = tuple(Picture(name=name, label=label, shown=shown_picture(image, _SHOWN_PX)) for image, label, name in rows)
        return Watched(step=0, classes=self.data.classes, pictures=pictures)


def parsed(lines: bytes) -> Iterator[Watched | Look]:
    """Yield what the lines of a file of looks say; torn ones, and those of another version, are left out."""
    for line in lines.decode(errors="replace").splitlines():
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            values = json.loads(line)
            if "pictures" in values:
                pictures = tuple(Picture(**one) for one in values["pictures"])
                yield Watched(step=values["step"], classes=tuple(values["classes"]), pictures=pictures)
                continue
            filters = Filters(**{**values["filters"], "shape": tuple(values["filters"]["shape"])})
            parts, answers = (PartLook(**one) for one in values["parts"]), (Answer(**one) for one in values["answers"])
            yield Look(**{**values, "parts": tuple(parts), "filters": filters, "answers": tuple(answers)})
