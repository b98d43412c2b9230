"""Train: a training on a folder of pictures is forecast, watched to its end, and joins Predict."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.patience import LOW_PRIORITY_PATIENCE_SECONDS
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


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
    page.get_by_label(re.compile("Folder, if")).fill(str(tmp_path))
    page.get_by_label("Size, px").fill("16")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Batch", exact=True).fill("8")
    page.keyboard.press("Tab")
    expect(page.locator("#forecast")).to_contain_text("60 pictures")
    page.get_by_role("button", name="Start").click()
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
    expect(page.get_by_role("option", name=re.compile("trained here"))).to_be_visible()
