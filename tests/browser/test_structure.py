"""Structure: the connections join one after the other, the diagram unfolds, and what is pointed at is marked on every plot."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

from densenet import PRESETS
from densenet.arithmetic.costs import steps
from tests.support.visit import Visit

pytestmark = pytest.mark.browser
MARKED = "() => [...document.querySelectorAll('#architecture .chart-box')].map((box) => box.querySelectorAll('.band').length)"


def test_connections_join_one_after_the_other(visit: Visit) -> None:
    page = visit.open("?preset=densenet121&tab=Structure")
    arcs, cells = page.locator(".join-arcs .arc"), page.locator(".join-matrix .cell:not(.none):not(.behind)")
    expect(arcs).to_have_count(21)
    expect(cells).to_have_count(21)
    expect(page.locator(".join-count")).to_have_text("6 × 7 / 2 = 21 connections, a chain has 6")
    page.locator(".join-layers").fill("2")
    expect(arcs).to_have_count(3)
    expect(page.locator(".join-stacks")).to_contain_text("64 + 2 × 32 = 128 channels")
    page.locator(".join-layers").fill("6")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it was "Pause" until all had joined
    expect(arcs).to_have_count(21)
    page.get_by_role("button", name="Block 2").click()
    expect(arcs).to_have_count(78)
    visit.slider("Block 2").press("ArrowRight")
    expect(arcs).to_have_count(91)


def test_a_layer_of_the_connections_is_pointed_at_and_kept(visit: Visit) -> None:
    page = visit.open("?preset=densenet121&tab=Structure")
    page.locator(".join-arcs .node").nth(4).hover()
    expect(page.locator(".join-arcs .arc.into")).to_have_count(4)
    expect(page.locator(".join-arcs .arc.out")).to_have_count(2)
    page.evaluate("() => { const node = document.querySelector('.join-arcs .node.chosen'); node.dataset.kept = 'drawn once'; }")
    box = page.locator(".join-arcs .node").nth(4).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.move(box["x"] + 6, box["y"] + 6)
    expect(page.locator(".join-arcs .node.chosen")).to_have_attribute("data-kept", "drawn once")
    page.mouse.click(box["x"] + 6, box["y"] + 6)
    expect(page.locator(".layer-card")).to_contain_text("block 1, layer 4")
    page.mouse.move(2, 2)
    page.keyboard.press("Escape")
    expect(page.locator(".join-arcs .node.chosen")).to_have_count(0)


def test_the_diagram_unfolds_and_is_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("?preset=densenet121&tab=Structure")
    page.get_by_role("tab", name="Diagram").click()
    parts = page.locator("#diagram .part")
    expect(parts).to_have_count(9)  # stem, four blocks, three transitions, classes
    page.locator('#diagram [data-block="3"]').first.press("Enter")
    expect(parts).to_have_count(32)
    page.get_by_label("MACs", exact=True).click()
    expect(page.locator("#diagram")).to_contain_text("MACs")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    download.value.save_as(tmp_path / "net.svg")
    assert ElementTree.parse(tmp_path / "net.svg").getroot().tag.endswith("svg")
    page.locator('#diagram [data-step="24"]').click()
    card = page.locator(".layer-card")
    expect(card).to_contain_text(steps(PRESETS["densenet121"])[24].label)
    card.get_by_label("The next step").click()
    expect(card).to_contain_text(steps(PRESETS["densenet121"])[25].label)
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_what_is_pointed_at_is_marked_everywhere(visit: Visit) -> None:
    page = visit.open("?preset=densenet121")
    growth = page.locator("#growth-chart")
    growth.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"({MARKED})().every((count) => count === 3)")  # the step, what it reads, what reads it
    page.keyboard.press("Enter")
    card = page.locator(".layer-card")
    expect(card).to_contain_text("block 1, layer 3")
    expect(card).to_contain_text("Reads stem, layers 1 to 2 of block 1: 128 channels")
    visit.slider("Growth rate k").press("ArrowRight")
    expect(card).to_contain_text(re.compile("64 \\+ 3 × 33 = 163 channels"))
    visit.opened_tab("Structure")
    expect(page.locator(".join-arcs .node.chosen")).to_have_count(1)
    expect(page.locator(".join-arcs .arc.into")).to_have_count(3)
    expect(page.locator(".join-arcs .arc.out")).to_have_count(3)
    visit.opened_tab("Architecture")
    growth.focus()
    page.keyboard.press("Escape")
    page.wait_for_function(f"({MARKED})().every((count) => count === 0)")


def test_the_square_on_the_photo_follows_the_pointer(visit: Visit) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").first.click()
    page.locator(".class-row").first.wait_for()
    visit.opened_tab("Inside")
    tile = page.locator(".inside-maps img").first
    tile.wait_for()
    place = (
        "() => { const {left, top, width} = document.querySelector('.inside-square').style; return [left, top, width].map(parseFloat); }"
    )
    page.wait_for_function(f"({place})()[2] > 0")
    middle = page.evaluate(place)
    tile.hover(position={"x": 1, "y": 1})
    page.wait_for_function(f"({place})()[0] === 0")
    corner = page.evaluate(place)
    assert corner[:2] == [0, 0]
    assert middle[0] > 30
    page.mouse.move(2, 2)
    page.wait_for_function(f"({place})()[0] > 30")
