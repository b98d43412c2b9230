"""What the browser's tests do on the Predict tab, and the library's own answers to hold the page's against."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from densenet.attribution import attribute
from densenet.model import DenseNet
from densenet.pictures.images import read_image
from densenet.predict import input_of, view_of
from densenet.weights import load
from densenet.weights.known import DEFAULT
from explorer.components.colours import BOTH_WAYS, rgb
from explorer.tabs.predict.tab import SAMPLES
from tests.support.visit import Visit

# Every map that was asked for is drawn and says what it shows, and how long it took.
_DRAWN = """([panel, count]) => document.querySelectorAll(`${panel} canvas`).length === count && !/waiting|computing|[0-9] %/.test(
  [...document.querySelectorAll(`${panel} figcaption > span`)].map((s) => s.textContent).join())"""
_PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def choose_sample(visit: Visit, stem: str, query: str = "") -> Page:
    """Open the Predict tab with the sample photo of this name, and wait for the net's five best classes."""
    page = visit.open(f"?tab=Predict&preset=tiny&{query}")
    place = [path.stem for path in SAMPLES].index(stem)
    page.locator("#samples .gallery-item").nth(place).click()
    expect(page.locator(".class-row")).to_have_count(5)
    return page


def photo_of(stem: str) -> Image.Image:
    """The sample photo of this name, as a net's user reads it."""
    return read_image(next(path for path in SAMPLES if path.stem == stem))


def embedded() -> DenseNet:
    """The net that the page begins with."""
    return load(DEFAULT)


@cache
def map_of(stem: str, target: int, method: str) -> NDArray[np.float32]:
    """What the library says of the embedded net: the map of class `target`, H x W, the channels' sum."""
    model = embedded()
    x = input_of(model, view_of(model, photo_of(stem)))
    return attribute(model, x, target, method).map.sum(1)[0].numpy()


def wait_for_maps(page: Page, count: int, panel: str = "#maps") -> None:
    """Wait until that many maps are finished."""
    page.wait_for_function(_DRAWN, arg=[panel, count])


def pixels(canvas: Locator) -> NDArray[np.int64]:
    """What a canvas of a map shows, H x W x 3."""
    width, height = (int(canvas.evaluate(f"c => c.{side}")) for side in ("width", "height"))
    return np.array(canvas.evaluate(_PIXELS), dtype=np.int64).reshape(height, width, 4)[..., :3]


def painted(view: Image.Image, values: NDArray[np.floating], scale: float, opacity: float = 1.0) -> NDArray[np.float64]:
    """What a map must look like, H x W x 3: orange above 0 and blue below, over a pale grey photo, full where a value reaches `scale`."""
    colours = np.asarray(view.convert("RGB"), dtype=np.float64)
    pale = 0.6 * (colours @ [0.299, 0.587, 0.114]) + 102
    strength = opacity * np.minimum(1, np.abs(values) / scale)[..., None]
    tint = np.where((values > 0)[..., None], np.array(rgb(BOTH_WAYS[2])), np.array(rgb(BOTH_WAYS[0])))
    return pale[..., None] * (1 - strength) + tint * strength


def bring_weights(page: Page, *files: Path) -> None:
    """Bring a net of one's own: its weights, and its card where there is one."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own weights").click()
    chooser.value.set_files(files)
