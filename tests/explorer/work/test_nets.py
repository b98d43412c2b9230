"""Nets as the app loads them: its own, those that visitors bring, and a sentence where one cannot be had."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import load, load_file
from explorer.settings import Settings
from explorer.work import nets
from tests.support.on_page import SETTINGS


def test_only_so_many_brought_files_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets._brought, "most", 1)
    file = tmp_path / "mine.pth"
    shutil.copy(ASSETS / "cifar10.pth", file)
    first, second = nets.bring(file), nets.bring(file)
    nets.loaded(SETTINGS, second)
    with pytest.raises(ValueError, match="no longer here"):
        nets.loaded(SETTINGS, first)


def test_a_known_net_is_the_librarys() -> None:
    assert nets.loaded(SETTINGS, "cifar10") is load("cifar10")
    assert nets.record_of(load("cifar10")) is load("cifar10").weights


@pytest.mark.parametrize("name", [None, 3, ["cifar10"], {"a": 1}, float("nan")], ids=repr)
def test_a_name_is_text(name: Any) -> None:
    with pytest.raises(ValueError, match=r"^net must be a name, got "):
        nets.loaded(SETTINGS, name)


@pytest.mark.parametrize("name", ["", "nonsense", "../cifar10", "\x00", "brought-", "brought-0123456789abcdef", "trained-gone"])
def test_a_name_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"weights must be one of|no longer here"):
        nets.loaded(SETTINGS, name)


def test_without_a_network_the_embedded_net_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"downloads are switched off\. The embedded net works without a network\.$"):
        nets.loaded(Settings(offline=True, weights_dir=tmp_path), "densenet121")


def test_a_download_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def downloaded(name: str, **options: Any) -> Any:
        options["progress"](2**20, 2 * 2**20)
        options["progress"](2**20, 0)
        return load("cifar10")

    told: list[tuple[float | None, str]] = []
    monkeypatch.setattr(nets, "load", downloaded)
    progress: Any = lambda share, desc: told.append((share, desc))  # noqa: E731
    nets.loaded(Settings(weights_dir=tmp_path), "densenet121", progress)
    assert told == [
        (0.5, "downloading DenseNet-121, ImageNet: 1.00\u00a0MiB of 2.00\u00a0MiB"),
        (None, "downloading DenseNet-121, ImageNet: 1.00\u00a0MiB of 0.00\u00a0MiB"),
    ]


def test_the_choices_say_what_has_to_happen_first(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    shutil.copy(ASSETS / "cifar10.pth", run / "net.pth")
    (run / "net.json").write_text(json.dumps({"label": "mine"}))
    settings = Settings(offline=True, weights_dir=tmp_path, runs_dir=tmp_path / "runs")
    choices = nets.choices(settings)
    assert ("DenseNet-121, ImageNet · download", "densenet121") in choices
    assert (WEIGHTS["cifar10"].label, "cifar10") in choices
    trained = [key for label, key in choices if "trained here" in label]
    assert [nets.loaded(settings, key).config for key in trained] == [load("cifar10").config] * len(trained)


def test_a_file_that_is_none_is_refused_when_it_is_brought(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"Cannot read bad\.pth"):
        nets.bring(bad)


def test_what_a_visitor_says_adds_up(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    shutil.copy(ASSETS / "cifar10.pth", file)
    first = nets.bring(file)
    independent = nets.with_other_meaning(first)
    scale = {"crop_px": 48, "mean": [0.0] * 3, "std": [1.0] * 3, "fit": "stretch"}
    fed = nets.told(independent, {"preprocessing": scale})
    record = nets.record_of(nets.loaded(SETTINGS, fed))
    assert (record.activation, record.preprocessing.crop_px, record.preprocessing.fit) == ("sigmoid", 48, "stretch")
    assert nets.record_of(nets.loaded(SETTINGS, first)).activation == "softmax", "others still have it as it was"
    with pytest.raises(ValueError, match="its card's crop_px must be"):
        nets.told(fed, {"preprocessing": scale | {"crop_px": 0}})
    for bad in ("cifar10", "brought-gone", 3, None):
        with pytest.raises(ValueError, match="net must be one that was brought and is still here"):
            nets.told(bad, {})  # type: ignore[arg-type]


def test_what_a_training_starts_from_is_kept_beside_it(tmp_path: Path) -> None:
    """With all that its visitor said of it: the file that was brought goes after a while."""
    file = tmp_path / "mine.pth"
    shutil.copy(ASSETS / "cifar10.pth", file)
    settings = Settings(device="cpu", offline=True, runs_dir=tmp_path / "runs", weights_dir=str(tmp_path))
    scale = {"crop_px": 48, "mean": [0.0] * 3, "std": [1.0] * 3, "fit": "stretch"}
    told = nets.told(nets.bring(file), {"preprocessing": scale})
    kept = nets.kept_to_start_from(settings, told)
    assert kept.is_relative_to(settings.runs_dir)
    assert nets.kept_to_start_from(settings, told) == kept, "once"
    record = load_file(kept).weights
    assert record is not None
    assert (record.preprocessing.crop_px, record.preprocessing.fit) == (48, "stretch")
    assert nets.record_to_start_from(settings, told).preprocessing == record.preprocessing
    others = {nets.kept_to_start_from(settings, name) for name in ("cifar10", str(file))}
    assert len({kept, *others}) == 3, "each with its own card"
    assert nets.record_to_start_from(settings, "densenet121") is WEIGHTS["densenet121"], "known without a download"
    with pytest.raises(ConnectionError, match="downloads are switched off"):
        nets.kept_to_start_from(settings, "densenet121")
    for bad in ("nowhere.pth", "trained-gone", "brought-gone", str(tmp_path), 3, ["cifar10"], {}):
        for work in (nets.kept_to_start_from, nets.record_to_start_from):
            with pytest.raises(ValueError, match=r"no longer here|There is no net and no file|net must be a name"):
                work(settings, bad)  # type: ignore[arg-type]
