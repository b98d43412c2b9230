"""The maps over a photo: what is drawn, pointed at and saved is what the library computes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from densenet.predict import classify, view_of
from explorer.components.overlays import scale_of
from tests.support.photo_side import embedded, map_of, painted, photo_of, pixels, wait_for_maps

pytestmark = pytest.mark.browser

SHOWN = {"Grad-CAM": "grad_cam", "Integrated gradients": "integrated_gradients", "Saliency": "saliency"}
LEVELS = 2  # of 255: rounding of colours, and of a gradient that other threads add up in another order


def _canvas(page: Page, title: str) -> Locator:
    return page.locator("#maps figure", has_text=title).locator("canvas")


def _ends_of_scales(page: Page) -> list[str]:
    return page.locator("#maps .scale span:last-child").all_inner_texts()


def labels() -> tuple[str, ...]:
    """Names of the classes of the net that the page begins with."""
    record = embedded().weights
    assert record is not None
    return record.labels()


def test_maps_show_the_library_s_values(beagle: Page) -> None:
    """Each map's pixels are the library's values in the page's colours; opacity, photo beside map and one scale do what they say."""
    page = beagle
    target = classify(embedded(), photo_of("beagle"), 1)[0].index
    expect(page.locator("#maps .map-head")).to_contain_text(f"Why {labels()[target]}?")
    view = view_of(embedded(), photo_of("beagle"))
    maps = {title: map_of("beagle", target, method) for title, method in SHOWN.items()}
    scales = {title: scale_of(values) for title, values in maps.items()}
    assert max(scales.values()) > 1.5 * min(scales.values()), "one scale would change nothing"

    def shows(opacity: float = 1.0, scale: float | None = None) -> None:
        for title, values in maps.items():
            expected = painted(view, values, scale or scales[title], opacity)
            assert np.abs(pixels(_canvas(page, title)) - expected).max() <= LEVELS, title

    shows()
    page.locator("#maps .opacity").fill("0.4")
    shows(opacity=0.4)
    page.locator("#maps .opacity").fill("1")
    own = _ends_of_scales(page)
    assert [float(end) for end in own] == pytest.approx(list(scales.values()), rel=0.06)
    page.locator("#maps .shared").check()
    expect(page.locator("#maps .scale-says")).to_have_text("one scale for all")
    shows(scale=max(scales.values()))
    assert set(_ends_of_scales(page)) == {max(own, key=float)}
    page.locator("#maps .shared").uncheck()
    shows()
    page.locator("#maps .uncover").fill("0.5")
    half = view.width // 2
    for title, values in maps.items():
        drawn = pixels(_canvas(page, title))
        assert np.abs(drawn[:, :half] - painted(view, values, scales[title])[:, :half]).max() <= LEVELS, "left: the map"
        assert (drawn[:, half:] == np.asarray(view)[:, half:]).all(), "right: the photo in its colours"


def test_the_value_under_the_pointer(beagle: Page) -> None:
    page = beagle
    canvas = _canvas(page, "Grad-CAM")
    values = map_of("beagle", classify(embedded(), photo_of("beagle"), 1)[0].index, "grad_cam")
    box = canvas.bounding_box()
    assert box is not None
    height, width = values.shape
    for column, row in (
        (width // 16, height // 16),
        (2 * width // 3, height // 3),
        (width - width // 16, height - height // 16),
    ):  # no corner: it is round
        canvas.hover(position={"x": (column + 0.5) / width * box["width"], "y": (row + 0.5) / height * box["height"]})
        status = page.locator("#maps .map-status")
        expect(status).to_have_text(re.compile(r"^Grad-CAM, column \d+, row \d+: .* of the score$"))
        page.wait_for_function(
            "([column, row]) => { const at = document.querySelector('#maps .map-status').textContent.match(/column (\\d+), row (\\d+)/);"
            " return at && Math.abs(at[1] - column) <= 1 && Math.abs(at[2] - row) <= 1; }",  # a pixel of the map is two of the screen
            arg=[column, row],
        )
        at = re.match(r"Grad-CAM, column (\d+), row (\d+): (\S+) ", status.inner_text())
        assert at is not None
        assert float(at[3]) == pytest.approx(values[int(at[2]), int(at[1])], rel=2e-3, abs=1e-6)


def test_what_is_saved_is_what_is_shown(beagle: Page, tmp_path: Path) -> None:
    """The PNG is the canvas, each pixel a square; the NumPy file is the library's array."""
    page = beagle
    figure = page.locator("#maps figure", has_text="Saliency")
    page.locator("#maps .uncover").fill("0.5")
    with page.expect_download() as picture:
        figure.get_by_role("button", name="PNG").click()
    target = classify(embedded(), photo_of("beagle"), 1)[0].index
    stem = f"{labels()[target].replace(' ', '_')}-saliency"
    assert picture.value.suggested_filename == f"{stem}.png"
    picture.value.save_as(tmp_path / "map.png")
    saved = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(int)
    shown = pixels(figure.locator("canvas"))
    times = round(512 / shown.shape[1])
    assert (saved == shown.repeat(times, axis=0).repeat(times, axis=1)).all()
    with page.expect_download() as numbers:
        figure.get_by_role("button", name=".npy").click()
    assert numbers.value.suggested_filename == f"{stem}.npy"
    kept = np.load(numbers.value.path())
    values = map_of("beagle", target, "saliency")
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, values, rtol=1e-3, atol=1e-4 * np.abs(values).max())


def test_another_class_has_its_own_map(beagle: Page) -> None:
    page = beagle
    second = classify(embedded(), photo_of("beagle"), 2)[1]
    row = page.locator(".class-row").nth(1)
    expect(row.locator(".class-name")).to_have_text(second.label)
    row.click()
    expect(page.locator("#maps .map-head")).to_contain_text(f"Why {second.label}?")
    wait_for_maps(page, 3)
    values = map_of("beagle", second.index, "grad_cam")
    expected = painted(view_of(embedded(), photo_of("beagle")), values, scale_of(values))
    assert np.abs(pixels(_canvas(page, "Grad-CAM")) - expected).max() <= LEVELS
