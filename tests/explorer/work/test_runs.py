"""The train tab: a training is forecast, started in a process of its own, watched, paused, stopped, resumed, and its net used."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from densenet import PRESETS, totals
from densenet.train import Event, Recipe
from densenet.train.sources import resized
from explorer.settings import Settings
from explorer.tabs.train import tab as train
from explorer.tabs.train.charts import confusion_figure, training_figures
from explorer.work import nets, runs

TINY = PRESETS["tiny"]
RECIPE = (3, None, "auto", 8, "sgd", 0.05, "shift", 0.0, False)  # as the page's components have it


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, base in (("dark", 40), ("light", 200)):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i in range(30):
            Image.fromarray(rng.integers(base - 30, base + 30, (16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "pictures"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(device="cpu", offline=True, runs_dir=tmp_path / "runs")
    yield made
    for child in runs._children.values():
        if child.poll() is None:
            child.kill()
            child.wait()
    runs._children.clear()


def until(reached: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.2)


def state_of(settings: Settings) -> str:
    seen = runs.status(settings)
    assert seen is not None
    return seen.state


def test_a_training_from_start_to_predict(settings: Settings, pictures: Path) -> None:
    values = (TINY, runs.FOLDER, str(pictures), 16, *RECIPE)
    assert "2 pictures" not in train.forecast(settings, *values)
    assert f"<b>{totals(replace(TINY, num_classes=2), 16).params:,}</b> parameters, 60 pictures" in train.forecast(settings, *values)
    train.begin(settings, *values)
    with pytest.raises(gr.Error, match="one training at a time"):
        train.begin(settings, *values)
    until(lambda: state_of(settings) != "running")
    assert state_of(settings) == "finished", (runs.latest(settings) or Path()).joinpath("output.txt").read_text()
    line, curves, confusion, _, end, _, file = train.look(settings)
    assert "finished" in line
    assert "held out: <b>" in line
    assert [len(json.loads(panel)["figures"]) for panel in (curves, confusion)] == [3, 1]
    assert end["interactive"] is False
    assert Path(file["value"]).is_file()
    ((label, name), *_) = nets.choices(settings)
    assert "trained here" in label
    model = nets.loaded(settings, name)
    assert nets.record_of(model).labels() == ("dark", "light")
    assert nets.record_of(model).top1_accuracy is not None


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_the_device_decides_the_precision(monkeypatch: pytest.MonkeyPatch, native: bool, precision: str) -> None:
    monkeypatch.setattr("densenet.running.device.native_bfloat16", lambda device: native)
    assert train.recipe_of("cpu", *RECIPE).precision == precision
    assert train.recipe_of("cpu", *RECIPE[:2], "float32", *RECIPE[3:]).precision == "float32"


def test_pause_stop_and_go_on(settings: Settings, pictures: Path) -> None:
    train.begin(settings, TINY, runs.FOLDER, str(pictures), 16, 400, *RECIPE[1:])
    seen: Callable[[], int] = lambda: len(runs.status(settings).events)  # type: ignore[union-attr]  # noqa: E731
    until(lambda: seen() > 2)
    train.pause_or_go_on(settings)
    until(lambda: any(event.kind == "paused" for event in runs.status(settings).events))  # type: ignore[union-attr]
    assert train.look(settings)[5]["value"] == "Go on"
    assert state_of(settings) == "paused"
    train.pause_or_go_on(settings)
    until(lambda: state_of(settings) == "running")
    train.stop(settings)
    until(lambda: state_of(settings) == "stopped")
    stopped_at = runs.status(settings).last.step  # type: ignore[union-attr]
    train.pause_or_go_on(settings)
    until(lambda: runs.status(settings).last.step > stopped_at)  # type: ignore[union-attr]
    assert state_of(settings) == "running", "another process goes on from the checkpoint"


def test_what_cannot_be_trained_is_a_sentence(settings: Settings, pictures: Path, tmp_path: Path) -> None:
    def said(*values: Any) -> str:
        return train.forecast(settings, *values)

    assert "There is no folder" in said(TINY, runs.FOLDER, "/nowhere", 16, *RECIPE)
    (tmp_path / "empty").mkdir()
    assert "two or more classes, it holds 0" in said(TINY, runs.FOLDER, str(tmp_path / "empty"), 16, *RECIPE)
    assert "image_size must be 29 to 4096" in said(PRESETS["densenet121"], runs.FOLDER, str(pictures), 16, *RECIPE)
    assert "epochs must be" in said(TINY, runs.FOLDER, str(pictures), 16, 0, *RECIPE[1:])
    assert "lr must be" in said(TINY, runs.FOLDER, str(pictures), 16, *RECIPE[:5], None, *RECIPE[6:])
    with pytest.raises(gr.Error, match="There is no folder"):
        train.begin(settings, TINY, runs.FOLDER, "/nowhere", 16, *RECIPE)
    assert runs.latest(settings) is None
    assert train.look(settings)[0] == train._NOTHING


def test_a_failure_is_told_by_its_last_words(settings: Settings, tmp_path: Path) -> None:
    train.begin(settings, TINY, "cifar10", str(tmp_path), 32, *RECIPE)
    until(lambda: state_of(settings) == "failed")
    assert "cifar10 could not be read" in train.look(settings)[0]


def test_the_command_says_all_that_the_page_shows(settings: Settings, pictures: Path) -> None:
    from densenet.train.__main__ import parser, with_given

    recipe = Recipe(epochs=7, minutes=2.5, optimizer="adam", lr=0.003, crop="resized", ema_decay=0.999, flip=False)
    order = runs.Order(runs.FOLDER, str(pictures), 24, replace(TINY, growth_rate=6, bn_size=0), recipe)
    arguments = parser().parse_args(order.arguments(settings.runs_dir / "x", settings))
    assert with_given(Recipe(), arguments) == recipe
    assert with_given(replace(PRESETS["densenet121"], in_channels=3, num_classes=2), arguments) == order.net()
    assert arguments.size == 24


def test_a_training_of_another_app_is_seen(settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train.begin(settings, TINY, runs.FOLDER, str(pictures), 16, 400, *RECIPE[1:])
    until(lambda: len(runs.status(settings).events) > 1)  # type: ignore[union-attr]
    children: list[subprocess.Popen[bytes]] = list(runs._children.values())
    with monkeypatch.context() as patched:
        patched.setattr(runs, "_children", {})
        assert state_of(settings) == "running", "its lock tells"
    children[0].kill()
    children[0].wait()


def test_curves_are_the_logs() -> None:
    events = [Event(kind="progress", step=i, steps=10, epoch=1, seconds=i, lr=0.1, loss=2.0 - i / 10, accuracy=i / 10) for i in range(5)]
    events.append(Event(kind="epoch", step=5, steps=10, epoch=1, seconds=6, lr=0.1, loss=1.0, valid_loss=1.5, valid_accuracy=0.4))
    loss, accuracy, rate = training_figures(events)
    assert loss["data"][0]["y"] == [2.0 - i / 10 for i in range(5)]
    assert (accuracy["data"][1]["x"], accuracy["data"][1]["y"]) == ([5], [40.0])
    assert rate["data"][0]["y"] == [0.1] * 5
    assert len(training_figures([events[0]] * 5000)[0]["data"][0]["x"]) <= 800


def test_confusion_shows_the_counts() -> None:
    result = {"classes": ["a", "b"], "confusion": [[3, 1], [0, 4]], "on": "held_out", "accuracy": 0.875, "mistakes": []}
    figure = confusion_figure(result)
    assert figure["data"][0]["z"] == [[0.75, 0.25], [0.0, 1.0]]
    assert "87.5 % right" in figure["layout"]["title"]["text"]


def test_data_sets_are_brought_to_a_size(tmp_path: Path) -> None:
    import torch

    from densenet.train.data import ImageSet, measured_preprocessing

    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    data = ImageSet(images, torch.zeros(5, dtype=torch.long), ("a",), tuple("abcde"), measured_preprocessing(images))
    larger = resized(data, 32)
    assert larger.images.shape == (5, 1, 32, 32)
    assert larger.preprocessing.crop_px == 32
    assert resized(data, 28) is data
    with pytest.raises(ValueError, match="above the limit"):
        resized(data, 4096, max_bytes=1000)
