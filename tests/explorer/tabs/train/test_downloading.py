"""Pictures that are not here: what is said of them, and a download with its bar, its end and its ways to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from densenet.train import archives
from densenet.weights.download import part_of
from explorer.settings import Settings
from explorer.tabs.train import downloading, form
from explorer.tabs.train import tab as train
from explorer.work import jobs
from explorer.work.cancelling import cancel_downloading
from tests.support.archives import idx_files, published_by
from tests.support.file_server import Server
from tests.support.session import Request
from tests.support.trainings import RECIPE, TINY

FASHION = ("fashion_mnist", "", 28, form.SLIDERS, "none", *RECIPE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(archives, "FASHION_MNIST_FOLDER", Path("/nowhere"))
    server = Server(b"")
    monkeypatch.setitem(archives.PUBLISHED, "fashion_mnist", published_by(server, "fashion_mnist", idx_files()))
    yield server
    server.close()


@pytest.fixture
def online(tmp_path: Path) -> Settings:
    return Settings(device="cpu", runs_dir=tmp_path / "runs")


def shown(settings: Settings, session: str = "a") -> list[tuple[str, Any, Any]]:
    return list(downloading.download(settings, "fashion_mnist", Request(session)))


def test_what_is_missing_is_said_before_start(online: Settings, server: Server) -> None:
    said, start, button = train.forecast(online, TINY, *FASHION)
    assert "Fashion-MNIST is not on this machine yet." in said
    assert start["interactive"] is False
    assert button["visible"]
    assert button["value"].startswith("Download Fashion-MNIST (")
    with pytest.raises(gr.Error, match="Fashion-MNIST is not in"):
        train.begin(online, TINY, *FASHION)
    said, start, button = train.forecast(online, TINY, "fashion_mnist", "/elsewhere", *FASHION[2:])
    assert "is not in /elsewhere. Clear the folder" in said
    assert (start["interactive"], button["visible"]) == (False, False)


def test_offline_says_so_instead(tmp_path: Path, server: Server) -> None:
    settings = Settings(device="cpu", offline=True, runs_dir=tmp_path / "runs")
    said, start, button = train.forecast(settings, TINY, *FASHION)
    assert "downloads are switched off (--offline)" in said
    assert (start["interactive"], button["visible"]) == (False, False)
    with pytest.raises(gr.Error, match="downloads are switched off"):
        shown(settings)
    assert server.served == []


def test_a_download_has_a_bar_and_then_the_pictures_are_here(online: Settings, server: Server) -> None:
    steps = shown(online)
    assert any("<progress" in line for line, _, _ in steps)
    assert "is here" in steps[-1][0]
    assert [part["visible"] for part in steps[-1][1:]] == [False, False]
    assert steps[0][2]["visible"], "it can be given up"
    said, start, button = train.forecast(online, TINY, *FASHION)
    assert "30 pictures" in said
    assert start["interactive"]
    assert not button["visible"]


@pytest.mark.parametrize("manner", ["breaks", "404", "garbage"])
def test_a_cut_or_no_such_file_is_a_sentence_and_can_be_tried_again(manner: str, online: Settings, server: Server) -> None:
    steps = list[tuple[str, Any, Any]]()
    server.manner = manner
    with pytest.raises(gr.Error, match="Fashion-MNIST could not be downloaded"):
        steps.extend(downloading.download(online, "fashion_mnist", Request("a")))
    line, bring, cancel = steps[-1]
    assert "could not be downloaded" in line
    assert (bring["visible"], cancel["visible"]) == (True, False)
    server.manner = "well"
    assert "is here" in shown(online)[-1][0]


def test_a_download_can_be_given_up_and_gone_on_with(online: Settings, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densenet.weights.download._CHUNK_BYTES", 1000)
    place = online.runs_dir / ".datasets" / "fashion_mnist"
    progress = archives.download

    def slow(*given: Any, **more: Any) -> None:
        cancel_downloading(Request("a"))  # pressed while it runs
        progress(*given, **more)

    monkeypatch.setattr(archives, "download", slow)
    steps = shown(online)
    assert "Given up" in steps[-1][0]
    assert [part["visible"] for part in steps[-1][1:]] == [True, False]
    assert jobs.missing_bytes(online, "fashion_mnist") <= sum(map(len, idx_files().values()))
    assert not part_of(place / "train-images-idx3-ubyte.gz").is_file() or server.served
    monkeypatch.setattr(archives, "download", progress)
    assert "is here" in shown(online, "b")[-1][0]
