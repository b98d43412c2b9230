"""The diagram is true to scale, folds and unfolds, and is a file that other programs read."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.costs import steps
from densenet.presets import PRESET_IMAGE_SIZE
from explorer.components.colours import AMOUNTS
from explorer.tabs.structure.diagram import METRICS, WIDTH, boxes, diagram

NAMESPACE = "{http://www.w3.org/2000/svg}"


def rectangles(svg: str) -> list[dict[str, float]]:
    """The boxes in their order."""
    found = [r.attrib for r in ElementTree.fromstring(svg).iter(f"{NAMESPACE}rect") if r.get("class") == "box"]
    return [{name: float(r[name]) for name in ("x", "y", "width", "height")} for r in found]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_heights_are_pixels_and_widths_channels(name: str) -> None:
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    found, drawn = boxes(config, size, ()), rectangles(diagram(config, size))
    assert len(found) == len(drawn)
    least = 1.5
    scales = [(drawn_one["width"] - least) / box.width for box, drawn_one in zip(found, drawn, strict=True) if box.width >= 16]
    assert max(scales) == pytest.approx(min(scales), rel=0.02)
    pixels = [r["height"] / box.height for box, r in list(zip(found, drawn, strict=True))[1:] if r["height"] > least]
    assert max(pixels) == pytest.approx(min(pixels), rel=0.01)


def test_the_shapes_on_it_are_those_of_the_net() -> None:
    svg = diagram(PRESETS["densenet121"], 224)
    words = re.findall(r">([^<>]+)</tspan>", svg)
    assert words == [
        *("image", "3 × 224²", "stem", "64 × 56²", "block 1, × 6", "256 × 56²", "trans. 1", "128 × 28²", "block 2, × 12", "512 × 28²"),
        *("trans. 2", "256 × 14²", "block 3, × 24", "1024 × 14²", "trans. 3", "512 × 7²", "block 4, × 16", "1024 × 7²", "classes", "1000"),
    ]


def test_an_unfolded_block_has_a_box_for_each_layer() -> None:
    config = PRESETS["densenet121"]
    of = steps(config)
    folded, unfolded = diagram(config, 224), diagram(config, 224, (2,))
    assert [int(i) for i in re.findall(r'data-step="(\d+)"', folded)] == [i for i, step in enumerate(of) if step.kind != "dense"]
    there = [int(i) for i in re.findall(r'data-step="(\d+)"', unfolded)]
    assert there == [i for i, step in enumerate(of) if step.kind != "dense" or step.block == 2]
    assert len(rectangles(unfolded)) - len(rectangles(folded)) == 11
    assert folded.count('aria-expanded="false"') == 4
    assert unfolded.count('aria-expanded="false"') == 3


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "Block"])
def test_the_darkest_and_the_lightest_are_least_and_most(metric: str) -> None:
    config = PRESETS["densenet121"]
    value_of = METRICS[metric][1]
    assert value_of is not None
    svg = diagram(config, 224, (1, 2, 3, 4), metric)
    fills = {int(i): fill for i, fill in re.findall(r'data-step="(\d+)".*?class="reach".*?fill="(#\w+)" class="box"', svg)}
    values = [value_of(step) for step in steps(config)]
    assert fills[max(range(len(values)), key=values.__getitem__)] == AMOUNTS[-1]
    assert fills[min(range(len(values)), key=values.__getitem__)] == AMOUNTS[0]
    for i, value in enumerate(values):
        assert fills[i] == AMOUNTS[min(9, int(10 * value / max(values)))]


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    k=st.integers(1, 64),
    unfolded=st.sets(st.integers(1, 8)),
    stem=st.sampled_from(["imagenet", "cifar", "deep"]),
    metric=st.sampled_from(sorted(METRICS)),
)
def test_any_net_is_drawn_inside_the_picture(blocks: list[int], k: int, unfolded: set[int], stem: str, metric: str) -> None:
    config = DenseNetConfig(growth_rate=k, block_config=blocks, stem=stem)
    svg = diagram(config, config.smallest_image_size + 64, unfolded, metric)
    drawn = rectangles(svg)
    assert drawn[0]["x"] >= 0
    assert drawn[-1]["x"] + drawn[-1]["width"] <= WIDTH + 0.1
    for one, other in itertools.pairwise(drawn):
        assert one["x"] + one["width"] <= other["x"] + 0.02, "boxes do not cover each other"
    centres = [float(x) for x in re.findall(r'<tspan x="([\d.]+)"', svg)]
    assert all(0 <= x <= WIDTH for x in centres)


def test_labels_of_one_row_do_not_cover_each_other() -> None:
    for name, config in PRESETS.items():
        svg = diagram(config, PRESET_IMAGE_SIZE[name])
        rows: dict[str, list[tuple[float, float]]] = {}
        for y, x, words, shape in re.findall(r'<text[^>]* y="([\d.]+)"><tspan x="([\d.]+)">([^<]*)</tspan><tspan[^>]*>([^<]*)<', svg):
            half = 7.4 * max(len(words), len(shape)) / 2
            rows.setdefault(y, []).append((float(x) - half, float(x) + half))
        for row in rows.values():
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(row)), name


def test_a_saved_file_needs_nothing_of_the_page() -> None:
    svg = diagram(PRESETS["tiny"], 32, ink="#111111")
    assert "currentColor" not in svg
    assert "var(" not in svg
    with pytest.raises(ValueError, match="image_size must be"):
        diagram(PRESETS["densenet121"], 8)
