"""Predict: what nets say of a photo, side by side, at a temperature; nets that are brought or cannot be had; photos that cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from densenet.pictures.images import readable_formats
from densenet.predict import classify
from densenet.weights.known import ASSETS, DEFAULT
from tests.support.bad_photos import TABBY, write_accepted, write_refused
from tests.support.photo_side import bring_weights, choose_sample, embedded, photo_of
from tests.support.resident import most_resident_bytes
from tests.support.serving import served
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def _answers(page: Page, net: int = 0) -> list[tuple[str, str]]:
    rows = page.locator(".answer").nth(net).locator(".class-row")
    names, shares = rows.locator(".class-name").all_inner_texts(), rows.locator(".class-share").all_inner_texts()
    return list(zip(names, shares, strict=True))


def _said_by_the_library(stem: str, temperature: float = 1.0) -> list[tuple[str, str]]:
    said = classify(embedded(), photo_of(stem), 5, temperature)
    return [(one.label, f"{100 * one.probability:.1f}\u00a0%" if one.probability >= 0.0005 else "<0.1\u00a0%") for one in said]


def test_five_classes_at_any_temperature(beagle: Page) -> None:
    """The page turns the temperature itself: its shares must be the library's, to the digit that is shown."""
    page = beagle
    assert _answers(page) == _said_by_the_library("beagle")
    slider = page.get_by_label("Temperature")
    for power, shown, temperature in (("1", "10.00", 10.0), ("-0.3", "0.50", 10**-0.3)):
        slider.fill(power)
        expect(page.locator(".temperature output")).to_have_text(shown)
        assert _answers(page) == _said_by_the_library("beagle", temperature)
    slider.dblclick()
    expect(page.locator(".temperature output")).to_have_text("1.00")
    assert _answers(page) == _said_by_the_library("beagle")


def test_nets_side_by_side_and_a_contrast(visit: Visit, tmp_path: Path) -> None:
    """Weights that are brought answer beside the others; a file that is none changes nothing."""
    page = choose_sample(visit, "tabby")
    for name, count in (("one", 2), ("two", 3)):
        card = tmp_path / "card.json"
        card.write_text(json.dumps({**json.loads((ASSETS / f"{DEFAULT}.json").read_text()), "label": f"net {name}"}))
        bring_weights(page, ASSETS / f"{DEFAULT}.pth", card)
        expect(page.locator("#net .token").first).to_contain_text(name)
        expect(page.locator(".answer-head").first).to_contain_text(name)
        expect(page.locator(".answer")).to_have_count(count)
        expect(page.locator(".class-row")).to_have_count(5 * count)
    for net in range(3):
        assert _answers(page, net) == _said_by_the_library("tabby"), "the same weights, brought"
    page.get_by_label("Against").click()
    page.get_by_role("option", name="and not beagle").click()
    expect(page.locator("#maps .map-head")).to_contain_text("Why cat and not beagle?")
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"nothing")
    bring_weights(page, bad)
    expect(page.get_by_text("Cannot read bad.pth").first).to_be_visible()
    expect(page.locator(".answer")).to_have_count(3)


def test_a_net_without_its_weights_is_a_sentence_and_harms_nothing(beagle: Page) -> None:
    page = beagle
    page.get_by_label("Nets, side by side").click()
    page.get_by_role("option", name=re.compile("DenseNet-121")).click()
    said = page.get_by_text("The embedded net works without a network").first
    expect(said).to_contain_text("not on this machine, and downloads are switched off")
    expect(page.locator(".answer")).to_have_count(1)
    assert _answers(page) == _said_by_the_library("beagle")


@pytest.fixture
def fresh_visit(context: BrowserContext) -> Iterator[tuple[Visit, psutil.Process]]:
    """A visit to a server of its own, so that its memory is nobody else's."""
    with served("-m", "explorer", "--offline", "--device", "cpu") as (url, pid):
        current = Visit(context.new_page(), url)
        yield current, psutil.Process(pid)
        current.page.close()
        assert current.problems == []


def test_bad_uploads_are_answered_and_the_next_one_works(fresh_visit: tuple[Visit, psutil.Process], tmp_path: Path) -> None:
    """On the page: one file of each end (the others are proved on the endpoint); a bomb must not fill the server's memory."""
    visit, process = fresh_visit
    page = visit.open("?tab=Predict&preset=tiny")
    refused = {path.name: path for path in write_refused(tmp_path / "refused")}
    accepted = {path.name: path for path in write_accepted(tmp_path / "accepted")}

    def upload(path: Path) -> None:
        clear = page.locator("#photo").get_by_label(re.compile("Clear|Remove"))
        if clear.count():
            clear.first.click()
        page.locator("#photo input[type=file]").set_input_files(str(path))

    for name in ("truncated.jpg", "bomb.png"):
        upload(refused[name])
        expect(page.get_by_text(re.compile(f"Cannot read {re.escape(name)} as a photo")).first).to_be_visible()
        expect(page.locator(".class-row")).to_have_count(0)
    upload(accepted["turned.jpg"])
    expect(page.locator(".class-row")).to_have_count(5)
    expect(page.locator(".class-row").first).to_contain_text("cat")
    assert "HEIF" in readable_formats()
    Image.open(TABBY).save(tmp_path / "phone.heic", "HEIF")  # which no browser shows: the page gets what each does
    upload(tmp_path / "phone.heic")
    expect(page.locator(".class-row").first).to_contain_text("cat")
    page.wait_for_function("[...document.querySelectorAll('#photo img')].some((image) => image.naturalWidth > 100)")
    assert most_resident_bytes(process) < 1.5e9  # 0.8e9 of them are Gradio and torch
