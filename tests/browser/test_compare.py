"""Compare: a net that is pinned as A stays in headline, charts, tables and link; other nets are counted and measured beside it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def test_pinned_and_compared(visit: Visit) -> None:
    page = visit.open("?preset=tiny")
    page.get_by_role("button", name="Pin as A").click()
    expect(page.locator("#headline .tile-change").first).to_have_text("as A")
    page.get_by_label("number input for Growth rate k").fill("6")
    page.keyboard.press("Tab")
    expect(page.locator("#headline .tile-change").first).to_contain_text("vs A")
    page.wait_for_function("document.querySelector('#growth-chart').data.some((trace) => trace.name === 'A')")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#compare table.two")).to_contain_text("growth rate k")
    page.wait_for_function("location.search.includes('tab=Compare') && location.search.includes('a=preset')")
    visit.reload()
    expect(page.locator("#compare table.two")).to_contain_text("growth rate k")
    expect(page.get_by_role("button", name="Unpin A")).to_be_visible()


def test_every_view_is_drawn_and_leads_to_memory(visit: Visit) -> None:
    page = visit.open("?preset=tiny&batch=2&tab=Compare")
    page.get_by_label("Other nets").click()
    expect(page.locator("#compare table.bars")).to_contain_text("ResNet-50")
    cells = page.locator("#compare table.bars td small")
    expect(cells).to_have_text(["estimated"] * 10)
    page.get_by_role("button", name="Measure memory").click()
    expect(cells).to_have_text([re.compile(r"^measured; estimate [+\u2212]\d\.\d\d\s%$")] * 10)
    for view, place in (("B and C", "table.bars"), ("Accuracy", "#compared-right .js-line"), ("Tutorials", ".columns")):
        page.get_by_label(view, exact=True).click()
        expect(page.locator(f"#compare {place}").first).to_be_visible()
    with visit.leaving(), page.expect_navigation():
        page.get_by_role("link", name="Show it on the Memory tab").click()
    expect(page.locator("#batch-chart .shape-label").last).to_be_visible()
    page.wait_for_function("new URLSearchParams(location.search).get('batch') === '64'")
    page.wait_for_function("document.querySelector('#batch-chart').textContent.includes('4065 MiB shown: 64')")
