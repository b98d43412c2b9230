"""A headless Chromium, and a visit to the app with it that must end without an error on the page."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import CHROMIUM_FLAGS, chromium
from tests.support.visit import Visit

expect.set_options(timeout=1000 * PATIENCE_SECONDS)
VIEWPORT = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; on a machine without one the tests that need it are skipped, but never in CI."""
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium")
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One window for all visits: the page's scripts are fetched and compiled once."""
    one = browser.new_context(viewport=VIEWPORT, accept_downloads=True)
    one.set_default_timeout(1000 * PATIENCE_SECONDS)
    yield one
    one.close()


@pytest.fixture
def visit(context: BrowserContext, server: tuple[str, int]) -> Iterator[Visit]:
    """A new page at the app of `server`: a session of its own, closed at the end."""
    current = Visit(context.new_page(), server[0])
    yield current
    problems = list(current.problems)  # before the page is closed, which breaks off its open streams
    current.page.close()
    assert problems == []
