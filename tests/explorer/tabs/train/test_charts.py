"""The charts of a training show what its log and its result say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from densenet.train import Event
from explorer.tabs.train.charts import inside_figures, look_of_part, training_figures
from tests.support.trainings import RIGHT, look


def test_curves_are_the_logs() -> None:
    events = [Event(kind="progress", step=i, steps=10, epoch=1, seconds=i, lr=0.1, loss=2.0 - i / 10, accuracy=i / 10) for i in range(5)]
    events.append(Event(kind="epoch", step=5, steps=10, epoch=1, seconds=6, lr=0.1, loss=1.0, valid_loss=1.5, valid_accuracy=0.4))
    loss, accuracy, rate = training_figures(events)
    assert [(curve["x"], curve["y"]) for curve in loss["data"]] == [([0, 1, 2, 3, 4], [2.0 - i / 10 for i in range(5)]), ([5], [1.5])]
    assert [(curve["x"], curve["y"]) for curve in accuracy["data"]] == [([0, 1, 2, 3, 4], [10.0 * i for i in range(5)]), ([5], [40.0])]
    assert rate["data"][0]["y"] == [0.1] * 5
    assert len(training_figures([events[0]] * 5000)[0]["data"][0]["x"]) <= 800


def test_parts_are_told_apart_by_more_than_their_colour() -> None:
    one = look(1, [RIGHT])
    styles = [look_of_part(part.name, one) for part in one.parts]
    assert len({(style.dash, style.symbol) for style in styles}) == len(styles)
    assert styles[1].colour == styles[2].colour != styles[3].colour, "a transition has the colour of the block before it"
    assert all(style.dashes in ("", "7 4", "2 3") for style in styles)


def test_what_a_logarithm_does_not_take_is_a_gap() -> None:
    first, second = look(1, [RIGHT]), look(2, [RIGHT])
    parts = tuple(replace(part, activation=0.0 if part.name == "head" else None) for part in second.parts)
    activations = inside_figures([first, replace(second, parts=parts)])[0]
    assert [trace["y"][1] for trace in activations["data"]] == [None] * 5
    hover = [trace["hovertext"][0] for trace in inside_figures([first])[1]["data"]]
    assert "gradient 0.001<br>gradient beside weights 0.01" in hover[0]
    assert len(inside_figures([first] * 5000)[0]["data"][0]["x"]) <= 800


def test_logarithmic_ticks_are_few_and_written_out() -> None:
    first = look(1, [RIGHT])
    for low, high in ((0.6, 1.8), (2e-3, 4e-2), (1e-9, 1e3), (1.0, 1.0)):
        parts = tuple(replace(part, activation=low if i % 2 else high) for i, part in enumerate(first.parts))
        axis = inside_figures([replace(first, parts=parts)])[0]["layout"]["yaxis"]
        inside = [tick for tick in axis["tickvals"] if low * 0.99 <= tick <= high * 1.01]
        assert 1 <= len(inside) <= 9
        assert [float(text) for text in axis["ticktext"]] == pytest.approx(axis["tickvals"])
