"""What happens while it learns, as the tab shows it: only what is new, the epoch that is asked for, and nothing for a run without."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict

import gradio as gr
import numpy as np
import pytest

from densenet.train.events import append_line
from densenet.train.watching import Filters
from explorer.settings import Settings
from explorer.tabs.train.learning import Shown, filters_picture, turn, watch
from tests.support.trainings import RIGHT, WRONG, finished_run, look, watched_run

SKIPPED = gr.skip()
PLACE, PANEL, SLIDER, DETAILS, SHOWN = range(5)
ANSWERS = [(WRONG, WRONG), (WRONG, RIGHT), (RIGHT, RIGHT)]


def test_nothing_for_a_run_without_looks(run_settings: Settings) -> None:
    assert watch(run_settings, Shown(), 1) == [SKIPPED] * 5
    finished_run(run_settings)
    assert watch(run_settings, Shown(), 1) == [SKIPPED] * 5
    shown = watch(run_settings, Shown("another", 3, 3, 3), 3)
    assert shown[PLACE]["visible"] is False
    assert shown[SHOWN] == Shown()


def test_the_latest_epoch_is_shown_until_another_is_asked_for(run_settings: Settings) -> None:
    run = watched_run(run_settings, ANSWERS)
    first = watch(run_settings, Shown(), 1)
    assert first[PLACE]["visible"] is True
    assert (first[SLIDER]["minimum"], first[SLIDER]["maximum"], first[SLIDER]["value"]) == (1, 3, 3)
    assert first[SHOWN] == Shown(run.name, 3, 3, 3)
    assert "after epoch 3" in first[DETAILS]
    assert watch(run_settings, first[SHOWN], 3) == [SKIPPED] * 5, "nothing is new"
    assert turn(run_settings, first[SHOWN], 3) == [SKIPPED] * 2, "the slider was put there by the page itself"
    details, shown = turn(run_settings, first[SHOWN], 2)
    assert "after epoch 2" in details
    assert shown == Shown(run.name, 3, 3, 2)
    append_line(run.looks, asdict(look(4, ANSWERS[0])))
    followed, stayed = watch(run_settings, first[SHOWN], 3), watch(run_settings, shown, 2)
    assert (followed[SLIDER]["value"], followed[SHOWN].epoch) == (4, 4)
    assert (stayed[SLIDER]["value"], stayed[SLIDER]["maximum"], stayed[SHOWN].epoch) == (2, 4, 2)
    assert "after epoch 2" in stayed[DETAILS]


def test_another_run_is_followed_from_its_start(run_settings: Settings) -> None:
    watched_run(run_settings, ANSWERS)
    seen = watch(run_settings, Shown("another", 9, 9, 2), 2)
    assert seen[SHOWN].epoch == 3
    assert turn(run_settings, Shown("another", 9, 9, 2), 1) == [SKIPPED] * 2, "the charts are another run's"


def test_one_epoch_has_nothing_to_choose(run_settings: Settings) -> None:
    watched_run(run_settings, ANSWERS[:1])
    assert watch(run_settings, Shown(), 1)[SLIDER]["interactive"] is False


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_each_picture_has_its_answer_and_its_history(run_settings: Settings, epoch: int) -> None:
    """Told by a sign, by a word and by the shape of the bar, not by colour alone."""
    watched_run(run_settings, ANSWERS)
    html = turn(run_settings, watch(run_settings, Shown(), 1)[SHOWN], epoch)[0] if epoch < 3 else watch(run_settings, Shown(), 1)[DETAILS]
    figures = html.split('<figure class="answered"')[1:]
    assert len(figures) == 2
    for number, figure in enumerate(figures):
        answers = [of_epoch[number] for of_epoch in ANSWERS]
        right = answers[epoch - 1] is RIGHT
        assert ("\u2713 90\u00a0%" if right else "\u2717 b 70\u00a0%") in figure
        assert re.findall('rect class="(right|wrong)"', figure) == ["right" if answer is RIGHT else "wrong" for answer in answers]
        heights = [float(height) for height in re.findall(r'rect class="(?:right|wrong)".*? height="([\d.]+)"', figure)]
        assert heights == [pytest.approx(24 * answer.of_truth, abs=0.06) for answer in answers]
        assert re.findall(r'rect class="chosen" x="(\d+)"', figure) == [str(6 * (epoch - 1))]
        assert f"right after {answers.count(RIGHT)} of 3 epochs" in figure
        assert "&lt;a&gt;" in figure
        assert "<a>" not in figure


def test_a_long_history_is_thinned_but_holds_the_epoch_and_the_last(run_settings: Settings) -> None:
    watched_run(run_settings, [(RIGHT, WRONG)] * 150)
    first = watch(run_settings, Shown(), 1)
    html, _ = turn(run_settings, first[SHOWN], 2)
    assert html.count('class="right"') == html.count('class="wrong"') <= 50
    assert html.count('class="chosen"') == 2


def test_charts_hold_each_look(run_settings: Settings) -> None:
    watched_run(run_settings, ANSWERS)
    value = json.loads(watch(run_settings, Shown(), 1)[PANEL])
    activations, gradients, zeros = value["figures"]
    assert [trace["name"] for trace in activations["data"]] == ["stem", "block 1", "transition 1", "block 2", "head"]
    assert activations["data"][1]["y"] == [2.0, 3.0, 4.0]
    assert [trace["name"] for trace in gradients["data"]] == ["block 1", "transition 1", "block 2", "head"], "the stem is frozen"
    assert gradients["data"][0]["y"] == [1e-3, 5e-4, 1e-3 / 3]
    assert zeros["data"][0]["y"] == [50.0] * 3
    assert [figure["layout"]["yaxis"].get("type") for figure in value["figures"]] == ["log", "log", None]
    assert value["note"].count("<svg") == 5


def test_filters_are_drawn_weight_by_weight() -> None:
    values = bytes([128, 255, 1, 128, 0, 10, 20, 30])
    picture = np.asarray(filters_picture(Filters(shape=(2, 1, 2), largest=1.0, values=base64.b64encode(values).decode())))
    times = picture.shape[0] // 2
    cells = picture[times // 2 :: times, times // 2 :: times]
    assert cells[..., 0].tolist() == [[128, 255, 0, 0, 10], [1, 128, 0, 20, 30]]
    assert cells[..., 3].tolist() == [[255, 255, 0, 255, 255]] * 2, "the gap is clear"
    colours = bytes(range(12))
    picture = np.asarray(filters_picture(Filters(shape=(1, 3, 2), largest=1.0, values=base64.b64encode(colours).decode())))
    assert picture[0, 0, :3].tolist() == [0, 4, 8]
