"""One page on every screen: each tab fits a phone, a tablet, a laptop and a large screen; on a phone charts stay in sight of a slider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.browser.conftest import visited
from tests.browser.test_look import TABS
from tests.support import visit as support
from tests.support.visit import Visit

pytestmark = pytest.mark.browser

SCREENS = {"phone": (390, 844), "tablet": (768, 1024), "laptop": (1280, 720), "large": (1920, 1080)}
TOUCHED = ("phone", "tablet")
LEAST_TARGET_PX, SMALLEST_PX = 40, 13.9  # a finger's; of text, 14 as a browser rounds it
EVERY_TAB = TABS | {"Predict": "#samples .gallery-item"}
MOVING = {  # tab -> what must be in sight while a slider moves
    "Architecture": "#growth-chart",
    "Memory": "#parts-chart",
    "Compare": "#compared-left",
    "Layers": "#layers-table .virtual-row >> nth=3",  # the first convolution that the growth rate changes
}
FITS, LEGIBLE = (Path(support.__file__).with_name(f"{name}.js").read_text(encoding="utf-8") for name in ("fits", "legible"))
# Where an element is, and whether nothing lies over its middle, its top or its bottom.
IN_SIGHT = """(node) => { const {left, right, top, bottom} = node.getBoundingClientRect(), x = (left + Math.min(right, innerWidth)) / 2;
  return top >= 0 && bottom <= innerHeight && [top + 3, (top + bottom) / 2, bottom - 3].every((y) => {
    const at = document.elementFromPoint(x, y); return at && (node.contains(at) || at.contains(node)); }); }"""
SHOWN = "(node) => node.data ? JSON.stringify(node.data.map((trace) => [trace.x, trace.y])) : node.innerText"


class Screen:
    """The page on one screen, touched with real touches."""

    def __init__(self, visit: Visit, name: str, session: CDPSession) -> None:
        self.visit, self.page, self.name, self.session = visit, visit.page, name, session

    def opened_tab(self, tab: str) -> Page:
        """Open `tab` and wait until it is drawn."""
        self.visit.opened_tab(tab)
        expect(self.page.locator(EVERY_TAB[tab]).first).to_be_visible()
        return self.page

    def touch(self, kind: str, x: float = 0, y: float = 0) -> None:
        """Put a finger down, move it, or take it away."""
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture(scope="module", params=SCREENS)
def screen(request: pytest.FixtureRequest, context: BrowserContext, server: tuple[str, int]) -> Iterator[Screen]:
    """One page for all tests on a screen."""
    with visited(context, server[0]) as visit:
        width, height = SCREENS[request.param]
        visit.page.set_viewport_size({"width": width, "height": height})
        session = context.new_cdp_session(visit.page)
        if request.param in TOUCHED:
            session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        visit.open("?preset=densenet_40_12")
        yield Screen(visit, request.param, session)


on_phone = pytest.mark.parametrize("screen", ["phone"], indirect=True)
on_laptop = pytest.mark.parametrize("screen", ["laptop"], indirect=True)


@pytest.mark.parametrize("tab", EVERY_TAB)
def test_each_tab_fits(screen: Screen, tab: str) -> None:
    """Nothing scrolls sideways, is cut off or lies over other words; no text is small, and no control too small for a finger."""
    page = screen.opened_tab(tab)
    faults = page.evaluate(FITS, [LEAST_TARGET_PX if screen.name in TOUCHED else 0])
    faults += page.evaluate(LEGIBLE, [SMALLEST_PX, 0, 0])
    assert faults == []


def test_a_photo_with_its_answers_and_maps_fits(screen: Screen) -> None:
    page = screen.opened_tab("Predict")
    page.locator("#samples .gallery-item").first.click()
    expect(page.locator(".class-row").first).to_be_visible()
    page.wait_for_function("document.querySelectorAll('#maps canvas').length >= 2")
    faults = page.evaluate(FITS, [LEAST_TARGET_PX if screen.name in TOUCHED else 0])
    assert faults + page.evaluate(LEGIBLE, [SMALLEST_PX, 0, 0]) == []


def test_charts_are_drawn_for_their_room(screen: Screen) -> None:
    """Short words and few ticks where they are narrow, high ones on a large screen; words beside lines end within the chart."""
    page = screen.opened_tab("Memory")
    narrow, parts, batch = screen.name in TOUCHED, page.locator("#parts-chart"), page.locator("#batch-chart")
    assert parts.locator(".ytick text").first.text_content() == ("all kept" if narrow else "training, all kept")
    assert parts.locator(".xtick").count() <= (5 if narrow else 8)
    assert batch.evaluate("chart => chart.clientHeight") == (294 if screen.name == "large" else 196)
    ends = batch.evaluate("""chart => [...chart.querySelectorAll('.shape-label')].map((words) =>
      [words.textContent, chart.getBoundingClientRect().right - words.getBoundingClientRect().right])""")
    assert len(ends) >= 5
    assert [end for end in ends if end[1] < 0] == []


@on_phone
@pytest.mark.parametrize("tab", MOVING)
def test_headline_and_chart_are_in_sight_while_a_finger_moves_a_slider(screen: Screen, tab: str) -> None:
    """The chart changes before the finger is taken away."""
    page = screen.opened_tab(tab)
    chart, slider = page.locator(MOVING[tab]).first, screen.visit.slider("Growth rate k")
    before, box = chart.evaluate(SHOWN), slider.bounding_box()
    assert box is not None
    middle, share = box["y"] + box["height"] / 2, float(slider.input_value()) / 64
    screen.touch("touchStart", box["x"] + share * box["width"], middle)
    for step in range(1, 6):
        screen.touch("touchMove", box["x"] + (share + 0.04 * step) * box["width"], middle)
    page.wait_for_function(f"([node, before]) => ({SHOWN})(node) !== before", arg=[chart.element_handle(), before])
    seen = {place: page.locator(place).first.evaluate(IN_SIGHT) for place in ("#headline", MOVING[tab])}
    screen.touch("touchEnd")
    assert seen == dict.fromkeys(seen, True)
    page.locator("#reset").click()


def _sheet_px(page: Page) -> Any:
    return page.evaluate("innerHeight - document.querySelector('#sidebar').getBoundingClientRect().top")


@on_phone
def test_the_sheet_is_pulled_and_folded(screen: Screen) -> None:
    """Pulled high it shows all sliders, of which a finger leaves only the one that it moves; pulled to the foot it is folded."""
    page = screen.opened_tab("Architecture")
    handle = page.get_by_label("Toggle Sidebar")

    def pull(to_y: float) -> None:
        box = handle.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        screen.touch("touchStart", x, y)
        for part in (0.3, 0.6, 1.0):
            screen.touch("touchMove", x, y + part * (to_y - y))
        screen.touch("touchEnd")

    pull(120)
    assert _sheet_px(page) > 700
    slider = screen.visit.slider("Batch size")
    box = slider.bounding_box()
    assert box is not None
    screen.touch("touchStart", box["x"] + 20, box["y"] + box["height"] / 2)
    expect(page.locator("#sidebar .block.moving")).to_have_count(1)
    assert page.locator("#sidebar .preset-row").evaluate("row => getComputedStyle(row.querySelector('.block')).opacity") == "0"
    screen.touch("touchEnd")
    expect(page.locator("#sidebar .block.moving")).to_have_count(0)
    pull(840)
    expect(page.locator("#sidebar.open")).to_have_count(0)
    assert _sheet_px(page) <= 48
    handle.click(position={"x": 60, "y": 20})  # what a tap becomes
    expect(screen.visit.slider("Growth rate k")).to_be_visible()
    assert 200 < _sheet_px(page) < 400, "as high as at first"


@on_phone
def test_a_finger_on_a_chart_scrolls_the_page(screen: Screen) -> None:
    page = screen.opened_tab("Architecture")
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#growth-chart").bounding_box()
    assert box is not None
    screen.touch("touchStart", 200, box["y"] + 200)
    for step in range(1, 9):
        screen.touch("touchMove", 200, box["y"] + 200 - 15 * step)
    screen.touch("touchEnd")
    page.wait_for_function("scrollY > 40")
    page.evaluate("scrollTo(0, 0)")


@on_laptop
def test_the_sliders_are_out_of_the_way_where_they_show_nothing(screen: Screen) -> None:
    """They fold by themselves and come back, unless the visitor closed them himself; what he opened stays open."""
    sidebar, toggle = screen.page.locator("#sidebar.open"), screen.page.get_by_label("Toggle Sidebar")

    def opens(tab: str, *, open_there: bool) -> None:
        screen.opened_tab(tab)
        expect(sidebar).to_have_count(int(open_there))

    opens("Memory", open_there=True)
    opens("Predict", open_there=False)
    opens("Train", open_there=False)
    opens("Layers", open_there=True)
    toggle.click()
    opens("Predict", open_there=False)
    opens("Memory", open_there=False)
    toggle.click()
    opens("Train", open_there=False)
    toggle.click()
    opens("Memory", open_there=True)
    opens("Train", open_there=True)
    toggle.click()
    opens("Architecture", open_there=True)


@on_laptop
def test_train_says_which_net_it_is_about_and_its_sliders_are_one_press_away(screen: Screen) -> None:
    """From an address too."""
    page = screen.visit.open("?preset=densenet169&k=24&tab=Train")
    net = page.locator(".net-of-sliders")
    expect(net).to_contain_text("k = 24, blocks 6-12-32-32")
    expect(page.locator("#sidebar.open")).to_have_count(0)
    net.get_by_role("button", name="Change it").click()
    expect(page.locator("#about-sliders")).to_contain_text("Train trains this net")
    screen.visit.slider("Growth rate k").press("ArrowRight")
    expect(net).to_contain_text("k = 25, blocks 6-12-32-32")
    screen.opened_tab("Compare")
    expect(net).to_be_hidden()
