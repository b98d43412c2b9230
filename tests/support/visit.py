"""A visit to the page in a real browser, and what went wrong on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from densenet import totals
from densenet.arithmetic.costs import steps
from explorer.components.formatting import short
from explorer.page.address import from_query, to_query
from explorer.page.page_state import PageState
from tests.support.patience import PATIENCE_SECONDS, wait_until

# What the bars of Architecture's three charts add up to; an outline of A and the axis of sides are not among them.
BAR_SUMS = """() => [...document.querySelectorAll('#architecture .js-plotly-plot')].filter((c) => c.data).map((chart) =>
  chart.data.filter((t) => !t.yaxis || t.yaxis === 'y').reduce((sum, t) => sum + Array.from(t.y).reduce((a, b) => a + b, 0), 0))"""
# What is said of requests that were under way when their page was left: by Gradio's client, and by the browser.
_BROKEN_OFF = ("Connection errored out", "404: Not Found", "ERR_INCOMPLETE_CHUNKED_ENCODING", "network error")


class Visit:
    """A page, and what went wrong on it: errors in its console, and requests to any host but the app's own."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.problems: list[str] = []
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", self._own_host_only)

    def _note(self, problem: str) -> None:
        if "AbortError" not in problem:  # a request that the page itself broke off, for a newer one or on leaving
            self.problems.append(problem)

    def _own_host_only(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.problems.append(f"request to {request.url}")

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Leave the page and wait until another is drawn; that what it had under way is broken off, as it says then, is no fault."""
        before = len(self.problems)
        yield
        self.page.wait_for_function("document.querySelectorAll('.js-plotly-plot path').length > 3 || document.body.dataset.tab")
        self.page.wait_for_function("'opened' in document.documentElement.dataset")
        self.problems[before:] = [problem for problem in self.problems[before:] if not any(words in problem for words in _BROKEN_OFF)]

    def open(self, query: str = "") -> Page:
        """Go to the address with `query` and wait until its charts are drawn, or its tab where that is another."""
        with self.leaving():
            self.page.goto(f"{self.url}{query}")
        return self.page

    def reload(self) -> Page:
        """Load the page anew."""
        with self.leaving():
            self.page.reload()
        return self.page

    def opened_tab(self, tab: str) -> Page:
        """Open the `tab` of this name on the page as it is."""
        self.page.get_by_role("tab", name=tab, exact=True).click()
        return self.page

    def state(self) -> PageState:
        """What the address says; it must hold nothing that has to be corrected."""
        state, problems = from_query(dict(parse_qsl(urlparse(self.page.url).query)))
        assert problems == []
        return state

    def draws(self, state: PageState) -> None:
        """Wait until headline and charts show `state`."""
        stages = steps(state.config, state.workload.image_size)
        sums = [sum(s.inherited + s.new for s in stages), sum(s.params for s in stages), sum(s.macs for s in stages)]
        self.page.wait_for_function(f"sums => JSON.stringify(({BAR_SUMS})()) === sums", arg=str(sums).replace(" ", ""))
        expect(self.page.locator("#headline .tile-value").first).to_have_text(short(totals(state.config, state.workload.image_size).params))

    def shows(self, state: PageState) -> None:
        """Wait until address, headline and charts all show `state`; an address that was opened without a query stays so until then."""
        self.draws(state)
        self.page.wait_for_function("query => location.search.slice(1) === query", arg=to_query(state))

    def slider(self, label: str) -> Locator:
        """The slider itself, not the box for its number."""
        return self.page.get_by_label(f"range slider for {label}")

    def at_rest(self, label: str, value_of: Any) -> PageState:
        """Wait until the address holds the value that the slider `label` shows; return that state, which the page then shows too.

        `value_of(state)` is where the slider's value stands in the page's state.
        """
        number = self.page.get_by_label(f"number input for {label}")
        wait_until(
            lambda: float(number.input_value()) == pytest.approx(value_of(self.state())),
            f"{label} in the address",
        )
        state = self.state()
        self.shows(state)
        return state
