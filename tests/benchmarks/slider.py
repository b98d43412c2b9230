"""From a slider's event to three repainted charts, in headless Chromium: the app beside the same charts in gr.Plot.

python -m tests.benchmarks.slider [--moves 60] [--preset densenet201]
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from playwright.sync_api import Page, sync_playwright

from densenet import PRESETS
from densenet.arithmetic.costs import steps
from tests.support.serving import CHROMIUM_FLAGS, chromium, served

# One move: set the slider, wait until every chart has drawn the new net (its top bar tells), then for the frame that shows it.
_MOVE = """
async ([label, value, expected]) => {
  const slider = document.querySelector(`input[aria-label="range slider for ${label}"]`);
  const top = (chart) => { const bars = chart.data.filter((t) => !t.yaxis || t.yaxis === 'y');
    return bars.reduce((sum, trace) => sum + Array.from(trace.y).reduce((a, b) => a + b, 0), 0); };
  const started = performance.now();
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  set.call(slider, value);
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  const done = () => { const now = [...document.querySelectorAll('.js-plotly-plot')].slice(0, 3);
    return now.length === 3 && now.every((chart, i) => chart.data && top(chart) === expected[i] && chart.querySelector('path')); };
  while (!done()) {
    if (performance.now() - started > 10000) { return -1; }
    await new Promise((next) => requestAnimationFrame(next));
  }
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
  return performance.now() - started;
}
"""


def expected_sums(preset: str, growth_rate: int) -> list[int]:
    """What the bars of the three charts add up to: channels, parameters, multiply-accumulates."""
    from dataclasses import replace

    stages = steps(replace(PRESETS[preset], growth_rate=growth_rate))
    return [sum(s.inherited + s.new for s in stages), sum(s.params for s in stages), sum(s.macs for s in stages)]


def time_moves(page: Page, preset: str, moves: int) -> list[float]:
    """Return milliseconds from event to repaint for each of `moves` moves; the first three are warm-up and left out."""
    values = [20 + (7 * i) % 23 for i in range(moves + 3)]
    times: list[float] = []
    for i, value in enumerate(values):
        elapsed = page.evaluate(_MOVE, ["Growth rate k", value, expected_sums(preset, value)])
        if elapsed < 0:
            raise RuntimeError(f"the charts never showed growth rate {value}")
        page.wait_for_timeout(120)
        if i >= 3:
            times.append(elapsed)
    return times


def _row(name: str, times: list[float], reference: float) -> str:
    ordered = sorted(times)
    median, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"{name:<34}{median:>10.0f}{p95:>10.0f}{max(ordered):>10.0f}{median / reference:>10.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--preset", default="densenet121", choices=[n for n in PRESETS if PRESETS[n].stem == "imagenet"])
    arguments = parser.parse_args()
    servers: dict[str, tuple[Any, ...]] = {
        "explorer (persistent panels)": ("-m", "explorer"),
        "the same charts in gr.Plot": ("-m", "tests.benchmarks.gr_plot_app", "--preset", arguments.preset),
    }
    results: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        for name, command in servers.items():
            with served(*command) as (url, _):
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                page.goto(f"{url}?preset={arguments.preset}")
                page.wait_for_function("document.querySelectorAll('.js-plotly-plot path').length > 10")
                page.wait_for_timeout(8000)  # let the first live build finish
                results[name] = time_moves(page, arguments.preset, arguments.moves)
                page.close()
        browser.close()
    print(f"\n{arguments.preset}, {arguments.moves} moves, milliseconds from the slider's event to the repaint of three charts")
    print(f"{'':<34}{'median':>10}{'p95':>10}{'max':>10}{'ratio':>10}")
    reference = statistics.median(results["explorer (persistent panels)"])
    for name, times in results.items():
        print(_row(name, times, reference))


if __name__ == "__main__":
    main()
