"""Train: the digits from Start to a drawing that is recognised; a folder of pictures from its forecast to a net in Predict."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.patience import LOW_PRIORITY_PATIENCE_SECONDS
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def draw(page: Page, *strokes: list[tuple[float, float]]) -> None:
    """Draw with the mouse on the canvas; places are fractions of its side."""
    box = page.locator("#drawing canvas").bounding_box()
    assert box is not None
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            if not i:
                page.mouse.down()
        page.mouse.up()


def test_digits_from_start_to_a_drawing(visit: Visit) -> None:
    page = visit.open("?preset=tiny")
    visit.opened_tab("Train")
    expect(page.locator("#forecast")).to_contain_text("1,442 pictures")
    expect(page.locator("#curves-of-training .js-plotly-plot")).to_have_count(0)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#loss-chart path.js-line").first).to_be_visible(timeout=1000 * LOW_PRIORITY_PATIENCE_SECONDS)
    expect(page.locator("#training")).to_contain_text("finished", timeout=1000 * LOW_PRIORITY_PATIENCE_SECONDS)
    page.get_by_role("button", name="Try it in Predict").click()
    expect(page.locator("#drawing canvas")).to_be_in_viewport(ratio=1)
    draw(page, [(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)])
    expect(page.locator("#answers .class-name").first).to_have_text("7")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#answers .class-row")).to_have_count(0)
    assert visit.page.url.endswith("tab=Predict")


def test_what_is_not_here_cannot_be_started(visit: Visit) -> None:
    page = visit.open("?preset=tiny")
    visit.opened_tab("Train")
    page.get_by_label("Pictures").click()
    page.get_by_role("option", name="CIFAR-100").click()
    expect(page.locator("#forecast")).to_contain_text("CIFAR-100 is not on this machine")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_a_net_that_fits_is_put_into_the_sliders(visit: Visit) -> None:
    page = visit.open("?preset=densenet121")
    visit.opened_tab("Train")
    page.get_by_text("More: size, recipe").click()
    page.locator("#fit-net").click()
    expect(page.locator(".net-of-sliders")).to_contain_text("k = 12, blocks 3-3")
    expect(page.get_by_label("Net (a file's path may be typed)")).to_have_value("the sliders' net")
    expect(page.locator("#fitted")).to_contain_text("The sliders show it now. A small net, k = 12 with blocks of 3-3 layers")


def test_a_training_is_watched(visit: Visit, tmp_path: Path) -> None:
    for name, base in (("dark", 40), ("light", 200)):
        folder = tmp_path / name
        folder.mkdir()
        for i in range(30):
            Image.fromarray(np.random.default_rng(i).integers(base - 30, base + 30, (16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    page = visit.open("?preset=tiny")
    page.get_by_role("tab", name="Train").click()
    page.get_by_label("Pictures").click()
    page.get_by_role("option", name="a folder of classes").click()
    page.get_by_label("Folder", exact=True).fill(str(tmp_path))
    page.get_by_text("More: size, recipe").click()
    page.get_by_label("Size, px").fill("16")
    page.get_by_label("Epochs", exact=True).fill("3")
    page.get_by_label("Batch", exact=True).fill("8")
    page.keyboard.press("Tab")
    expect(page.locator("#forecast")).to_contain_text("60 pictures")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#training")).to_contain_text("finished", timeout=1000 * LOW_PRIORITY_PATIENCE_SECONDS)
    expect(page.locator("#confusion-chart .hm").first).to_be_visible()
    expect(page.locator("#looked-at .filters .over")).to_have_text("First convolution after epoch 3")
    expect(page.locator("#looked-at .answered")).to_have_count(6)  # all that are held out
    expect(page.locator("#gradients-chart .js-line").first).to_be_attached()
    page.get_by_label("number input for Epoch looked at").fill("1")
    page.keyboard.press("Tab")
    expect(page.locator("#looked-at .filters .over")).to_have_text("First convolution after epoch 1")
    page.get_by_role("tab", name="Predict").click()
    page.get_by_label("Nets, side by side").click()
    expect(page.get_by_role("option", name=re.compile("trained here")).first).to_be_visible()
