"""The look: legible in every tab and view, by day and by night, and no scrolling sideways in a small window."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support import visit as support
from tests.support.photo_side import choose_sample, wait_for_maps
from tests.support.visit import Visit

pytestmark = pytest.mark.browser

_LEGIBLE = Path(support.__file__).with_name("legible.js").read_text(encoding="utf-8")
SMALLEST_PX = 13.9  # 14, as a browser rounds it
LEAST_CONTRAST, LEAST_OF_LARGE_TEXT = 4.5, 3.0  # WCAG 2.2, level AA
TABS = {  # tab -> what is there once it is drawn
    "Architecture": "#growth-chart .ytick text",
    "Memory": "#memory .note b",
    "Compare": "#compare table.two td",
    "Layers": "#layers-table [role=gridcell]",
    "Train": "#forecast :is(.published, .notice)",  # a sentence where the pictures are not here
}
VIEWS = {
    "Maps": "#maps figcaption",
    "Film strip": "#film figcaption",
    "Trust": "#checks .check >> nth=3",
    "Reuse": "#reuse-chart .hm",
    "Inside": "#inside img",
    "Lesion": "#lesion-chart .bars path >> nth=0",
}


# Whether each chart in sight has taken the page's colour, and the numbers at its axes, which are drawn after that, too.
_COLOURED = """() => {
  const colour = getComputedStyle(document.body).getPropertyValue('--body-text-color').trim();
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.color = colour;
  const drawn = getComputedStyle(probe).color;
  probe.remove();
  return [...document.querySelectorAll('.js-plotly-plot')].filter((chart) => chart.clientWidth).every((chart) =>
    chart._fullLayout.font.color === colour &&
    [...chart.querySelectorAll('.xtick text, .ytick text')].every((number) => getComputedStyle(number).fill === drawn));
}"""


def _faults(page: Page, where: str) -> list[list[str]]:
    return [[where, *fault] for fault in page.evaluate(_LEGIBLE, [SMALLEST_PX, LEAST_CONTRAST, LEAST_OF_LARGE_TEXT])]


def _faults_by_night_and_day(page: Page, where: str) -> list[list[str]]:
    """Charts take their colours when they are drawn, which a window of another width makes them be."""
    faults = _faults(page, f"{where}, dark")
    page.evaluate("document.body.classList.remove('dark')")
    page.set_viewport_size({"width": 1279, "height": 720})
    page.wait_for_function(_COLOURED)
    faults += _faults(page, f"{where}, light")
    page.evaluate("document.body.classList.add('dark')")
    page.set_viewport_size({"width": 1280, "height": 720})
    return faults


def test_every_tab_and_view_is_legible(visit: Visit) -> None:
    """With a photo loaded, by night and by day: no text under 14 pixels, none that stands out too little from what is behind it."""
    page = choose_sample(visit, "beagle", "__theme=dark")
    assert page.evaluate("document.body.classList.contains('dark')")
    wait_for_maps(page, 3)
    page.add_style_tag(content="* { transition: none !important; }")  # half-way from one colour to the other nothing is legible
    faults = []
    for view, drawn in VIEWS.items():
        page.get_by_role("tab", name=view, exact=True).click()
        expect(page.locator(drawn).first).to_be_visible()
        faults += _faults_by_night_and_day(page, view)
    for tab, drawn in TABS.items():
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.locator(drawn).first).to_be_visible()
        faults += _faults_by_night_and_day(page, tab)
    assert not faults, faults


def test_small_window(visit: Visit) -> None:
    """Nothing scrolls sideways, and charts are drawn as wide as their boxes when the sidebar goes."""
    visit.page.set_viewport_size({"width": 800, "height": 600})
    page = visit.open()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chart = page.locator("#growth-chart")
    expect(chart).to_be_visible()
    before = chart.evaluate("c => c.clientWidth")
    page.get_by_label("Toggle Sidebar").click()
    page.wait_for_function(
        """before => [...document.querySelectorAll('#architecture .js-plotly-plot')].every((c, i) =>
             Math.abs(c.clientWidth - c._fullLayout.width) <= 1 && (i > 0 || c.clientWidth > before))""",
        arg=before,
    )
