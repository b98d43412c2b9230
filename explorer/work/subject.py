"""A net, what it saw of a photo, and whether what is asked of the two can be afforded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from explorer.settings import Settings
from explorer.work.nets import loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from densenet.model.net import DenseNet

MOST_SECONDS = 300.0  # of one map, by a cautious estimate


def pixels_of(method: str, values: Tensor) -> NDArray[np.floating]:
    """Return a map, 1 x C x H x W, as H x W: the channels' sum; occlusion's say the same in every channel, so its mean."""
    summed = values.mean(1) if method == "occlusion" else values.sum(1)
    return summed[0].float().cpu().numpy()


@dataclass(frozen=True)
class Asked:
    """A class of one net's answer; `answer` tells apart photos that get the same one."""

    answer: str
    net: str
    target: int


@dataclass(frozen=True)
class Subject:
    """A net, what it saw of the photo, and that as its input, 1 x C x H x W."""

    model: DenseNet
    view: Image.Image
    x: Tensor

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the net's classes."""
        assert self.model.weights is not None
        return self.model.weights.labels()


def subject_of(settings: Settings, photo: Image.Image, asked: Asked) -> Subject:
    """Load the net that is asked and prepare the photo for it."""
    from densenet.predict import input_of, view_of

    model = loaded(settings, asked.net)
    view = view_of(model, photo)
    return Subject(model, view, input_of(model, view))


def check_affordable(subject: Subject, method: str, options: dict[str, object]) -> None:
    """Raise ValueError for a map that would keep everybody else waiting for minutes."""
    from densenet.attribution.catalogue import expected_seconds

    seconds = expected_seconds(subject.model, subject.x, method, **options)
    if seconds > MOST_SECONDS:
        raise ValueError(f"This map would take up to {seconds:.0f} s; the limit here is {MOST_SECONDS:.0f} s. Ask for fewer steps.")
