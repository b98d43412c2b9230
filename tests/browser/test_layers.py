"""Layers: the table follows the net, can be filtered, and is saved whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from densenet import plan, totals
from explorer.page.address import from_query
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def test_the_table_follows_is_filtered_and_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("?preset=tiny")
    page.get_by_role("tab", name="Layers").click()
    table = page.locator("#layers-table")
    expect(table).to_contain_text("features.denseblock1.denselayer2.cat")
    visit.slider("Growth rate k").press("ArrowRight")
    config = replace(from_query({"preset": "tiny"})[0].config, growth_rate=5)
    expect(table).to_contain_text("900")  # conv2 of the wider net: 20 × 5 × 3²
    filter_box = table.get_by_placeholder("Filter")
    filter_box.fill("denselayer2")
    expect(table).not_to_contain_text("features.conv0")
    paths = [row.path for row in plan(config, 32) if "denselayer2" in row.path]
    for path in paths:
        expect(table).to_contain_text(path)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "layers.csv")
    assert download.value.suggested_filename == "densenet-layers.csv"
    lines = (tmp_path / "layers.csv").read_text().splitlines()
    assert sum(int(line.split(",")[-2]) for line in lines[1:]) == totals(config, 32).params, "all rows, filtered or not"
    page.get_by_role("button", name="torchinfo's summary").click()
    expect(page.locator("#torchinfo")).to_contain_text(f"Total params: {totals(config, 32).params:,}")
