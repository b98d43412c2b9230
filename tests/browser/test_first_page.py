"""The page as it opens, from an address too: published numbers, the net built for real, what a link holds."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Route, expect

from densenet import PRESETS, DenseNetConfig, totals
from explorer.components.formatting import short
from explorer.page.address import from_query
from explorer.page.page_state import PageState
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def test_first_page(visit: Visit) -> None:
    page = visit.open()
    expect(page.locator(".published")).to_contain_text("✓ 7,978,856")
    expect(page.locator(".published")).to_contain_text("✓ 2.834 GMACs")
    live = page.locator("#live")
    expect(live).to_contain_text("7,978,856 parameters ✓ as planned")
    expect(live).to_contain_text("1 × 3 × 224² → 1 × 1000")
    expect(live).to_contain_text("CPU")


def test_a_link_shows_the_same_page_elsewhere(visit: Visit) -> None:
    page = visit.open("?preset=densenet201&k=100&blocks=3-4-5&bn=0&theta=0.33&stem=cifar&size=64&batch=8&classes=37&in=1&drop=0.2&init=20")
    config = DenseNetConfig(
        growth_rate=100,
        block_config=(3, 4, 5),
        bn_size=0,
        compression=0.33,
        stem="cifar",
        num_classes=37,
        in_channels=1,
        drop_rate=0.2,
        num_init_features=20,
    )
    workload = replace(from_query({})[0].workload, image_size=64, batch_size=8)
    visit.shows(PageState("densenet201", config, workload))
    expect(page.locator("#corrections .notice")).to_have_count(0)


def test_rubbish_in_the_address_is_answered(visit: Visit) -> None:
    """What is not valid is said as text, not as markup, and the address then holds what is shown instead."""
    query = "preset=<b>x</b>&k=abc&blocks=99999-nan&bn=1e400&theta=-3&stem=%00&size=2&batch=∞&zz=1"
    page = visit.open(f"?{query}")
    notice = page.locator("#corrections .notice")
    expect(notice).to_contain_text("k='abc' is not a whole number from 1 to 512: 32 is shown instead.")
    expect(notice).to_contain_text("<b>x</b>")
    visit.shows(from_query(dict(parse_qsl(query)))[0])
    page.get_by_label("Dismiss").click()
    expect(notice).to_have_count(0)


def test_what_is_pressed_while_the_address_is_read_is_not_lost(visit: Visit) -> None:
    """The answer to the address is held back; who presses meanwhile is heard after it, not overwritten by it."""
    page = visit.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held or route.request.method != "POST":
            route.continue_()
        else:
            held.append(route)
            page.wait_for_timeout(1500)
            route.continue_()

    page.route("**/gradio_api/run/predict*", hold)
    page.goto(f"{visit.url}?preset=tiny")
    page.get_by_role("button", name="Pin as A").click()
    expect(page.locator("#headline .tile-change").first).to_have_text("as A")
    assert held
    expect(page.locator("#headline .tile-value").first).to_have_text(short(totals(PRESETS["tiny"]).params))
    page.wait_for_function("location.search.includes('a=preset')")
