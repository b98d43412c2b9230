"""The charts of a training show what its log and its result say."""

from __future__ import annotations

from densenet.train import Event
from explorer.tabs.train.charts import training_figures


def test_curves_are_the_logs() -> None:
    events = [Event(kind="progress", step=i, steps=10, epoch=1, seconds=i, lr=0.1, loss=2.0 - i / 10, accuracy=i / 10) for i in range(5)]
    events.append(Event(kind="epoch", step=5, steps=10, epoch=1, seconds=6, lr=0.1, loss=1.0, valid_loss=1.5, valid_accuracy=0.4))
    loss, accuracy, rate = training_figures(events)
    assert [(curve["x"], curve["y"]) for curve in loss["data"]] == [([0, 1, 2, 3, 4], [2.0 - i / 10 for i in range(5)]), ([5], [1.5])]
    assert [(curve["x"], curve["y"]) for curve in accuracy["data"]] == [([0, 1, 2, 3, 4], [10.0 * i for i in range(5)]), ([5], [40.0])]
    assert rate["data"][0]["y"] == [0.1] * 5
    assert len(training_figures([events[0]] * 5000)[0]["data"][0]["x"]) <= 800
