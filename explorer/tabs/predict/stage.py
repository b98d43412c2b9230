"""What all views of a photo share: which net is asked about which class, and the components that say so."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.events import Dependency

from densenet import DenseNetConfig, plan
from densenet.attribution import METHODS
from explorer.components.formatting import side
from explorer.components.photo_input import PhotoInput
from explorer.settings import Settings
from explorer.work.subject import Asked, Subject

NOTHING = '<div class="hint large">Choose a photo first.</div>'


@dataclass(frozen=True)
class Stage:
    """What every view needs: the app's settings, and the components that it reads.

    `asked` holds an `Asked` or None, `view` the title of the view that is open.
    What follows another `asked` is wired to `renewed`, by when the explanations of the one before are given up.
    """

    settings: Settings
    photo: PhotoInput
    asked: gr.State
    view: gr.State
    renewed: Dependency


FIRST_METHODS = ("grad_cam", "integrated_gradients", "saliency")  # what the page begins with
METHOD_CHOICES = [(METHODS[name].label, name) for name in dict.fromkeys((*FIRST_METHODS, *METHODS))]
NOBODY = -1  # no class to contrast with
UNIT = "of the score"


def map_sides(config: DenseNetConfig, image_px: int) -> dict[int, int]:
    """Return the side of the feature maps after each dense block, by its number, for pictures of `image_px` a side."""
    return {row.block: row.in_size for row in plan(config, image_px) if row.op == "cat" and row.block is not None}


def interpolated_from(map_px: int) -> str:
    """Return the words for a map that is drawn smooth, since it was made as large as the photo."""
    return f"interpolated from {side(map_px)}"


def head_of(subject: Subject, asked: Asked, against: int) -> str:
    """Return the question that the maps answer, as HTML."""
    label = escape(subject.labels[asked.target])
    if against == NOBODY:
        return f"Why <b>{label}</b>? Orange raises its score, blue lowers it."
    other = escape(subject.labels[against])
    return f"Why <b>{label}</b> and not <b>{other}</b>? Orange speaks for {label}, blue for {other}."
