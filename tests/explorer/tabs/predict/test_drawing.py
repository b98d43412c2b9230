"""The canvas: offered to nets that read grey pictures, and what is drawn becomes a picture of their kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from densenet.model.net import DenseNet
from densenet.train.card import write_net
from densenet.train.digits import CLASSES, DIGITS_NET, DIGITS_RECIPE, load_digits
from densenet.train.job import Job, write_job
from densenet.train.run import Run
from explorer.settings import Settings
from explorer.tabs.predict import drawing

ONE = [[[240, 60], [240, 420]]]


@pytest.fixture
def digits_net(run_settings: Settings) -> str:
    """A net of digits, as a finished training leaves it, that has learnt nothing."""
    run = Run(run_settings.runs_dir / "digits-1")
    run.folder.mkdir(parents=True)
    write_job(run.job, Job(data="digits"))
    scaling = load_digits(train=True).preprocessing
    told: dict[str, Any] = {"label": "Digits", "classes": CLASSES, "preprocessing": scaling, "recipe": DIGITS_RECIPE}
    write_net(DenseNet(DIGITS_NET), run.net, **told, accuracy={}, data="digits", licence="none")
    return "trained-digits-1"


def told(strokes: object) -> Any:
    return SimpleNamespace(strokes=strokes)


def test_the_canvas_is_for_nets_that_read_grey(run_settings: Settings, digits_net: str) -> None:
    assert drawing.offered(run_settings, [digits_net, "cifar10"]) == "Draw a digit, 0 to 9"
    for chosen in (["cifar10", digits_net], [], None, ["trained-gone"], ["densenet121"]):
        assert drawing.offered(run_settings, chosen) == ""


def test_what_is_drawn_is_of_the_nets_own_kind(run_settings: Settings, digits_net: str) -> None:
    picture = drawing.drawn(run_settings, [digits_net], told(ONE))
    assert picture is not None
    assert (picture.mode, picture.size) == ("RGB", (8, 8))
    pixels = np.asarray(picture.convert("L"))
    assert pixels[:, 3:5].max() > 100
    assert pixels[:, [0, 1, 6, 7]].max() == 0
    assert drawing.drawn(run_settings, [digits_net], told([])) is None, "the canvas was wiped"


def test_bad_drawings_are_sentences(run_settings: Settings, digits_net: str) -> None:
    with pytest.raises(gr.Error, match="a drawing must be strokes of points"):
        drawing.drawn(run_settings, [digits_net], told("x"))
    with pytest.raises(gr.Error, match="Choose a net that reads grey pictures first"):
        drawing.drawn(run_settings, ["cifar10"], told(ONE))
