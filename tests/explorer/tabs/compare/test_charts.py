"""The compare tab's charts hold the library's counts and the published accuracies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from densenet import PRESETS, Workload, plan, totals
from densenet.published import PUBLISHED, RESNETS
from explorer.components.theme import BLOCK_COLOURS, GHOST
from explorer.page.page_state import PageState, preset_state
from explorer.tabs.compare.charts import accuracy_figure, stages_figure

TINY = PageState("tiny", PRESETS["tiny"], Workload(image_size=32, batch_size=2, mode="train"))
OTHER = replace(TINY, config=replace(TINY.config, growth_rate=6))


def test_stages_sum_to_the_totals() -> None:
    figure = stages_figure(TINY, OTHER, macs=True)
    assert [sum(trace["y"]) for trace in figure["data"]] == [totals(s.config, 32).macs for s in (TINY, OTHER)]
    deeper = replace(TINY, config=replace(TINY.config, block_config=(2, 2, 2)))
    for a, b in ((TINY, deeper), (deeper, TINY)):
        names = figure_names(stages_figure(a, b, macs=False))
        assert names == ["stem", "block 1", "transition 1", "block 2", "transition 2", "block 3", "classifier"]


def figure_names(figure: dict[str, Any]) -> list[str]:
    return list(figure["data"][0]["x"])


def test_your_net_stands_where_its_counts_are() -> None:
    figure = accuracy_figure(TINY, OTHER, macs=False)
    places = [shape["x0"] for shape in figure["layout"]["shapes"]]
    assert places == [totals(s.config, 32).params / 1e6 for s in (TINY, OTHER)]
    low, high = figure["layout"]["xaxis"]["range"]
    assert all(low < annotation["x"] < high for annotation in figure["layout"]["annotations"])
    densenets, resnets = figure["data"]
    assert densenets["x"] == sorted(densenets["x"])
    assert dict(zip(densenets["text"], densenets["y"], strict=True))["121"] == 74.434
    assert dict(zip(resnets["text"], resnets["y"], strict=True))["50"] == 76.130


def stage_of(path: str, block: int) -> str:
    """The bar that a row of the plan belongs to."""
    if "denseblock" in path or "transition" in path:
        return f"{'block' if 'denseblock' in path else 'transition'} {block}"
    return "classifier" if block else "stem"


@pytest.mark.parametrize("macs", [False, True])
def test_each_bar_is_its_stage_of_the_plan(macs: bool) -> None:
    a, b = preset_state("densenet121"), preset_state("densenet169")
    figure = stages_figure(a, b, macs=macs)
    for net, trace in zip((a, b), figure["data"], strict=True):
        for name, value in zip(trace["x"], trace["y"], strict=True):
            rows = [row for row in plan(net.config) if name == stage_of(row.path, row.block)]
            assert value == sum(row.macs if macs else row.params for row in rows), name
    assert [trace["marker"]["color"] for trace in figure["data"]] == [GHOST, BLOCK_COLOURS[0]]
    assert figure["layout"]["yaxis"]["title"]["text"] == ("MACs" if macs else "parameters")


@pytest.mark.parametrize("macs", [False, True])
def test_every_point_is_published(macs: bool) -> None:
    densenets, resnets = accuracy_figure(TINY, None, macs=macs)["data"]
    for trace, colour in ((densenets, BLOCK_COLOURS[0]), (resnets, BLOCK_COLOURS[1])):
        assert trace["line"]["color"] == trace["marker"]["color"] == colour
        assert trace["x"] == sorted(trace["x"])
    for depth, x, y in zip(densenets["text"], densenets["x"], densenets["y"], strict=True):
        sums = totals(PRESETS[f"densenet{depth}"])  # counted: the paper printed no count of 264
        assert (x, y) == (sums.macs / 1e9 if macs else sums.params / 1e6, PUBLISHED[f"densenet{depth}"].top1_accuracy)
    for depth, x, y in zip(resnets["text"], resnets["x"], resnets["y"], strict=True):
        figures = RESNETS[f"resnet{depth}"]
        assert figures.params is not None
        assert (x, y) == (figures.gmacs if macs else figures.params / 1e6, figures.top1_accuracy)
