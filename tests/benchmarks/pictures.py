"""Take the README's pictures of the running app anew, in headless Chromium, with whatever nets are embedded now.

python -m tests.benchmarks.pictures [--only NAME,NAME] [--to DIR]

1280 x 720 pixels each (a phone: 390 x 844), and `in-use.webp`, the first minutes in moving pictures. Look at each of
them before it is committed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from explorer.tabs.predict.tab import SAMPLES
from tests.support.serving import CHROMIUM_FLAGS, ROOT, chromium, served

_PATIENCE_MS = 240_000
_OPENED = "'opened' in document.documentElement.dataset"
_DRAWN = """(panel) => { const words = [...document.querySelectorAll(`${panel} figcaption > span`)].map((span) => span.textContent);
  return document.querySelector(`${panel} canvas`) !== null && !words.some((text) => /waiting|computing|[0-9] %/.test(text)); }"""
_SETTLED_MS = 1500  # fades and the last of the drawing
_FRAME_PX, _FRAME_MS = (960, 540), 1800

Frames = list[bytes]


class Visit:
    """One page of the app, and where its pictures go."""

    def __init__(self, page: Page, url: str, folder: Path, frames: Frames) -> None:
        self.page, self.url, self.folder, self.frames = page, url, folder, frames
        page.set_default_timeout(_PATIENCE_MS)

    def open(self, query: str = "", theme: str = "light") -> None:
        self.page.goto(f"{self.url}?__theme={theme}{query}")
        self.page.wait_for_function(_OPENED)
        self.page.wait_for_timeout(2 * _SETTLED_MS)

    def sample(self, name: str) -> None:
        place = [path.stem for path in SAMPLES].index(name)
        self.page.locator("#samples .gallery-item").nth(place).click()
        self.page.locator(".class-row").first.wait_for()
        self.drawn("#maps")

    def view(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def drawn(self, panel: str) -> None:
        self.page.wait_for_function(_DRAWN, arg=panel)
        self.page.wait_for_timeout(_SETTLED_MS)

    def take(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"screenshot-{name}.png")
        print(name, flush=True)

    def frame(self) -> None:
        self.frames.append(self.page.screenshot())


def light(visit: Visit) -> None:
    """The first page, and how a slider moves it."""
    visit.open()
    visit.page.wait_for_function("/as planned/.test(document.body.textContent)")
    visit.page.wait_for_timeout(_SETTLED_MS)
    visit.take("light")
    for growth_rate in (32, 40, 48):
        visit.page.get_by_label("range slider for Growth rate").first.fill(str(growth_rate))
        visit.page.wait_for_timeout(2 * _SETTLED_MS)
        visit.frame()


def structure(visit: Visit) -> None:
    """The connections of a block while its layers join, and the diagram with a block unfolded."""
    visit.open("&tab=Structure")
    visit.page.locator(".join-layers").fill("4")
    visit.page.wait_for_timeout(_SETTLED_MS)
    visit.take("structure")
    visit.frame()
    visit.view("Diagram")
    visit.page.locator('#diagram [data-block="3"]').first.press("Enter")
    visit.page.locator('#diagram [data-step="24"]').wait_for()
    visit.page.wait_for_timeout(_SETTLED_MS)
    visit.take("diagram")


def memory_dark(visit: Visit) -> None:
    """The Memory tab, dark."""
    visit.open("&tab=Memory", theme="dark")
    visit.page.wait_for_timeout(4 * _SETTLED_MS)
    visit.take("memory-dark")


def predict(visit: Visit) -> None:
    """A photo: what the net says, and the views of why."""
    visit.open("&tab=Predict")
    visit.sample("beagle")
    visit.take("predict")
    visit.frame()
    visit.view("Film strip")
    visit.drawn("#film")
    visit.take("film")
    visit.frame()
    visit.view("Trust")
    visit.page.locator("#insertion-chart .js-line").first.wait_for()
    visit.page.wait_for_function("!/computing|waiting/.test(document.querySelector('#checks').textContent)")
    visit.page.wait_for_timeout(4 * _SETTLED_MS)
    visit.take("trust")
    visit.view("Reuse")
    visit.page.wait_for_timeout(4 * _SETTLED_MS)
    visit.take("reuse")


def foreign(visit: Visit) -> None:
    """A photo of what the net does not know."""
    visit.open("&tab=Predict")
    visit.sample("elephant")
    visit.page.locator(".answer.foreign").first.wait_for()
    visit.take("foreign")
    visit.frame()


def train(visit: Visit) -> None:
    """Digits, from the press of Start to a net."""
    visit.open("&tab=Train")
    visit.page.get_by_role("button", name="Start", exact=True).click()
    visit.page.locator("#loss-chart .js-line").first.wait_for()
    visit.page.get_by_role("button", name="Try it in Predict").wait_for()
    visit.page.wait_for_timeout(2 * _SETTLED_MS)
    visit.take("train")
    visit.frame()


def phone(visit: Visit) -> None:
    """The first page on a phone."""
    visit.open()
    visit.page.wait_for_timeout(2 * _SETTLED_MS)
    visit.take("phone")


SCENES: dict[str, Callable[[Visit], None]] = {
    scene.__name__: scene for scene in (light, structure, memory_dark, predict, foreign, train, phone)
}


def _visits(browser: Browser, url: str, folder: Path, frames: Frames, names: list[str]) -> Iterator[tuple[str, Visit]]:
    for name in names:
        is_phone = name == "phone"
        size = {"width": 390, "height": 844} if is_phone else {"width": 1280, "height": 720}
        page = browser.new_page(viewport=size, has_touch=is_phone, is_mobile=is_phone)  # type: ignore[arg-type]
        yield name, Visit(page, url, folder, frames)
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SCENES), help=f"some of {', '.join(SCENES)}, with commas between")
    parser.add_argument("--to", type=Path, default=ROOT / "assets")
    asked = parser.parse_args()
    frames: Frames = []
    names = asked.only.split(",")
    command = ("-m", "explorer", "--offline", "--device", "cpu", "--runs-dir")
    with tempfile.TemporaryDirectory() as runs, served(*command, runs) as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        for name, visit in _visits(browser, url, asked.to, frames, names):
            SCENES[name](visit)
        browser.close()
    if names == list(SCENES):
        first, *rest = (Image.open(BytesIO(frame)).convert("RGB").resize(_FRAME_PX, Image.Resampling.LANCZOS) for frame in frames)
        first.save(asked.to / "in-use.webp", save_all=True, append_images=rest, duration=_FRAME_MS, loop=0, quality=80, method=6)


if __name__ == "__main__":
    main()
