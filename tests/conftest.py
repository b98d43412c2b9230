"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.serving import CHROMIUM_FLAGS, chromium, served

settings.register_profile("shared machine", deadline=None)  # a busy core is no failure
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Address and process id of the app, started as its users start it, without a network and with an empty weights folder."""
    folder = tmp_path_factory.mktemp("weights")
    env = {"GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("uploads"))}
    with served("-m", "explorer", "--offline", "--device", "cpu", "--weights-dir", str(folder), env=env) as (url, pid):
        yield url, pid


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium; on a machine without one the tests that need it are skipped, but never in CI."""
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium")
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield instance
        instance.close()
