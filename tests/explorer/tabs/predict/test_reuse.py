"""The reuse view says what `densenet.features.reuse` says, for nets of every size."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from densenet import PRESETS
from densenet.features.reuse import input_read, late_over_early, reuse
from densenet.model.net import DenseNet
from densenet.weights.known import DEFAULT
from densenet.weights.loading import load
from explorer.settings import Settings
from explorer.tabs.predict import reuse as view
from explorer.work.subject import Asked

Make = Callable[..., DenseNet]
SETTINGS = Settings(device="cpu", offline=True)


def shown(asked: Asked | None = None, block: int = view.ALL_BLOCKS, weighted: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    choice, value = view.show(SETTINGS, asked, block, weighted)
    return choice, json.loads(value)


@pytest.mark.parametrize("weighted", [False, True])
def test_every_cell_is_the_librarys_without_any_photo(weighted: bool) -> None:
    blocks = reuse(load(DEFAULT), weighted)
    choice, value = shown(weighted=weighted)
    traces = value["figures"][0]["data"]
    assert len(traces) == len(blocks) == len(choice["choices"]) - 1
    words = [word["text"] for word in value["figures"][0]["layout"]["annotations"]]
    assert words[: len(blocks)] == [f"block {i}" for i in range(1, len(blocks) + 1)]
    for block, trace in zip(blocks, traces, strict=True):
        for reader, row in enumerate(block.normalised, start=1):
            for source, expected in enumerate(row):
                drawn, said = trace["z"][reader - 1][source], trace["hovertext"][reader - 1][source]
                if expected is None:
                    assert drawn is None
                    assert said == ""
                else:
                    assert drawn == pytest.approx(expected, abs=1e-4)
                    assert f"{block.matrix[reader - 1][source]:.3g}" in said
                    assert ("|γ w|" in said) == weighted


def test_one_block_alone_and_a_block_that_is_not_there() -> None:
    choice, value = shown(block=3)
    assert choice["value"] == 3
    (trace,) = value["figures"][0]["data"]
    assert len(trace["z"]) == load(DEFAULT).config.block_config[2] + 1
    choice, value = shown(block=7)
    assert choice["value"] == view.ALL_BLOCKS
    assert len(value["figures"][0]["data"]) == len(load(DEFAULT).config.block_config)


def test_the_asked_net_is_shown_and_the_wrong_one_refused(make_net: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_net()
    model.weights = replace(load("cifar10").weights, label="<b>mine</b>")  # type: ignore[type-var]
    monkeypatch.setattr(view, "loaded", lambda _settings, name: {"mine": model}[name])
    choice, value = shown(Asked("a", "mine", 0))
    assert len(choice["choices"]) == 3
    assert "&lt;b&gt;mine" in value["note"]
    monkeypatch.undo()
    with pytest.raises(gr.Error, match="weights must be one of"):
        shown(Asked("a", "nonsense", 0))


def test_the_line_says_what_the_library_counts() -> None:
    blocks = reuse(load(DEFAULT))
    read, times = input_read(blocks), late_over_early(blocks)
    assert read is not None
    note = shown()[1]["note"]
    assert f"here in {read.least} of {read.rows} rows, mean {read.share:.2f}, others {read.others:.2f}" in note
    assert f"{times:.1f} × the earlier" in note


def test_a_net_of_one_block_is_not_said_to_have_a_transition(make_net: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_net(replace(PRESETS["tiny"], block_config=(1,)))
    model.weights = load("cifar10").weights
    monkeypatch.setattr(view, "loaded", lambda *_: model)
    note = shown(Asked("a", "mine", 0))[1]["note"]
    assert "transition" not in note
    assert "× the earlier" in note


def test_large_nets_stay_small_on_the_wire(make_net: Make) -> None:
    config = replace(PRESETS["tiny"], growth_rate=1, bn_size=1, block_config=(150, 2))
    figure = view.reuse_figure(reuse(make_net(config)))
    assert "hovertext" not in figure["data"][0]
    assert len(json.dumps(figure)) < 400_000
    widths = [figure["layout"][axis]["domain"] for axis in ("xaxis", "xaxis2")]
    assert (widths[0][1] - widths[0][0]) / (widths[1][1] - widths[1][0]) == pytest.approx(151 / 3)


def test_it_is_drawn_only_while_it_is_open() -> None:
    assert "figures" in view.show(SETTINGS, None, 0, False)[1]
