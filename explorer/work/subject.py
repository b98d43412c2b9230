"""A net and what it saw of a photo: prepared once, in one place, for whoever asks, and only if it can be afforded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np
from PIL import Image

from densenet.kept import Kept
from explorer.settings import Settings
from explorer.work import background, nets

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from densenet.model.net import DenseNet

_MOST_KEPT = 4  # three nets side by side, and one more


def pixels_of(method: str, values: Tensor) -> NDArray[np.floating]:
    """Return a map of `method`, 1 x C x H x W, as one value a pixel, H x W."""
    from densenet.attribution import pixel_map

    return pixel_map(method, values).float().cpu().numpy()


@dataclass(frozen=True)
class Asked:
    """A class of one net's answer; `answer` tells apart photos that get the same one."""

    answer: str
    net: str
    target: int


@dataclass(frozen=True)
class Subject:
    """A net, what it saw of the photo, that as its input, 1 x C x H x W, the logits of its classes, and how foreign the photo is to it."""

    photo: Image.Image
    model: DenseNet
    view: Image.Image
    x: Tensor
    logits: Tensor
    novelty: float | None = None  # `densenet.predict.Seen` says of what

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the net's classes."""
        return nets.record_of(self.model).labels()


_kept: Kept[tuple[int, int], Subject] = Kept(_MOST_KEPT)  # by the photo's and the net's identity: a `Subject` holds on to both


def _prepared(settings: Settings, photo: Image.Image, net: str, progress: gr.Progress | None) -> Subject:
    from densenet.predict import check_photo, input_of, seen_by, view_of

    model = nets.loaded(settings, net, progress)

    def prepare() -> Subject:
        check_photo(model, photo.width, photo.height)
        view = view_of(model, photo)
        x = input_of(model, view)
        seen = seen_by(model, x)
        return Subject(photo, model, view, x, seen.logits, seen.novelty)

    return _kept.get_or((id(photo), id(model)), prepare)


def subject_of_net(settings: Settings, photo: Image.Image, net: str, progress: gr.Progress | None = None) -> Subject:
    """Load `net` and have it look at the photo, in the background; ValueError for what cannot be afforded, before anything is made."""
    return background.run(_prepared, settings, photo, net, progress)


def subject_of(settings: Settings, photo: Image.Image, asked: Asked) -> Subject:
    """Return what the net that is asked saw of the photo; ValueError for a class that it has not."""
    subject = subject_of_net(settings, photo, asked.net)
    from densenet.model.inputs import check_class

    check_class(subject.model, asked.target)
    return subject


def check_affordable(subject: Subject, method: str, options: dict[str, object]) -> None:
    """Raise ValueError for a map that would not fit into the memory, or keep everybody else waiting for minutes."""
    from densenet.attribution.cost import check_map

    check_map(subject.model, subject.x, method, **options)  # type: ignore[arg-type]
