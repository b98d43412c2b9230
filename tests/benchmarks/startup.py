"""From the process to the first page, and to its first charts, beside an empty Gradio app.

python -m tests.benchmarks.startup [--runs 5]
"""

from __future__ import annotations

import argparse
import statistics
import time

from playwright.sync_api import sync_playwright

from tests.support.serving import CHROMIUM_FLAGS, chromium, served

_SERVERS = {
    "explorer": (("-m", "explorer"), "document.querySelectorAll('.js-plotly-plot path').length > 100"),
    "empty Gradio app": (("-m", "tests.benchmarks.empty_app"), "document.body.innerText.includes('An empty app')"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    answered: dict[str, list[float]] = {name: [] for name in _SERVERS}
    drawn: dict[str, list[float]] = {name: [] for name in _SERVERS}
    with sync_playwright() as playwright:
        for _ in range(runs):
            for name, (command, ready) in _SERVERS.items():
                browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                started = time.perf_counter()
                with served(*command) as (url, _):
                    answered[name].append(time.perf_counter() - started)
                    page.goto(url)
                    page.wait_for_function(ready, timeout=60_000)
                    drawn[name].append(time.perf_counter() - started)
                browser.close()
    print(f"seconds from the start of the process, median of {runs} runs in turn")
    print(f"{'':<20}{'server answers':>16}{'first charts or text':>22}{'ratio':>8}")
    reference = statistics.median(drawn["empty Gradio app"])
    for name in _SERVERS:
        shown = statistics.median(drawn[name])
        print(f"{name:<20}{statistics.median(answered[name]):>16.1f}{shown:>22.1f}{shown / reference:>8.2f}")


if __name__ == "__main__":
    main()
