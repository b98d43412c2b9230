"""On a folder: what the page shows of a trial, its mistakes opened in Predict, and odd values answered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from densenet.weights.known import ASSETS
from explorer.components.formatting import share
from explorer.tabs.predict import maps, trial
from explorer.work.cancelling import cancel_trying
from tests.support.on_page import SETTINGS
from tests.support.session import Request

IN = {"tabby": "cat", "beagle": "dog", "pizza": "ship"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for sample, name in IN.items():
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(ASSETS / "samples" / f"{sample}.jpg", tmp_path / name)
    return tmp_path


def test_a_trial_is_shown(photos: Path) -> None:
    *steps, end = trial.begin(SETTINGS, ["cifar10"], str(photos), None, None, Request("a"))
    assert steps
    assert all("pictures …" in step[0] for step in steps)
    line, panel, table, mistakes, copies, file = end
    assert f"<b>{share(2 / 3)}</b> right" in line
    assert "of 3 pictures" in line
    calibration, confusion = json.loads(panel)["figures"]
    assert calibration["data"][0]["x"] == [0, 100]
    (cells,) = confusion["data"]
    assert sum(map(sum, cells["text"])) == 3
    assert {name for name in ("cat", "dog", "ship") if f">{name}</th>" in table} == {"cat", "dog", "ship"}
    assert "pizza.jpg" in mistakes
    assert "ship, taken for" in mistakes
    assert [Path(copy).read_bytes() for copy in copies] == [(ASSETS / "samples" / "pizza.jpg").read_bytes()]
    assert Path(file["value"]).read_text(encoding="utf-8").startswith("file,right,answer,probability,airplane")
    assert trial.open_mistake(maps.TITLE, copies, SimpleNamespace(index=0)) == (copies[0], gr.update(selected=maps.TITLE), maps.TITLE)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [1, -1, "0", None, 10**9])
def test_a_mistake_that_is_not_there_is_a_sentence(index: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(gr.Error, match=r"mistake must be 0 to 0"):
        trial.open_mistake(maps.TITLE, [str(tmp_path / "a.jpg")], SimpleNamespace(index=index))  # type: ignore[arg-type]
    with pytest.raises(gr.Error, match="no longer here"):
        trial.open_mistake(maps.TITLE, [str(tmp_path / "gone.jpg")], SimpleNamespace(index=0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "folder", "sentence"),
    [
        ([], "x", "Choose a net first"),
        (["cifar10"], "", "Name a folder, or bring a zip of one"),
        (["cifar10"], None, "Name a folder"),
        (["cifar10"], "/nowhere/at/all", "There is no folder"),
        (["brought-gone"], "x", "no longer here"),
        (["cifar10"], str(ASSETS), "none of them is one of the net's 10 classes"),
    ],
)
def test_what_cannot_be_tried_is_a_sentence(chosen: list[str], folder: str | None, sentence: str) -> None:
    with pytest.raises(gr.Error, match=sentence):
        list(trial.begin(SETTINGS, chosen, folder, None, None, Request("a")))


def test_a_trial_can_be_given_up(photos: Path) -> None:
    for i in range(400):
        (photos / "dog" / f"{i}.jpg").hardlink_to(photos / "dog" / "beagle.jpg")
    request = Request("b")
    running = trial.begin(SETTINGS, ["cifar10"], str(photos), None, None, request)
    assert "pictures …" in next(running)[0]
    cancel_trying(request)
    *_, last = running
    assert "Stopped" in last[0]


def test_names_of_what_was_brought() -> None:
    assert ">a.zip, b.csv<" in trial._named(["/x/a.zip"], ["/y/b.csv"])
    assert "&lt;i&gt;" in trial._named(["/x/<i>.zip"], None)
