"""The sidebar: each slider by keyboard, two by a fast drag, presets, blocks, and an input that is too small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from explorer.page.address import from_query, to_query
from explorer.page.page_state import PageState
from tests.support.visit import BAR_SUMS, Visit

pytestmark = pytest.mark.browser

SLIDERS: dict[str, Callable[[PageState], float]] = {  # label -> where its value stands in the page's state
    "Growth rate k": lambda s: s.config.growth_rate,
    "Block 1 layers": lambda s: s.config.block_config[0],
    "Block 2 layers": lambda s: s.config.block_config[1],
    "Block 3 layers": lambda s: s.config.block_config[2],
    "Block 4 layers": lambda s: s.config.block_config[3],
    "Bottleneck bn_size (0: none)": lambda s: s.config.bn_size,
    "Compression θ": lambda s: s.config.compression,
    "Input size, pixels": lambda s: s.workload.image_size,
    "Batch size": lambda s: s.workload.batch_size,
    "Stem width": lambda s: s.config.num_init_features,
    "Dropout": lambda s: s.config.drop_rate,
}


TINY = from_query({"preset": "tiny"})[0]
FOUR_BLOCKS = from_query({"preset": "tiny", "blocks": "2-2-2-2", "size": "64"})[0]


@pytest.fixture(scope="module")
def opened(one_visit: Visit) -> Visit:
    """The page of these tests, with a net that is small enough for each of its real builds to take a moment."""
    one_visit.open(f"?{to_query(FOUR_BLOCKS)}")
    return one_visit


@pytest.fixture
def at_start(opened: Visit) -> Visit:
    """That page, with its preset untouched."""
    opened.page.locator("#reset").click()
    opened.draws(TINY)
    return opened


def test_every_slider_by_keyboard(opened: Visit) -> None:
    """Three steps to the right move this slider's value and no other's."""
    visit = opened
    visit.page.get_by_text("Stem, dropout, channels, classes").click()
    before = FOUR_BLOCKS
    visit.draws(before)
    for label, value_of in SLIDERS.items():
        slider = visit.slider(label)
        slider.focus()
        for _ in range(3):
            slider.press("ArrowRight")
        after = visit.at_rest(label, value_of)
        assert value_of(after) > value_of(before), label
        others = [other for other in SLIDERS if other != label]
        assert [SLIDERS[other](after) for other in others] == [SLIDERS[other](before) for other in others], label
        before = after


@pytest.mark.parametrize("label", ["Growth rate k", "Input size, pixels"])
def test_a_drag_ends_at_its_last_value(at_start: Visit, label: str) -> None:
    visit, page = at_start, at_start.page
    box = visit.slider(label).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    for i in range(20):  # faster than anything can be drawn: the last state must be right all the same
        page.mouse.move(box["x"] + (0.2 + 0.03 * i) * box["width"], middle)
    page.mouse.up()
    after = visit.at_rest(label, SLIDERS[label])
    low, high = (float(visit.slider(label).get_attribute(end) or "nan") for end in ("min", "max"))
    share = (SLIDERS[label](after) - low) / (high - low)
    assert share == pytest.approx(0.77, abs=0.04), "where the pointer was let go"


def test_preset_and_reset(visit: Visit) -> None:
    page = visit.open()
    page.get_by_label("Preset").click()
    page.get_by_role("option", name="CIFAR-BC, L=100, k=12").click()
    bc = from_query({"preset": "densenet_bc_100_12"})[0]
    visit.shows(bc)
    expect(page.locator(".published")).to_contain_text("✓ 0.8 M")
    visit.slider("Growth rate k").press("ArrowRight")
    visit.shows(replace(bc, config=replace(bc.config, growth_rate=13)))
    expect(page.locator("#headline")).to_contain_text("vs preset")
    page.locator("#reset").click()
    visit.shows(bc)


def test_blocks_are_added_and_removed(visit: Visit) -> None:
    page = visit.open("?preset=tiny&blocks=2-3&size=512")
    state = from_query({"preset": "tiny", "blocks": "2-3", "size": "512"})[0]
    visit.draws(state)

    def shown_with(blocks: tuple[int, ...]) -> None:
        visit.shows(replace(state, config=replace(state.config, block_config=blocks)))

    page.locator("#add-block").click()
    shown_with((2, 3, 3))
    expect(visit.slider("Block 3 layers")).to_be_visible()
    for blocks in ((2, 3), (2,)):
        page.locator("#remove-block").click()
        shown_with(blocks)
    expect(page.locator("#remove-block")).to_be_disabled()
    for count in range(2, 9):
        page.locator("#add-block").click()
        expect(visit.slider(f"Block {count} layers")).to_be_visible()
    shown_with((2,) * 8)
    expect(page.locator("#add-block")).to_be_disabled()


def test_too_small_an_input_keeps_the_charts_and_offers_the_smallest(visit: Visit) -> None:
    page = visit.open()
    visit.draws(from_query({})[0])
    before = page.evaluate(BAR_SUMS)
    visit.slider("Input size, pixels").press("Home")
    expect(page.locator("#notices .notice")).to_contain_text("too small for these 4 blocks")
    assert page.evaluate(BAR_SUMS) == before
    page.locator("#notices .repair").click()
    start = from_query({})[0]
    visit.shows(replace(start, workload=replace(start.workload, image_size=29)))
    expect(page.locator("#notices .notice")).to_have_count(0)


def test_zoom_survives_an_update(at_start: Visit) -> None:
    visit, page = at_start, at_start.page
    page.evaluate("Plotly.relayout(document.querySelector('#params-chart'), {'xaxis.range': [5, 20]})")
    page.evaluate("document.querySelector('#params-chart').dataset.mark = 'same'")
    visit.slider("Growth rate k").press("ArrowRight")
    visit.shows(replace(TINY, config=replace(TINY.config, growth_rate=5)))
    assert page.locator("#params-chart").get_attribute("data-mark") == "same"
    assert page.evaluate("document.querySelector('#params-chart')._fullLayout.xaxis.range") == [5, 20]


TITLES = """() => ['growth-chart', 'params-chart'].map((name) => {
  const chart = document.getElementById(name), box = chart.parentElement, at = chart.getBoundingClientRect();
  const title = box.querySelector('.xaxis-title').getBoundingClientRect(), {_offset, _length} = chart._fullLayout.xaxis;
  return {first: box.firstElementChild.className, off: title.x + title.width / 2 - at.x - _offset - _length / 2};
})"""


def test_titles_stand_over_their_chart_and_in_the_middle_of_their_axis(at_start: Visit) -> None:
    for seen in at_start.page.evaluate(TITLES):
        assert seen["first"] == "chart-title"
        assert abs(seen["off"]) < 2, "pixels from the axis's middle"
