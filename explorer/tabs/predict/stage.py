"""What all views of a photo share: which net is asked about which class, and the components that say so."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.events import Dependency

from densenet.attribution import METHODS
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


def head_of(subject: Subject, asked: Asked, against: int) -> str:
    """Return the question that the maps answer, as HTML."""
    label = escape(subject.labels[asked.target])
    if against == NOBODY:
        return f"Why <b>{label}</b>? Orange raises its score, blue lowers it."
    other = escape(subject.labels[against])
    return f"Why <b>{label}</b> and not <b>{other}</b>? Orange speaks for {label}, blue for {other}."
