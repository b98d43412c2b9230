"""Film strip and Trust: both follow the class that is asked, and each map asks for its own checks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.photo_side import embedded, wait_for_maps

pytestmark = pytest.mark.browser

_JUDGED = """([map, before]) => { const checks = document.querySelector('#checks'), figure = document.querySelector('#trust-map figure');
  return checks && figure && checks.querySelectorAll('.check').length === 4 && !checks.textContent.includes('checking')
    && checks.innerText !== before && figure.innerText.includes(map); }"""


def _wait_for_checks(page: Page, map_title: str, before: str = "") -> str:
    """Wait until all four checks of this map are there, and other than `before`; returns their text."""
    page.wait_for_function(_JUDGED, arg=[map_title, before])
    return page.locator("#checks").inner_text()


def test_film_strip(beagle: Page) -> None:
    page = beagle
    page.get_by_role("tab", name="Film strip").click()
    wait_for_maps(page, len(embedded().config.block_config), "#film")
    expect(page.locator("#film .scale-says")).to_have_text("one scale for all")
    assert len(set(page.locator("#film .scale span:last-child").all_inner_texts())) == 1


def test_each_map_asks_for_its_own_checks(beagle: Page) -> None:
    """Whatever the view judged before, and for the class that is asked."""
    page = beagle
    checks = ""
    for title in ("Saliency", "Grad-CAM", "Saliency"):
        page.locator("#maps figure", has_text=title).get_by_role("button", name="Can it be trusted?").click()
        checks = _wait_for_checks(page, title, checks)
        expect(page.get_by_label("Method", exact=True)).to_have_value(title)
        expect(page.locator("#insertion-chart .js-line").first).to_be_visible()
        page.get_by_role("tab", name="Maps", exact=True).click()
        wait_for_maps(page, 3)


def test_an_open_view_follows_the_class(beagle: Page) -> None:
    page = beagle
    page.locator("#maps figure", has_text="Grad-CAM").get_by_role("button", name="Can it be trusted?").click()
    first = _wait_for_checks(page, "Grad-CAM")
    page.locator(".class-row").nth(1).click()
    _wait_for_checks(page, "Grad-CAM", first)
    expect(page.locator("#trust-map .map-head")).to_contain_text(f"Why {page.locator('.class-name').nth(1).inner_text()}?")
