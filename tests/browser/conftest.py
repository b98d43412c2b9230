"""A headless Chromium, and a visit to the app with it that must end without an error on the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from densenet.predict import classify
from tests.support.patience import PATIENCE_SECONDS
from tests.support.photo_side import choose_sample, embedded, photo_of, wait_for_maps
from tests.support.serving import CHROMIUM_FLAGS, chromium
from tests.support.visit import Visit

expect.set_options(timeout=1000 * PATIENCE_SECONDS)
VIEWPORT = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One headless Chromium for all visits, which keeps the page's scripts as it has compiled them.

    On a machine without one the tests that need it are skipped, but never in CI.
    """
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium")
        pytest.skip("no Chromium is installed")
    profile = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch_persistent_context(profile, executable_path=path, args=list(CHROMIUM_FLAGS), viewport=VIEWPORT)
        one.set_default_timeout(1000 * PATIENCE_SECONDS)
        yield one
        one.close()


@contextmanager
def visited(context: BrowserContext, url: str) -> Iterator[Visit]:
    """A new page: a session of its own, closed at the end."""
    current = Visit(context.new_page(), url)
    yield current
    problems = list(current.problems)  # before the page is closed, which breaks off its open streams
    current.page.close()
    assert problems == []


@pytest.fixture
def visit(context: BrowserContext, server: tuple[str, int]) -> Iterator[Visit]:
    """A new page at the app of `server`."""
    with visited(context, server[0]) as current:
        yield current


@pytest.fixture(scope="module")
def one_visit(context: BrowserContext, server: tuple[str, int]) -> Iterator[Visit]:
    """One page for all tests of a file that can share it: to open it takes longer than most of them."""
    with visited(context, server[0]) as current:
        yield current


@pytest.fixture(scope="module")
def beagle_visit(one_visit: Visit) -> Visit:
    """The page of a file's tests, at the Predict tab, with the beagle and three maps."""
    wait_for_maps(choose_sample(one_visit, "beagle"), 3)
    return one_visit


@pytest.fixture
def beagle(beagle_visit: Visit) -> Page:
    """That page, asked for the likeliest class, with its maps as they are first shown."""
    page = beagle_visit.opened_tab("Maps")
    page.locator(".class-row").first.click()
    expect(page.locator("#maps .map-head")).to_contain_text(f"Why {classify(embedded(), photo_of('beagle'), 1)[0].label}?")
    wait_for_maps(page, 3)
    page.locator("#maps .uncover").fill("1")
    return page
