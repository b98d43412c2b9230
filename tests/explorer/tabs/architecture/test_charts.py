"""The charts say what the plan says."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from densenet import PRESETS, DenseNetConfig, Layer, plan, totals
from densenet.arithmetic.costs import steps
from densenet.presets import PRESET_IMAGE_SIZE
from explorer.components.theme import BLOCK_COLOURS, NEUTRAL
from explorer.tabs.architecture.charts import cost_figure, growth_figure

WIDE = DenseNetConfig(block_config=(256, 200), stem="cifar", growth_rate=2)  # too many steps for bars


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_bars_add_up(name: str) -> None:
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    stages, sums = steps(config, size), totals(config, size)
    assert sum(cost_figure(config, stages, macs=False)["data"][0]["y"]) == sums.params
    assert sum(cost_figure(config, stages, macs=True)["data"][0]["y"]) == sums.macs
    growth = growth_figure(config, stages)
    inherited, new, _ = growth["data"]
    assert inherited["y"][-1] + new["y"][-1] == sums.features_out
    strip = [shape for shape in growth["layout"]["shapes"] if shape["yref"] == "y2"]
    assert (strip[0]["x0"], strip[-1]["x1"]) == (-0.5, len(stages) - 0.5)
    for i, stage in enumerate(stages):
        assert [s["y1"] for s in strip if s["x0"] < i < s["x1"]] == [stage.size]


def rows_by_step(config: DenseNetConfig, size: int) -> list[list[Layer]]:
    """The plan's rows, put together by the path of the module that holds them: what one bar stands for."""
    inside = re.compile(r"features\.(denseblock\d+\.denselayer\d+|transition\d+)\.")
    names = [found[1] if (found := inside.match(row.path)) else "tail" if row.block else "stem" for row in plan(config, size)]
    return [
        [row for _, row in group] for _, group in itertools.groupby(zip(names, plan(config, size), strict=True), key=lambda pair: pair[0])
    ]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_each_bar_is_its_rows_of_the_plan(name: str) -> None:
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    stages, groups = steps(config, size), rows_by_step(config, size)
    params, macs = (cost_figure(config, stages, macs=macs)["data"][0]["y"] for macs in (False, True))
    assert params == [sum(row.params for row in group) for group in groups]
    assert macs == [sum(row.macs for row in group) for group in groups]
    inherited, new, _ = growth_figure(config, stages)["data"]
    channels = [group[-1].out_channels for group in groups[:-1]] + [groups[-1][0].in_channels]
    assert [a + b for a, b in zip(inherited["y"], new["y"], strict=True)] == channels
    dense = [any(row.op == "cat" for row in group) for group in groups]
    assert inherited["y"] == [group[0].in_channels if layer else 0 for group, layer in zip(groups, dense, strict=True)]


@pytest.mark.parametrize("config", [PRESETS["densenet121"], WIDE], ids=["bars", "stepped line"])
def test_figures_are_plain_json_that_keeps_the_zoom(config: DenseNetConfig) -> None:
    stages = steps(config)
    for figure in (growth_figure(config, stages), cost_figure(config, stages, macs=True)):
        assert json.loads(json.dumps(figure, allow_nan=False)) == figure
        assert "template" not in figure["layout"]
        assert figure["layout"]["uirevision"] == "keep"
        assert figure["layout"]["height"] > 0
        assert figure["layout"]["yaxis"]["title"]["text"] in ("channels", "MACs")


def test_hover_shows_the_arithmetic() -> None:
    config = PRESETS["densenet121"]
    stages = steps(config)
    channels = growth_figure(config, stages)["data"][1]["hovertext"]
    assert "64 + 5 × 32 = 224 channels" in channels[5]
    assert "⌊0.5 × 256⌋ = 128 channels" in channels[7]
    params = cost_figure(config, stages, macs=False)["data"][0]["hovertext"]
    assert "192 × 128 = 24,576" in params[5]
    assert "128 × 32 × 3² = 36,864" in params[5]
    assert "2 × (192 + 128) = 640" in params[5]
    assert "1024 × 1000 + 1000 = 1,025,000" in params[-1]
    assert "128 × 32 × 3² × 56² = 115,605,504" in cost_figure(config, stages, macs=True)["data"][0]["hovertext"][5]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_arithmetic_in_every_hover_is_right(name: str) -> None:
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    stages = steps(config, size)
    for with_area in (False, True):
        for text in cost_figure(config, stages, macs=with_area)["data"][0]["hovertext"]:
            lines = [line for line in text.split("<br>")[1:] if line]
            shown = 0
            for line in lines:
                formula, _, result = line.partition(": ")[2].partition(" = ")
                python = formula.replace("×", "*").replace("²", "**2").replace("⌊", "").replace("⌋", "")
                assert eval(python) == int(result.replace(",", "")), line
                shown += int(result.replace(",", ""))
            unit = "multiply-accumulates" if with_area else "parameters"
            head = text.split("<br>")[0].partition(": ")[2].partition(f" {unit}")[0]
            assert shown == int(head.replace(",", "")), text


def test_one_colour_a_block_in_every_chart() -> None:
    config = PRESETS["densenet121"]
    stages = steps(config)
    costs = [cost_figure(config, stages, macs=m)["data"][0]["marker"]["color"] for m in (False, True)]
    for bars in [growth_figure(config, stages)["data"][1]["marker"]["color"], *costs]:
        for stage, colour in zip(stages, bars, strict=True):
            assert colour == (BLOCK_COLOURS[stage.block - 1] if stage.kind == "dense" else NEUTRAL)
    assert len(set(BLOCK_COLOURS)) == 8
